"""Texts that are there more than once, in a split or in two."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from encodery.data.validation.survey import normalise
from tests.data.validation.records import entity_record, find, question, texts, told

DUPLICATES = ("D001", "D002", "D003", "D004", "D005", "D006")
TRAIN = texts(*((f"text {n}", "ab"[n % 2]) for n in range(20)))


def test_each_relation() -> None:
    train = [*TRAIN, *texts(("text 0", "a"), ("Text  1", "b"), ("text 2", "b"), ("TEXT 3", "a"))]
    dev = texts(("text 4", "a"), ("TEXT 5", "b"), ("text 7", "a"), ("new", "a"), ("new", "a"))
    findings = find(train=train, dev=dev)
    unlike = "case, white space or Unicode form"
    assert [(f.code, f.source, f.message) for f in findings] == [
        ("D001", "train:21", "the same text and label as train:1"),
        ("D002", "train:22", f"the same as train:2 but for {unlike}"),
        ("D005", "train:23", "train:3 has the same text with the label 'a', here 'b'"),
        ("D006", "train:24", f"train:4 differs in {unlike} alone and has the label 'b', here 'a'"),
        ("D003", "dev:1", "the text is also in train: train:5"),
        ("D004", "dev:2", f"but for {unlike} the text is also in train: train:6"),
        ("D003", "dev:3", "the text is also in train: train:8, which has the label 'b', here 'a'"),
        ("D001", "dev:5", "the same text and label as dev:4"),
    ]


def test_pairs_and_questions_are_one_text() -> None:
    train = [{"text": "a", "text_pair": f"{n}", "label": "xy"[n % 2]} for n in range(10)]
    assert find(train=train) == []
    assert told(find(train=[*train, {**train[3]}]), "D001") == ["train:11: the same text and label as train:4"]
    asked = [
        question("Ann and Ben", ("Ann", 0)),
        question("Ann and Ben", ("Ann", 0)),
        question("Ann and Ben", ("Ben", 8)),
    ]
    assert told(find(train=asked), "D001", "D007") == [
        "train:2: the same text and label as train:1",
        "train:3: train:1 has the same text with other answers",
    ]
    asked[1]["question"], asked[2]["question"] = "Whom?", "Which?"
    assert find(train=asked) == []


def test_numbers_are_no_contradiction() -> None:
    train = texts(*((f"text {n}", f"{n}.5") for n in range(9)), ("text 3", "3.7"), ("TEXT 4", "1.0"))
    findings = find(train=train)
    assert [(f.code, f.severity) for f in findings] == [("D007", "note")]
    assert findings[0].message == "train:4 has the same text with the label '3.5', here '3.7'"


def test_entities_and_tags_are_labels() -> None:
    names = [entity_record(f"Ann and {n}", (0, 3)) for n in range(9)]
    again = [entity_record("Ann and 1", (0, 3)), entity_record("Ann and 2", (0, 5))]
    assert told(find(train=[*names, *again]), *DUPLICATES) == [
        "train:10: the same text and label as train:2",
        "train:11: train:3 has the same text with other labels",
    ]
    # case is what may make a name
    assert told(find(train=[*names, entity_record("ann and 1")]), *DUPLICATES) == []
    tagged = [{"tokens": ["Ann", "b"], "tags": ["B-PER", "O"]}, {"tokens": ["Ann b"], "tags": ["B-PER"]}] * 2
    assert told(find(train=tagged), *DUPLICATES) == [
        "train:3: the same text and label as train:1",
        "train:4: the same text and label as train:2",
    ]


def test_blank_texts_are_no_duplicates() -> None:
    assert told(find(train=[*TRAIN, *texts(("", "a"), ("", "a"), (" ", "b"))]), *DUPLICATES) == []


def test_unicode_forms_are_near() -> None:
    assert normalise("E\u0301  a\u00a0b") == normalise("\u00c9 A b")


ROWS = st.lists(st.tuples(st.sampled_from(["x", "X", "y", " y", "z"]), st.sampled_from("ab")), max_size=12)


@given(ROWS, ROWS)
def test_every_repetition_is_told_once(train: list[tuple[str, Any]], dev: list[tuple[str, Any]]) -> None:
    findings = find(train=texts(*train), dev=texts(*dev))
    told_of = [f.source for f in findings if f.code in ("D001", "D003", "D005")]
    places = [
        (f"{name}:{n}", text)
        for name, rows in (("train", train), ("dev", dev))
        for n, (text, _) in enumerate(rows, 1)
    ]
    seen: set[str] = set()
    repeated = [source for source, text in places if text in seen or seen.add(text)]  # type: ignore[func-returns-value]
    assert told_of == repeated
