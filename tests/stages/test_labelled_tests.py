"""Test sets of labelled formats become records of text."""

import json
from pathlib import Path
from typing import Any

import pytest

from encodery.corpus.clean_table import CleanTable
from encodery.errors import UserError
from encodery.stages.labelled_tests import with_tests_written


def table(*against: dict[str, Any]) -> CleanTable:
    return CleanTable.parse({"decontaminate": {"against": [*against]}}, "r.toml")


def texts(base: Path, path: str, **values: Any) -> list[str]:
    """What the step reads of a labelled file."""
    written = with_tests_written(table({"path": path, "format": "labelled", **values}), base, base / "work/tests")
    assert written.decontaminate is not None
    (entry,) = written.decontaminate.against
    assert entry.label == path.partition(".")[0]
    return [*entry.texts(Path("elsewhere"))]


@pytest.mark.parametrize("suffix", ["txt", "tsv", "iob"])
def test_words_with_tags_are_sentences(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"dev.{suffix}").write_text("Anna B-PER\nruns O\n\nRome B-LOC\nis O\nold O\n")
    assert texts(tmp_path, f"dev.{suffix}", fields=["text", "tokens"]) == ["Anna runs", "Rome is old"]


def test_numbers_of_words_are_no_words(tmp_path: Path) -> None:
    (tmp_path / "dev.conll").write_text("1\tNew\tB-LOC\n2\tYork\tI-LOC\n")
    assert texts(tmp_path, "dev.conll", fields=["tokens"]) == ["New York"]


def test_a_list_of_words_is_one_text_and_one_of_choices_is_not(tmp_path: Path) -> None:
    record = {"words": ["Anna", "runs"], "choices": ["She rests.", "She walks."], "tags": ["B-PER", "O"]}
    (tmp_path / "dev.jsonl").write_text(json.dumps(record) + "\n")
    fields = ["words", "choices", "text"]
    assert texts(tmp_path, "dev.jsonl", fields=fields, words="words") == ["Anna runs", "She rests.", "She walks."]


def test_labels_of_a_table_without_a_suffix_of_its_own_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "dev.txt").write_text("text\tlabel\nA good day.\tpos\nA good day.\tneg\n")
    assert texts(tmp_path, "dev.txt", fields=["text"]) == ["A good day."]
    assert texts(tmp_path, "dev.txt") == ["A good day.", "pos", "neg"]


def test_questions_with_their_contexts(tmp_path: Path) -> None:
    answered = [{"id": str(n), "question": f"Who {n}?", "answers": []} for n in range(3)]
    document = {"data": [{"title": "T", "paragraphs": [{"context": "Anna runs.", "qas": answered}]}]}
    (tmp_path / "dev.json").write_text(json.dumps(document))
    expected = ["Who 0?", "Anna runs.", "Who 1?", "Who 2?"]
    assert texts(tmp_path, "dev.json", fields=["question", "context"]) == expected


def test_a_set_without_text_in_its_fields(tmp_path: Path) -> None:
    (tmp_path / "dev.jsonl").write_text('{"sentence": "Anna runs", "text": " "}\n')
    with pytest.raises(UserError) as refused:
        texts(tmp_path, "dev.jsonl", fields=["text", "tokens"])
    assert str(refused.value) == (
        f"{tmp_path}/dev.jsonl: no text in a field text, tokens, so nothing of it would be kept out of the corpus; "
        "set fields to names that the file has"
    )


def test_other_sets_stay_as_they_are(tmp_path: Path) -> None:
    clean = table({"path": "a.txt"}, {"path": "b.conll", "column": 1})
    assert with_tests_written(clean, tmp_path, tmp_path / "tests") == clean
    assert with_tests_written(CleanTable(), tmp_path, tmp_path / "tests") == CleanTable()
    assert not (tmp_path / "tests").exists()
