"""The step that keeps evaluation sets out of the corpus."""

import gzip
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from encodery.corpus.dedup.decontaminate import DecontaminateConfig, DecontaminateStep, evaluation_files
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page, Step
from encodery.errors import UserError

QUESTION = "Which city did the explorers leave in the cold spring of 1911 before noon"
NAMES = "The nine rivers of the old northern county all run west"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "qa.jsonl").write_text(json.dumps({"question": f"{QUESTION}?", "id": "x"}) + "\n")
    (tmp_path / "names.txt").write_text(f"{NAMES}\nNine rivers\n")
    return tmp_path


def step(base: Path, **values: Any) -> DecontaminateStep:
    against = [{"path": "qa.jsonl", "fields": ["question"]}, {"path": "names.txt", "name": "rivers"}]
    return DecontaminateStep(DecontaminateConfig.parse({"against": against, **values}, "recipe.toml"), base)


def pages(*texts: str) -> list[Page]:
    return [Page(text, f"a.jsonl!{number}") for number, text in enumerate(texts)]


def test_documents_with_a_planted_question_go(base: Path) -> None:
    found, ledger = pages("Intro.\n" + QUESTION.upper() + " — they ask.", "Clean.", f"x {NAMES}."), Ledger()
    step(base)(found, ledger)
    assert [page.dropped for page in found] == ["decontaminate/qa", "", "decontaminate/rivers"]
    assert ledger.counts["decontaminate/qa", "documents"] == 1
    assert ledger.counts["decontaminate/qa", "paragraphs"] == 2


def test_paragraphs_with_a_planted_question_are_cut(base: Path) -> None:
    both = f"Intro.\n{QUESTION}\nMiddle.\n{NAMES}\nEnd."
    broken = QUESTION.replace("the cold", "the\ncold")
    found, ledger = pages(both, f"A.\n{broken}\nB.", NAMES), Ledger()
    step(base, drop="paragraph")(found, ledger)
    assert [page.text for page in found] == ["Intro.\nMiddle.\nEnd.", "A.\nB.", NAMES]
    assert [page.dropped for page in found] == ["", "", "decontaminate/rivers"]
    assert ledger.counts["decontaminate/qa", "paragraphs"] == 3
    assert ledger.counts["decontaminate/rivers", "paragraphs"] == 2
    assert ledger.counts["decontaminate/rivers", "documents"] == 1


@pytest.mark.parametrize("drop", ["document", "paragraph"])
def test_samples_show_the_run_that_is_shared(base: Path, drop: str) -> None:
    far = "word " * 300
    found, ledger = pages(f"Intro.\n{far}{QUESTION} {far}\n{NAMES} {far}"), Ledger()
    step(base, drop=drop)(found, ledger)
    ((_, shown),) = ledger.samples["decontaminate/qa"]
    assert QUESTION in shown["text"]
    assert len(shown["text"]) < 500
    names = [what["text"] for _, what in ledger.samples.get("decontaminate/rivers", [])]
    assert [NAMES in text for text in names] == ([True] if drop == "paragraph" else [])


def test_short_texts_are_not_looked_for(base: Path) -> None:
    found = pages("Nine rivers", "the nine rivers of the old northern county all run")
    step(base)(found, Ledger())
    assert not any(page.dropped for page in found)


def test_dropped_pages_are_passed_over(base: Path) -> None:
    found, ledger = pages(QUESTION), Ledger()
    found[0].dropped = "url/blocked"
    step(base)(found, ledger)
    assert found[0].dropped == "url/blocked"
    assert not ledger.counts


def test_a_second_time_nothing_goes(base: Path) -> None:
    found = pages(f"Intro.\n{QUESTION}\n{NAMES}", "Clean.")
    step(base, drop="paragraph")(found, Ledger())
    again = Ledger()
    step(base, drop="paragraph")(found, again)
    assert not again.counts


def test_it_is_a_step_that_travels_to_other_processes(base: Path) -> None:
    ours = step(base)
    assert isinstance(ours, Step)
    found = pages(QUESTION)
    pickle.loads(pickle.dumps(ours))(found, Ledger())
    assert found[0].dropped == "decontaminate/qa"
    assert evaluation_files(ours.config, base) == [base / "qa.jsonl", base / "names.txt"]


def test_files_that_changed_are_read_again(base: Path) -> None:
    step(base)(pages("x"), Ledger())
    (base / "names.txt").write_text(f"{NAMES} and south\n")
    os.utime(base / "names.txt", ns=(1, 1))
    found = pages(NAMES)
    step(base)(found, Ledger())
    assert not found[0].dropped


def test_settings_that_do_not_fit(base: Path) -> None:
    with pytest.raises(UserError, match=r"shortest = 14 is above words = 13; lower it"):
        step(base, shortest=14)
    with pytest.raises(UserError, match="against"):
        DecontaminateConfig.parse({"against": []}, "recipe.toml")
    with pytest.raises(UserError, match=r"none.txt: no such file"):
        step(base, against=[{"path": "none.txt"}])(pages("x"), Ledger())
    with pytest.raises(UserError, match=r"none.txt: no such file"):
        step(base, against=[{"path": "none.txt"}]).check()
    (base / "short.txt").write_text("Too short\n")
    with pytest.raises(UserError) as error:
        step(base, against=[{"path": "short.txt"}])(pages("x"), Ledger())
    assert str(error.value) == (
        "short.txt: no text of 8 words or more to look for; lower shortest, check format and fields, or leave them "
        "out"
    )


def test_each_set_has_something_to_look_for(base: Path) -> None:
    """One whose words stand a line each, beside one that is as it should be."""
    (base / "dev.txt").write_text("".join(f"{word} O\n" for word in NAMES.split()))
    with pytest.raises(UserError, match=r"^dev\.txt, ner: no text of 8 words or more"):
        step(base, against=[{"path": "dev.txt"}, {"path": "names.txt"}, {"path": "dev.txt", "name": "ner"}]).check()


def test_a_set_may_be_that_of_another(base: Path) -> None:
    against = [{"path": "names.txt", "name": name} for name in ("first", "second")]
    found = pages(NAMES)
    step(base, against=against)(found, Ledger())
    assert found[0].dropped == "decontaminate/first"


@pytest.mark.parametrize(("language", "words"), [("en", "The"), ("zh", "在"), ("hi", "एक"), ("ar", "في")])
def test_planted_questions_of_a_real_set_are_found(shared_data: Path, language: str, words: str) -> None:
    path = f"qa/xquad/xquad.{language}.json.gz"
    against = [{"path": path, "fields": ["question"]}]
    ours = DecontaminateStep(DecontaminateConfig.parse({"against": against, "shortest": 5}, "test"), shared_data)
    content = json.loads(gzip.decompress((shared_data / path).read_bytes()))
    entries = [entry for article in content["data"][:3] for entry in article["paragraphs"]]
    questions = [qa["question"] for entry in entries for qa in entry["qas"]]
    planted = pages(*(f"{words} 1.\n{words}: {question} {words}." for question in questions))
    clean = pages(*(entry["context"] for entry in entries))
    ours(planted, Ledger())
    ours(clean, Ledger())
    found = sum(bool(page.dropped) for page in planted)
    assert found > 0.9 * len(planted)  # the rest is too short
    assert sum(bool(page.dropped) for page in clean) < 0.1 * len(clean)
