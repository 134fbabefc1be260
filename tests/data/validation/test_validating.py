"""The two passes, the table of codes, and records of every kind and none."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.data.validation.checks import CHECKS
from encodery.data.validation.printing import json_line
from encodery.data.validation.repairs import repair
from encodery.data.validation.rows import KINDS
from encodery.data.validation.survey import Options
from encodery.data.validation.validating import Split, survey_of, validate
from encodery.errors import UserError
from tests.data.validation.records import find, splits_of, texts, told

DOCS = Path(__file__).parents[3] / "docs" / "validation.md"


def test_the_table_of_codes_is_the_documentation() -> None:
    rows = re.findall(r"^\| ([A-Z]\d{3}) \| (\w+) \| (.*) \| (.*) \| (.*) \|$", DOCS.read_text(), re.MULTILINE)
    cell = [(c.code, c.severity, c.what, c.why, c.fix) for c in CHECKS.values()]
    assert rows == [tuple(part.replace("|", "\\|") for part in row) for row in cell]


def test_every_check_says_all_that_a_person_needs() -> None:
    for check in CHECKS.values():
        assert re.fullmatch(r"[RTLSBQDMP]\d{3}", check.code)
        assert all((check.what, check.why, check.fix, check.kinds))
        assert not check.what.endswith(".")


def test_the_task_is_what_most_records_look_like() -> None:
    findings = find(train=[{"question": "Who?"}, *texts(*((f"text {n}", "ab"[n % 2]) for n in range(20)))])
    assert [f.message for f in findings] == [
        "no column 'text'; the columns are: question",
        "no column 'label'; the columns are: question",
    ]
    tagged: list[dict[str, Any]] = [{"tokens": ["a"], "tags": ["O"]}, {"text": "a", "label": "b"}]
    assert told(find(Options(kind="text-classification"), train=tagged), "R001") == [
        "train:1: no column 'text'; the columns are: tokens, tags",
        "train:1: no column 'label'; the columns are: tokens, tags",
    ]


def test_findings_come_in_the_order_of_the_records() -> None:
    train = texts(*((f"text {n % 7}", "ab"[n % 2]) for n in range(60)))
    lines = [int(f.source.split(":")[1]) for f in find(train=train)]
    assert lines == sorted(lines)
    assert len(lines) > 50


@pytest.mark.parametrize("change", [1, -1])
def test_data_that_changes_while_it_is_read(change: int) -> None:
    rows = texts(*((f"text {n}", "a") for n in range(10)))
    sizes = iter([10, 10, 10 + change])  # the look at the task, and the two passes
    split = Split("train", lambda: ((f"f:{n}", row) for n, row in enumerate((rows * 2)[: next(sizes)])))
    with pytest.raises(UserError, match="the data changed while it was read"):
        list(validate([split]))


def test_no_records() -> None:
    assert find(train=[]) == []


SCALARS = st.none() | st.booleans() | st.integers(-5, 99) | st.floats() | st.text(max_size=6)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["start", "end", "label", "text", "answer_start", "en", "de"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
COLUMNS = [
    "text",
    "text_pair",
    "label",
    "tokens",
    "tags",
    "entities",
    "question",
    "context",
    "answers",
    "id",
    "is_impossible",
    "translation",
    "source_language",
    "target_language",
]
RECORDS = st.lists(st.dictionaries(st.sampled_from(COLUMNS), VALUES, max_size=6), max_size=6)


@given(RECORDS, RECORDS, st.sampled_from([None, *KINDS]))
def test_any_record_is_judged_and_repaired(train: list[dict[str, Any]], dev: list[dict[str, Any]], kind: Any) -> None:
    options = Options(kind=kind)
    for finding in find(options, train=train, dev=dev):
        assert finding.code in CHECKS
        assert "\n" not in json_line(finding)
        if finding.place:
            assert 0 <= finding.place.start <= finding.place.end <= len(finding.place.text)
    splits = splits_of(train=train, dev=dev)
    repaired = list(repair(splits, survey_of(splits, options), lambda done: None))
    assert len(repaired) <= len(train) + len(dev)
