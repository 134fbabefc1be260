"""Every format is written as it is read; what it cannot hold is refused, and a failure leaves the old file."""

import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encodery.data.formats import FORMATS, FormatOptions, write_labelled
from encodery.data.formats.registry import FormatName
from encodery.data.formats.tags import TagScheme, from_iob2
from encodery.errors import UserError
from encodery.files.records import Record

from .conftest import records

# any Unicode but halves of surrogate pairs
CHARACTER = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")
TEXT = st.text(CHARACTER, min_size=1, max_size=13) | st.text("\t\n\"', ab😀é#-", min_size=1, max_size=13)
WORD = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs"]), min_size=1, max_size=7)
LABEL = st.sampled_from(["PER", "A-B", "écu"])


@st.composite
def entity_records(draw: st.DrawFn) -> Record:
    text = draw(TEXT)
    edges = st.tuples(st.integers(0, len(text)), st.integers(0, len(text)), LABEL)
    places = [(min(a, b), max(a, b), label) for a, b, label in draw(st.lists(edges, max_size=3)) if a != b]
    return {"text": text, "entities": [{"start": a, "end": b, "label": label} for a, b, label in places]}


@st.composite
def tagged_records(draw: st.DrawFn) -> Record:
    tokens = draw(st.lists(WORD, min_size=1, max_size=7))
    tags = draw(st.lists(st.sampled_from(["O", "B-A", "B-B"]), min_size=len(tokens), max_size=len(tokens)))
    for at in range(1, len(tags)):
        if tags[at - 1] != "O" and draw(st.booleans()):
            tags[at] = "I" + tags[at - 1][1:]
    return {"tokens": tokens, "tags": tags}


@st.composite
def questions(draw: st.DrawFn) -> Record:
    starts = draw(st.lists(st.integers(0, 11), max_size=3))
    return {
        "id": draw(TEXT),
        "question": draw(TEXT),
        "context": draw(TEXT),
        "answers": {"text": ["x" for _ in starts], "answer_start": starts},
        "title": draw(st.sampled_from(["one", "two"])),
    }


ROW = st.fixed_dictionaries({"text": TEXT, "label": TEXT})
STRATEGY: dict[FormatName, st.SearchStrategy[Record]] = {
    "jsonl": ROW | entity_records() | tagged_records() | questions(),
    "json": ROW | entity_records() | tagged_records() | questions(),
    "csv": ROW,
    "tsv": ROW,
    "parquet": st.fixed_dictionaries({"text": TEXT, "label": st.lists(TEXT, min_size=1), "number": st.floats(0, 1)}),
    "hf-dataset": questions(),
    "conll": tagged_records(),
    "conllu": tagged_records(),
    "squad": questions(),
    "label-studio": entity_records(),
    "doccano": entity_records(),
    "prodigy": entity_records(),
    "spacy": entity_records(),
}
UNHOLDABLE = {"tsv", "conll", "conllu"}
"""Formats without an escape: some records must be refused."""


def holds(path: Path, given_records: list[Record], file_format: str) -> bool:
    """Write the records, unless the format refuses them."""
    try:
        write_labelled(path, given_records, file_format)
    except UserError:
        return False
    return True


@pytest.mark.parametrize("file_format", FORMATS)
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
def test_what_is_written_is_read_again(file_format: FormatName, data: st.DataObject) -> None:
    given_records = data.draw(st.lists(STRATEGY[file_format], min_size=1, max_size=4))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.gz" if file_format != "hf-dataset" else Path(folder) / "a"
        if not holds(path, given_records, file_format):
            assert file_format in UNHOLDABLE
            assert not list(Path(folder).iterdir())
            return
        once = records(path, file_format)
        assert once == given_records
        again = path.with_name("b.zst" if file_format != "hf-dataset" else "b")
        write_labelled(again, once, file_format)
        assert records(again, file_format) == once


@pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "IOBES", "BILOU"])
def test_tags_are_written_in_the_scheme_asked_for(tmp_path: Path, scheme: TagScheme) -> None:
    tags = ["B-A", "I-A", "B-A", "O", "B-B"]
    path = tmp_path / "a.conll"
    write_labelled(path, [{"tokens": list("vwxyz"), "tags": tags}], "conll", FormatOptions(tag_scheme=scheme))
    assert [line.split(" ")[1] for line in path.read_text().split("\n")[:5]] == from_iob2(tags, scheme)
    assert records(path)[0]["tags"] == tags


