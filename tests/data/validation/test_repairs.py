"""Repairs: what is safe is done and said, the text is never touched, and doing it twice does nothing more."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from encodery.data.validation.columns import Columns
from encodery.data.validation.repairs import Repaired, repair
from encodery.data.validation.survey import Options
from encodery.data.validation.validating import survey_of
from tests.data.validation.records import Record, entity_record, find, of, question, splits_of, texts

TRAIN = texts(*((f"text {n}", "ab"[n % 2]) for n in range(20)))
NAMES = [entity_record(f"Ann and {n}", (0, 3)) for n in range(20)]
TAGGED = [{"tokens": ["Ann", str(n)], "tags": ["B-PER", "O"]} for n in range(20)]
ASKED = [question(f"Ann and {n}", ("Ann", 0)) for n in range(20)]


def repaired(options: Options | None = None, **records: list[Record]) -> tuple[dict[str, list[Record]], list[str]]:
    """The records of each split, and what was done."""
    splits = splits_of(**records)
    done: list[Repaired] = []
    found: dict[str, list[Record]] = {name: [] for name in records}
    for split, record in repair(splits, survey_of(splits, options or Options()), done.append):
        found[split].append(record)
    return found, [f"{change.code} {change.source}: {change.message}" for change in done]


def last(good: list[Record], bad: Record) -> tuple[Record, list[str]]:
    found, done = repaired(train=[*good, bad])
    assert found["train"][:-1] == good
    return found["train"][-1], done


def test_labels_are_spelled_as_most_are() -> None:
    bad = texts(("x", "A "), ("y", ["B", "b"]))
    found, done = repaired(train=[*TRAIN, *bad], dev=texts(("z", "B")))
    assert [r["label"] for r in found["train"][-2:] + found["dev"]] == ["a", ["b"], "b"]
    assert done == [
        "L003 train:21: label 'A ' → 'a'",
        "L003 train:22: label 'B' → 'b'",
        "L003 dev:1: label 'B' → 'b'",
    ]
    assert last(NAMES, entity_record("Bo", (0, 2, "per")))[0] == entity_record("Bo", (0, 2, "PER"))
    assert last(TAGGED, {"tokens": ["Bo"], "tags": ["B-Per"]})[0] == {"tokens": ["Bo"], "tags": ["B-PER"]}


def test_numbers_stay() -> None:
    train = texts(*((f"text {n}", n % 2) for n in range(20)))
    assert repaired(train=train) == ({"train": train}, [])


def test_spans_are_trimmed() -> None:
    record = entity_record("Hi Ann\n.", (2, 7), (3, 6, "LOC"))
    record["entities"][0]["text"] = " Ann\n"
    fixed, done = last(NAMES, record)
    assert fixed["entities"][0] == {"start": 3, "end": 6, "label": "PER", "text": "Ann"}
    assert fixed["entities"][1] == record["entities"][1]
    assert done == ["S005 train:21: entity 0 ('PER') at 3:6 without its blank edges"]
    assert last(NAMES, entity_record("a   b", (1, 3))) == (
        entity_record("a   b", (1, 3)),
        [],
    )  # nothing would be left


def test_answers_are_trimmed_and_moved() -> None:
    assert last(ASKED, question("Hi Ann .", (" Ann ", 2)))[0] == question("Hi Ann .", ("Ann", 3))
    fixed, done = last(ASKED, question("Ben met Ann.", ("Ben", 0), ("Ann", 3)))
    assert fixed == question("Ben met Ann.", ("Ben", 0), ("Ann", 8))
    assert done == ["Q001 train:21: answer_start[1] = 8"]
    for unsafe in (question("Ann met Ann.", ("Ann", 3)), question("It is north.", ("no", -1))):
        assert last(ASKED, unsafe) == (unsafe, [])


def test_entities_begin_with_b() -> None:
    fixed, done = last(TAGGED, {"tokens": list("abcd"), "tags": ["I-PER", "I-PER", "O", "I-LOC"]})
    assert fixed["tags"] == ["B-PER", "I-PER", "O", "B-LOC"]
    assert done == ["B001 train:21: tags[0] = 'B-PER', tags[3] = 'B-LOC'"]


def test_repetitions_are_left_out() -> None:
    found, done = repaired(train=[*TRAIN, TRAIN[3], {**TRAIN[4], "label": "b"}], dev=[TRAIN[0], TRAIN[0]])
    assert found == {"train": [*TRAIN, {**TRAIN[4], "label": "b"}], "dev": [TRAIN[0], TRAIN[0]]}
    assert done == ["D001 train:21: left out: the same text and label are there before"]
    found, done = repaired(dev=[TRAIN[0], TRAIN[0], TRAIN[1]])
    assert found == {"dev": TRAIN[:2]}
    assert last(NAMES, entity_record("Bo x", (0, 2), (0, 2)))[0] == entity_record("Bo x", (0, 2))


def test_the_file_keeps_its_columns() -> None:
    train = [{"sentence": r["text"], "gold": r["label"], "text": 7, "more": [n]} for n, r in enumerate(TRAIN)]
    options = Options(columns=Columns({"text": "sentence", "label": "gold"}))
    bad = {"sentence": "x", "gold": "A", "text": 8}
    found, _ = repaired(options, train=[*train, bad])
    assert found["train"] == [*train, {"sentence": "x", "gold": "a", "text": 8}]
    cells = [{"text": f"text {n}", "label": "a|b" if n % 2 else "a"} for n in range(20)]
    found, _ = repaired(Options(columns=Columns(label_separator="|")), train=[*cells, {"text": "x", "label": "A|b"}])
    assert found["train"] == [*cells, {"text": "x", "label": "a|b"}]


def test_pairs_lose_blank_edges_empty_sides_and_repetitions() -> None:
    good: list[Record] = [{"translation": {"en": f"dog {n}", "de": f"Hund {n}"}, "id": n} for n in range(7)]
    bad: list[Record] = [
        {"translation": {"en": " a dog", "de": "ein\nHund\n"}, "id": 7},
        {"translation": {"en": "a", "de": " "}, "id": 8},
        {"translation": {"en": "dog 3 ", "de": "Hund 3"}, "id": 9},
        {"translation": {"en": "dog 3", "de": "Rüde 3"}, "id": 10},
    ]
    found, done = repaired(train=[*good, *bad])
    assert found["train"] == [*good, {"translation": {"en": "a dog", "de": "ein\nHund"}, "id": 7}, bad[3]]
    assert done == [
        "P008 train:8: text and translation without white space at the edges",
        "R003 train:9: left out: translation is empty",
        "D001 train:10: left out: the same text and translation are there before",
    ]
    assert repaired(train=found["train"])[1] == []
    columns = Columns({"text": "en", "translation": "de"}, defaults={"source_language": "en"})
    found, _ = repaired(Options(columns=columns), train=[{"en": "a ", "de": "ein"}])
    assert found["train"] == [{"en": "a", "de": "ein"}]


EDGES = st.tuples(st.integers(0, 12), st.integers(0, 12), st.sampled_from(["PER", "per", "LOC"]))


@given(st.lists(st.tuples(st.text(" ab\n", max_size=12), st.lists(EDGES, max_size=4)), max_size=4))
def test_repairing_twice_is_repairing_once(rows: list[tuple[str, Any]]) -> None:
    train = [*NAMES, *(entity_record(text, *entities) for text, entities in rows)]
    once, _ = repaired(train=train)
    assert {r["text"] for r in once["train"]} == {r["text"] for r in train}
    assert of(find(train=once["train"]), "L003") == []
    twice, _ = repaired(train=once["train"])
    assert repaired(train=twice["train"])[1] == []
