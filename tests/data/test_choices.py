"""A text with choices: what a record says, and what is wrong with one that says none."""

from typing import Any

import pytest

from encodery.data.choices import ChoiceFields, input_choice, read_choice
from encodery.errors import UserError

RECORD = {"text": "It rains.", "choices": ["The street is wet.", "The street is dry.", "Why?"], "label": 2}


def test_a_record() -> None:
    example = read_choice("a.jsonl:3", {**RECORD, "language": "en", "more": 1}, ChoiceFields())
    assert (example.text, example.choices, example.label) == ("It rains.", tuple(RECORD["choices"]), 2)  # type: ignore[arg-type]
    assert (example.source, example.language) == ("a.jsonl:3", "en")


def test_columns_of_other_names() -> None:
    fields = ChoiceFields(text="premise", choices="endings", label="gold")
    example = read_choice("x:1", {"premise": "a", "endings": ["b", "c"], "gold": 0, "label": 7}, fields)
    assert (example.text, example.choices, example.label) == ("a", ("b", "c"), 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": ""}, "text is empty; remove or repair the record"),
        ({"choices": "wet"}, "choices = 'wet'; a list of two or more texts is needed"),
        ({"choices": ["wet"]}, "choices = ['wet']; a list of two or more texts is needed"),
        ({"choices": ["wet", 3]}, "choices = ['wet', 3]; a list of two or more texts is needed"),
        ({"choices": ["wet", "\t"]}, "choices holds '\\t'; remove or repair the record"),
        ({"label": 3}, "label = 3; the place of the right choice is needed, counted from 0, at most 2 here"),
        ({"label": -1}, "label = -1; the place of the right choice is needed, counted from 0, at most 2 here"),
        ({"label": True}, "label = True; the place of the right choice is needed, counted from 0, at most 2 here"),
        ({"label": "wet"}, "label = 'wet'; the place of the right choice is needed, counted from 0, at most 2 here"),
        ({"language": 5}, "language = 5 is not a string; repair the record"),
    ],
)
def test_records_that_are_none(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        read_choice("a.jsonl:3", RECORD | change, ChoiceFields())
    assert str(error.value) == f"a.jsonl:3: {message}"


@pytest.mark.parametrize("column", ["text", "choices", "label"])
def test_a_column_that_is_missing(column: str) -> None:
    record = {key: value for key, value in RECORD.items() if key != column}
    with pytest.raises(UserError) as error:
        read_choice("a.jsonl:3", record, ChoiceFields())
    assert str(error.value) == (
        f"a.jsonl:3: no column {column!r}; the columns are: {', '.join(record)}; set fields.{column} to the one that "
        f"holds the {'text' if column == 'text' else column}"
    )


def test_a_record_to_predict_for() -> None:
    example = input_choice("record 1", {**RECORD, "label": "any"})
    assert (example.label, len(example.choices)) == (None, 3)
    assert input_choice("record 1", {"text": "", "choices": ["", "a"]}).choices == ("", "a")
    with pytest.raises(UserError) as error:
        input_choice("record 1", {"text": "It rains."})
    assert str(error.value) == "record 1: choices = None; a list of two or more texts is needed"