def test_columns_and_comments_are_written_in_place(tmp_path: Path) -> None:
    content = "-DOCSTART- -X- O\n\n# one\na X O\nb Y B-A\n# two\n\nc Z O\n\n"
    (tmp_path / "a.conll").write_text(content)
    write_labelled(tmp_path / "b.conll", records(tmp_path / "a.conll"), "conll")
    assert (tmp_path / "b.conll").read_text() == content


def test_words_become_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_labelled(path, [{"tokens": ["In", "New", "York"], "tags": ["O", "B-LOC", "I-LOC"]}], "doccano")
    assert records(path) == [{"text": "In New York", "entities": [{"start": 3, "end": 11, "label": "LOC"}]}]


def test_text_becomes_words(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    places = [{"start": 3, "end": 11, "label": "LOC"}, {"start": 13, "end": 15, "label": "X"}]
    write_labelled(path, [{"text": "In New York, today.", "entities": places}], "conll")
    assert records(path) == [
        {
            "tokens": ["In", "New", "York", ",", "to", "day", "."],
            "tags": ["O", "B-LOC", "I-LOC", "O", "B-X", "O", "O"],
        }
    ]


PLACES = [{"start": 0, "end": 6, "label": "A"}, {"start": 3, "end": 8, "label": "B"}]


@pytest.mark.parametrize(
    ("file_format", "record", "message"),
    [
        ("conll", {"text": "In New York", "entities": PLACES},
         "record 1: words 1:3 (B) overlap 0:2 (A); tags hold one entity per word"),
        ("conll", {"text": "a   b", "entities": [{"start": 2, "end": 3, "label": "A"}]},
         "record 1: the entity {'start': 2, 'end': 3, 'label': 'A'} holds no word; repair it"),
        ("conll", {"tokens": ["a"], "tags": ["O"], "language": "en"},
         "record 1: a file of columns has no place for 'language'; remove it or write jsonl"),
        ("conll", {"tokens": ["a"]}, "record 1: a sentence without tags; columns hold both"),
        ("conll", {"tokens": ["a", "b"], "tags": ["O"]}, "record 1: 1 tags for 2 words; repair the record"),
        ("conll", {"tokens": [""], "tags": ["O"]},
         "record 1: '' cannot stand in a column (a separator, or nothing); write jsonl"),
        ("conll", {"tokens": ["-DOCSTART-"], "tags": ["O"]},
         "record 1: conll cannot hold it: it would be taken for something else"),
        ("csv", {"text": "a", "label": ["x"]},
         "record 1: label = ['x'] does not fit into a cell of a table; write jsonl"),
        ("csv", {"text": "a\r\nb"},
         "record 1: csv cannot hold it: text = 'a\\r\\nb' would be read as 'a\\nb'; write jsonl"),
        ("squad", {"text": "a"}, "record 1: no 'question'; SQuAD holds questions on passages; write jsonl"),
        ("spacy", {"text": "a", "id": 1},
         "record 1: spaCy's training pair has no place for 'id'; remove it or write jsonl"),
        ("doccano", {"text": "a", "entities": [], "label": "x"},
         "record 1: entities and a label of the whole text; doccano holds one of them; write jsonl"),
        ("jsonl", {"text": {1}}, "record 1: JSON cannot hold it"),
        ("jsonl", {"text": "\ud83d"}, "record 1: JSON cannot hold it"),
        ("doccano", {"text": "a", "entities": [{"start": 0}]},
         "record 1: an entity has the end None; offsets are whole numbers of characters"),
        ("spacy", {"text": "a", "entities": "A"},
         "record 1: entities = 'A' is not a list of objects; repair the record"),
        ("label-studio", {"label": "x"}, "record 1: tokens = None is not a list of texts; repair the record"),
    ],
)  # fmt: skip
def test_what_a_format_cannot_hold(tmp_path: Path, file_format: str, record: Record, message: str) -> None:
    path = tmp_path / "a"
    path.write_text("the old file")
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        write_labelled(path, [record], file_format)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    assert path.read_text() == "the old file"


def test_nothing_to_write(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.csv: no record to write"):
        write_labelled(tmp_path / "a.csv", [], "csv")


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    path = tmp_path / "a.jsonl"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"cannot save .*a\.jsonl: No space left on device"):
        write_labelled(path, [{"text": "x"}], "jsonl")
    assert [file.name for file in tmp_path.iterdir()] == ["a.jsonl"]
    assert path.read_text() == "old"


def test_equal_records_are_equal_files(tmp_path: Path) -> None:
    row: dict[str, Any] = {"text": "x"}
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        write_labelled(tmp_path / name, [row], "jsonl")
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
