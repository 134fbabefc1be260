"""C4's rules, against datatrove's."""

from pathlib import Path

import pytest

from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page, Step
from encodery.corpus.steps.c4 import C4Config, C4Step, num_sentences
from tests.corpus.steps.oracles import datatrove_filter, ours, random_line, random_texts, verdict

NAMES = {"too_few_sentences": "few_sentences", "": "", "curly_bracket": "curly_bracket", "lorem_ipsum": "lorem_ipsum"}
SPICE = [
    "Please enable JavaScript now.",
    "We use cookies on this site.",
    "A Lorem Ipsum text.",
    "if (x) { return y.",
    "x" * 1001 + " b c d.",
]
LINE = "This is a line of words."


def step(**settings: object) -> C4Step:
    made = C4Step(C4Config.parse(settings, "test"), Path())
    assert isinstance(made, Step)
    return made


def test_datatrove_leaves_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = datatrove_filter(
        monkeypatch,
        "c4_filters",
        "C4QualityFilter",
        split_into_sentences=lambda line, language: [line] * num_sentences(line),
    )()

    texts = random_texts(
        13,
        397,
        lambda draw: draw.choice(SPICE) if draw.random() < 0.05 else random_line(draw).replace("3.4", "[12]"),
        31,
    )
    theirs = [verdict(judge, text) for text in texts]
    assert {why for why, _ in theirs} == set(NAMES)
    reasons, left = ours(step(), texts)
    assert reasons == [NAMES[why] for why, _ in theirs]
    kept = [text for text, why in zip(left, reasons, strict=True) if not why]
    # theirs leaves the space in front of which a citation stood
    assert kept == ["\n".join(line.strip() for line in text.split("\n")) for why, text in theirs if not why]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("No mark at the end", "no_end_mark"),
        ("It goes on and on...", "no_end_mark"),
        ("Two words.", "few_words"),
        ("You need JavaScript for this!", "javascript"),
        ("Read our Privacy Policy here.", "policy"),
        ("a b c " + "x" * 1001 + ".", "long_word"),
    ],
)
def test_lines_that_go(line: str, why: str) -> None:
    page, ledger = Page("\n".join([LINE, line, LINE]), "a", language="en"), Ledger()
    step(min_sentences=2)([page], ledger)
    assert page.text == f"{LINE}\n{LINE}"
    assert {reason for reason, _ in ledger.counts} == {f"c4/{why}"}
    assert ledger.counts[f"c4/{why}", "paragraphs"] == 1
    assert ledger.counts[f"c4/{why}", "characters"] == len(line)


@pytest.mark.parametrize(
    ("line", "why"),
    [("Lorem Ipsum dolor sit.", "lorem_ipsum"), ("if a { b c.", "curly_bracket"), ("", "few_sentences")],
)
def test_pages_that_go(line: str, why: str) -> None:
    page, ledger = Page(f"No mark\n{LINE}\n{line}", "a", language="en"), Ledger()
    step(min_sentences=2)([page], ledger)
    assert page.dropped == f"c4/{why}"
    assert page.text == f"No mark\n{LINE}\n{line}"
    assert {reason for reason, _ in ledger.counts} == {f"c4/{why}"}


def test_each_rule_can_be_switched_off() -> None:
    line = "Lorem ipsum of our privacy policy with javascript { [1] and so on"
    off = dict.fromkeys(["javascript", "policy", "lorem_ipsum", "curly_bracket", "citations"], False)
    settings = {**off, "min_sentences": 0, "end_marks": ["on"], "min_words": 0}
    assert ours(step(**settings), [line, "on"]) == (["", ""], [line, "on"])
    assert ours(step(**{**settings, "citations": True}), [line])[1] == [line.replace("[1]", "")]
    for rule in ("javascript", "policy"):
        assert ours(step(**{**settings, rule: True}), [f"{line}\non"])[1] == ["on"]
    for rule in ("lorem_ipsum", "curly_bracket"):
        assert ours(step(**{**settings, rule: True}), [line])[0] == [rule]


def test_citations_of_lines_that_stay_are_counted_and_shown() -> None:
    page, ledger = (
        Page(f"{LINE}\nAs [a] {'word ' * 200}said[1] here[2].\nNo mark[3]\nAgain[12] and again.", "a"),
        Ledger(),
    )
    step(min_sentences=2)([page], ledger)
    assert ledger.counts["c4/citations", "changes"] == 3
    assert ledger.counts["c4/citations", "changed documents"] == 1
    ((_, shown),) = ledger.samples["c4/citations"]
    assert shown["text"].endswith("word said[1] here[2].")


def test_a_page_without_a_line_left_goes_whatever_is_asked_of_it() -> None:
    assert ours(step(min_sentences=0), ["No mark at the end", "One of them ends."])[0] == ["few_sentences", ""]


def test_other_languages_have_other_marks() -> None:
    hindi = "यह एक लंबा वाक्य है।"
    assert ours(step(min_sentences=1), [hindi], "hi") == ([""], [hindi])
    assert ours(step(min_sentences=1), [hindi], "en")[0] == ["few_sentences"]
    chinese = "这是一个句子。这是第二个句子！"
    assert ours(step(min_sentences=2), [chinese], "zh") == ([""], [chinese])
    assert ours(step(min_sentences=3), [chinese], "zh")[0] == ["few_sentences"]
    assert ours(step(min_sentences=1), ["文" * 1001 + "。"], "zh")[0] == [""]


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("One. Two! Three?", 3),
        ("One", 1),
        ("Version 3.4 is out.", 1),
        ('He said "Stop!" And she did.', 2),
        ("Wait... what?!", 2),
        ("一。二！三", 2),
        ("", 1),
        ("." * 200_000 + "x.", 1),  # hours if every dot were tried as the first
    ],
)
def test_sentences(line: str, number: int) -> None:
    assert num_sentences(line) == number
