"""Texts with entities: as spans of characters, and as words with tags."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.data.tagged import Entity, TaggedFields, input_tagged, read_tagged, tags_of
from encodery.errors import UserError

FIELDS = TaggedFields()
TEXT = "Ama Ata Aidoo war in 東京 ."
WORDS = st.text(min_size=1, max_size=7).filter(lambda word: word.strip())


def read(**record: Any) -> tuple[Entity, ...] | None:
    return read_tagged("train.jsonl:7", record, FIELDS).entities


def entity(start: int, end: int, label: str) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


def test_entities_come_in_order() -> None:
    found = read(text=TEXT, entities=[entity(21, 23, "LOC"), entity(0, 13, "PER")])
    assert found == (Entity(0, 13, "PER"), Entity(21, 23, "LOC"))
    assert TEXT[21:23] == "東京"


def test_white_space_is_no_part_of_an_entity() -> None:
    assert read(text=TEXT, entities=[entity(13, 18, "X"), entity(20, 24, "LOC")]) == (
        Entity(14, 17, "X"),
        Entity(21, 23, "LOC"),
    )


def test_words_become_a_text() -> None:
    example = read_tagged(
        "train.conll:7",
        {"tokens": ["Ama", "Aidoo", "in", "東", "京", "."], "tags": ["B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O"]},
        FIELDS,
    )
    assert example.text == "Ama Aidoo in 東京 ."
    assert example.words == ((0, 3), (4, 9), (10, 12), (13, 14), (14, 15), (16, 17))
    assert example.entities == (Entity(0, 9, "PER"), Entity(13, 15, "LOC"))


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-A I-A O", [(0, 3, "A")]),
        ("I-A I-A O", [(0, 3, "A")]),
        ("B-A B-A O", [(0, 1, "A"), (2, 3, "A")]),
        ("B-A I-B I-B", [(0, 1, "A"), (2, 5, "B")]),
        ("O I-A-1 O", [(2, 3, "A-1")]),
        ("S-A B-B E-B", [(0, 1, "A"), (2, 5, "B")]),
        ("U-A B-B L-B", [(0, 1, "A"), (2, 5, "B")]),
    ],
)
def test_tags_spell_entities(tags: str, expected: list[tuple[int, int, str]]) -> None:
    assert read(tokens=["a", "b", "c"], tags=tags.split()) == tuple(Entity(*given) for given in expected)


@given(st.lists(st.tuples(WORDS, st.sampled_from(["O", "B-PER", "I-PER", "B-LOC"])), min_size=1, max_size=23))
def test_words_stand_where_they_are_said_to_and_tags_come_back(drawn: list[tuple[str, str]]) -> None:
    words, tags = ([*side] for side in zip(*drawn, strict=True))
    example = read_tagged("x:1", {"tokens": words, "tags": tags}, FIELDS)
    assert example.words is not None
    assert [example.text[start:end] for start, end in example.words] == words
    assert example.entities is not None
    again = tags_of(example.words, example.entities)
    fixed = read_tagged("x:1", {"tokens": words, "tags": again}, FIELDS)
    assert fixed == example
    assert all(new == old or (new[0], old[0]) == ("B", "I") for new, old in zip(again, tags, strict=True))


def test_other_columns() -> None:
    fields = TaggedFields(text="sentence", entities="spans", language="lang")
    example = read_tagged("a.jsonl:1", {"sentence": "Bonn", "spans": [entity(0, 4, "LOC")], "lang": "de"}, fields)
    assert example.entities == (Entity(0, 4, "LOC"),)
    assert example.language == "de"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            {"entities": []},
            "no column 'text'; the columns are: entities; set fields.text to the one that holds the text",
        ),
        (
            {"text": "Bonn"},
            "no column 'entities'; the columns are: text; set fields.entities to the one that holds the entities",
        ),
        ({"text": " ", "entities": []}, "text is empty; remove or repair the record"),
        ({"text": "Bonn", "entities": "LOC"}, "entities = 'LOC' is no list; give a list of start, end and label"),
        (
            {"text": "Bonn", "entities": [[0, 4, "LOC"]]},
            "entities: [0, 4, 'LOC'] is no object with start, end and label",
        ),
        (
            {"text": "Bonn", "entities": [entity(0, 5, "LOC")]},
            "entities: {'start': 0, 'end': 5, 'label': 'LOC'}: no characters of the text, which has 4; correct the "
            "offsets",
        ),
        (
            {"text": "Bonn", "entities": [{"start": True, "end": 4, "label": "LOC"}]},
            "entities: {'start': True, 'end': 4, 'label': 'LOC'}: start and end must be whole numbers, "
            "label a string",
        ),
        (
            {"text": "Bonn am Rhein", "entities": [entity(0, 13, "LOC"), entity(8, 13, "RIV")]},
            "entities: 0-13 (LOC) and 8-13 (RIV) overlap; a character can be in one entity only",
        ),
        ({"tokens": ["a"], "tags": ["O", "O"]}, "tags = 2 tags for 1 words; give each word one tag"),
        (
            {"tokens": ["a"], "tags": ["X-LOC"]},
            "tag 'X-LOC' is neither O nor a label behind B-, I-, E-, S-, L- or U-; correct it",
        ),
        ({"tokens": [], "tags": []}, "tokens = [] has an empty word, or none at all; repair the record"),
        (
            {"tokens": ["a", " "], "tags": ["O", "O"]},
            "tokens = ['a', ' '] has an empty word, or none at all; repair the record",
        ),
        ({"tokens": "a b", "tags": ["O", "O"]}, "tokens = 'a b' is no list of strings; repair the record"),
    ],
)
def test_records_that_cannot_be(record: dict[str, Any], expected: str) -> None:
    with pytest.raises(UserError) as error:
        read(**record)
    assert str(error.value) == f"train.jsonl:7: {expected}"


def test_what_is_to_be_predicted_is_passed_over() -> None:
    assert input_tagged("record 1", {"text": "", "entities": 7}).entities is None
    example = input_tagged("record 1", {"tokens": ["Ama", "Aidoo"], "tags": None, "language": "ak"})
    assert (example.text, example.words, example.entities, example.language) == (
        "Ama Aidoo",
        ((0, 3), (4, 9)),
        None,
        "ak",
    )


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({}, "text = None; a string is needed"),
        ({"text": "a", "tokens": ["a"]}, "both text and tokens; give one of them"),
        ({"tokens": "a"}, "tokens = 'a' is no list of strings; repair the record"),
        ({"text": "a", "language": 7}, "language = 7; a string is needed"),
    ],
)
def test_inputs_that_cannot_be(record: dict[str, Any], expected: str) -> None:
    with pytest.raises(UserError) as error:
        input_tagged("record 7", record)
    assert str(error.value) == f"record 7: {expected}"
