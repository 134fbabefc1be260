"""Columns, types, blanks: each fault has its code, and nothing else is said of it."""

from typing import Any

import pytest

from encodery.data.validation.columns import Columns
from encodery.data.validation.survey import Options
from tests.data.validation.records import Record, find, told

GOOD = [{"text": f"text {n}", "label": "ab"[n % 2]} for n in range(20)]
TAGGED = [{"tokens": ["Ann", str(n)], "tags": ["B-PER", "O"]} for n in range(20)]
SPANNED: list[Record] = [
    {"text": f"Ann {n}", "entities": [{"start": 0, "end": 3, "label": "PER"}]} for n in range(20)
]
ASKED: list[Record] = [
    {"question": f"Who is {n}?", "context": "Ann.", "answers": {"text": ["Ann"], "answer_start": [0]}}
    for n in range(20)
]
LABEL_FORM = "; a text, a finite number or a list of texts is needed"
ENTITY_FORM = '; {"start": 3, "end": 8, "label": "PER"} is the form'


@pytest.mark.parametrize(
    ("good", "bad", "told_code", "message"),
    [
        (GOOD, {"text": "x"}, "R001", "no column 'label'; the columns are: text"),
        (GOOD, {}, "R001", "no column 'text'; the columns are: none"),
        (GOOD, {"text": 7, "label": "a"}, "R002", "text = 7; a text is needed"),
        (GOOD, {"text": None, "label": "a"}, "R002", "text = None; a text is needed"),
        (GOOD, {"text": "x", "text_pair": 1, "label": "a"}, "R002", "text_pair = 1; a text is needed"),
        (GOOD, {"text": "x", "label": True}, "R002", f"label = True{LABEL_FORM}"),
        (GOOD, {"text": "x", "label": float("nan")}, "R002", f"label = nan{LABEL_FORM}"),
        (GOOD, {"text": "x", "label": ["a", 0.5]}, "R002", f"label = ['a', 0.5]{LABEL_FORM}"),
        (GOOD, {"text": " \n", "label": "a"}, "R003", "text is blank"),
        (GOOD, {"text": "", "label": "a"}, "R003", "text is empty"),
        (GOOD, {"text": "x", "text_pair": "", "label": "a"}, "R003", "text_pair is empty"),
        (GOOD, {"text": "x", "label": None}, "R004", "label = None"),
        (GOOD, {"text": "x", "label": " "}, "R004", "label = ' '"),
        (TAGGED, {"tokens": ["a"]}, "R001", "no column 'tags'; the columns are: tokens"),
        (TAGGED, {"tokens": "a b", "tags": ["O", "O"]}, "R002", "tokens = 'a b'; a list of texts is needed"),
        (TAGGED, {"tokens": ["a", 3], "tags": ["O", "O"]}, "R002", "tokens = ['a', 3]; a list of texts is needed"),
        (TAGGED, {"tokens": ["a"], "tags": None}, "R002", "tags = None; a list is needed"),
        (TAGGED, {"tokens": [], "tags": []}, "R003", "tokens is empty"),
        (SPANNED, {"text": "a"}, "R001", "no column 'entities'; the columns are: text"),
        (SPANNED, {"text": "a", "entities": None}, "R002", "entities = None; a list is needed"),
        (
            SPANNED,
            {"text": "a", "entities": {}},
            "R002",
            'entities = {}; a list of {"start", "end", "label"} is needed',
        ),
        (SPANNED, {"text": "a", "entities": ["x"]}, "R002", f"entities[0] = 'x'{ENTITY_FORM}"),
        (
            SPANNED,
            {"text": "a", "entities": [{"start": 0.0, "end": 1, "label": "PER"}]},
            "R002",
            f"entities[0] = {{'start': 0.0, 'end': 1, 'label': 'PER'}}{ENTITY_FORM}",
        ),
        (
            SPANNED,
            {"text": "a", "entities": [{"start": 0, "end": 1, "label": "PER", "text": 5}]},
            "R002",
            "entities[0].text = 5; a text is needed, or none",
        ),
        (
            ASKED,
            {"question": "Who?", "context": "Ann."},
            "R001",
            "no column 'answers'; the columns are: question, context",
        ),
        (
            ASKED,
            {"question": "", "context": "Ann.", "answers": {"text": [], "answer_start": []}},
            "R003",
            "question is empty",
        ),
        (
            ASKED,
            {"question": "Who?", "context": "Ann.", "answers": ["Ann"]},
            "R002",
            'answers = [\'Ann\']; {"text": ["..."], "answer_start": [0]} is the form',
        ),
        (
            ASKED,
            {"question": "Who?", "context": "Ann.", "answers": {"text": ["Ann"], "answer_start": ["0"]}},
            "R002",
            "answers.answer_start = ['0']; a list of whole numbers is needed",
        ),
    ],
)
def test_one_bad_record_among_good_ones(good: list[Record], bad: Record, told_code: str, message: str) -> None:
    findings = find(train=[*good[:11], bad, *good[11:]])
    assert told(findings, told_code)[:1] == [f"train:12: {message}"]
    assert {finding.source for finding in findings} == {"train:12"}
    assert {finding.code for finding in findings} == {told_code}


def test_missing_columns_are_each_told() -> None:
    findings = find(train=[*GOOD, {}])
    assert [line.split(";")[0] for line in told(findings, "R001")] == [
        "train:21: no column 'text'",
        "train:21: no column 'label'",
    ]


@pytest.mark.parametrize("label", ["a", 3, 0.5, ["a", "b"], [], "7"])
def test_labels_of_every_allowed_kind(label: Any) -> None:
    assert told(find(train=[*GOOD, {"text": "x", "label": label}]), "R002", "R004") == []


def test_a_pair_may_be_missing_in_some_records() -> None:
    assert find(train=[*GOOD, {"text": "x", "text_pair": None, "label": "a"}]) == []


def test_repeated_ids() -> None:
    train = [{"id": n % 19, **record} for n, record in enumerate(GOOD)]
    assert told(find(train=train, dev=[{**GOOD[0], "text": "new", "id": 3}]), "R005") == [
        "train:20: id = 0 is also that of train:1"
    ]


def test_ids_that_are_missing_are_not_equal() -> None:
    assert (
        find(train=[{"id": identifier, **record} for identifier, record in zip([None, ""] * 10, GOOD, strict=True)])
        == []
    )


def test_renamed_columns() -> None:
    train = [{"sentence": r["text"], "gold": r["label"], "text": 5} for r in GOOD]
    columns = Columns({"text": "sentence", "label": "gold"})
    assert find(Options(columns=columns), train=train) == []
    assert len(told(find(train=train), "R001")) == len(train)


def test_lists_in_cells() -> None:
    train = [{"text": r["text"], "label": "a| b" if n % 2 else ""} for n, r in enumerate(GOOD)]
    assert find(Options(columns=Columns(label_separator="|")), train=train) == []
