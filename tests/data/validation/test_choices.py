"""Texts with choices: what training would refuse, and what it would learn badly."""

from typing import Any

import pytest

from encodery.data.validation.survey import Length, Options
from tests.data.validation.records import Record, find, of, told


def choice(*choices: Any, label: Any = 0, text: str = "It rains.") -> Record:
    return {"text": text, "choices": [*choices], "label": label}


GOOD = [choice("wet", "dry", label=place % 2, text=f"text {place}") for place in range(7)]


def test_good_records() -> None:
    assert find(train=GOOD, dev=[choice("wet", "dry", "cold", label=2)]) == []


@pytest.mark.parametrize("label", [2, -1, "wet", None, True, 0.0])
def test_a_label_that_is_no_place(label: Any) -> None:
    found = find(train=[*GOOD, choice("wet", "dry", label=label)])
    assert told(found, "M001") == [f"train:8: label = {label!r}; there are 2 choices, counted from 0"]
    assert of(found, "M001") == found


def test_too_little_to_choose() -> None:
    found = find(train=[*GOOD, choice("wet"), choice("wet", " ", "", text="b")])
    assert told(found, "M002") == [
        "train:8: choices = ['wet']",
        "train:9: choice 1 is ' '",
        "train:9: choice 2 is ''",
    ]


def test_the_right_choice_twice() -> None:
    found = find(train=[*GOOD, choice("dry", "wet", "wet", label=2), choice("dry", "wet", "wet", text="b")])
    assert told(found, "M003") == ["train:8: choice 2, 'wet', is there 2 times"]
    assert of(found, "M003") == found


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ("wet", "train:8: choices = 'wet'; a list of texts is needed"),
        (["wet", 3], "train:8: choices = ['wet', 3]; a list of texts is needed"),
        (None, "train:8: choices = None; a list is needed"),
    ],
)
def test_choices_that_are_none(choices: Any, message: str) -> None:
    assert told(find(train=[*GOOD, {**GOOD[0], "text": "other", "choices": choices}]), "R002") == [message]


@pytest.mark.parametrize("name", ["text", "choices", "label"])
def test_a_missing_column(name: str) -> None:
    record = {key: value for key, value in choice("wet", "dry").items() if key != name}
    shown = ", ".join(record)
    assert told(find(train=[*GOOD, record]), "R001") == [f"train:8: no column {name!r}; the columns are: {shown}"]


def test_the_same_text_with_other_choices_is_another_example() -> None:
    assert find(train=[*GOOD, choice("cold", "warm", text="text 0")]) == []
    found = find(train=[*GOOD, GOOD[3]], dev=[GOOD[5]])
    assert [finding.code for finding in found] == ["D001", "D003"]


def test_the_longest_choice_counts() -> None:
    length = Length(lambda text, pair: len(f"{text} {pair}".split()) + 3, 7)
    (finding,) = find(Options(length=length), train=[*GOOD, choice("wet", "a b c d")])
    assert (finding.code, finding.source) == ("T006", "train:8")
    assert finding.message == "9 tokens where 7 are read at once: it is read in overlapping windows"
