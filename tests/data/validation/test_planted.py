"""Every planted fault is found, with its code, at its line; and where nothing is planted, nothing is found."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from encodery.data.formats import read_labelled
from encodery.data.validation.checks import CHECKS
from encodery.data.validation.finding import Finding
from encodery.data.validation.survey import Length, Options, Pairs
from encodery.data.validation.validating import Split, validate
from encodery.demo import world
from encodery.demo.facts import LANGUAGES
from tests.data.validation.planting import MAX_CHARACTERS, SCRIPTS, TASKS, Record, Sets, no_entity, one_class, plant

Lines = dict[tuple[str, int, int], str]
"""`file:line` by split, record and word."""


def options_of(task: str) -> Options:
    """Texts are cut, but for those with choices, which are read in windows."""
    overflow: Literal["window", "truncate"] = "window" if task == "choices" else "truncate"
    length = Length(lambda text, pair: len(text) + len(pair or ""), MAX_CHARACTERS, overflow)
    return Options(length=length, pairs=Pairs(languages=("en", "de")))


def write(folder: Path, task: str, sets: Sets) -> tuple[list[Split], Lines]:
    """As a user has them: JSON Lines, or a word a line."""
    splits: list[Split] = []
    lines: Lines = {}
    for name, records in sets.items():
        path = folder / f"{name}.{'conll' if task == 'columns' else 'jsonl'}"
        written: list[str] = []
        for index, record in enumerate(records):
            rows = rows_of(record) if task == "columns" else [json.dumps(record, ensure_ascii=False)]
            first = len(written) + 1
            lines |= {(name, index, word): f"{path}:{first + word}" for word in range(len(rows))}
            written += rows
        path.write_text("\n".join(written) + "\n")
        splits.append(Split(name, lambda path=path: read_labelled(path)))  # type: ignore[misc]
    return splits, lines


def rows_of(record: Record) -> list[str]:
    """Words with their tags, and a blank line."""
    return [*(f"{token}\t{tag}" for token, tag in zip(record["tokens"], record["tags"], strict=True)), ""]


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("task", TASKS)
def test_all_planted_faults_are_found_and_no_others(tmp_path: Path, task: str, script: str) -> None:
    sets, planted = plant(task, script)
    splits, lines = write(tmp_path, task, sets)
    findings = list(validate(splits, options_of(task)))
    places = {(fault.split, fault.index) for fault in planted}
    assert len(places) == len(planted)  # one fault a record
    found = {(f.code, f.source) for f in findings}
    expected = {(code, lines[f.split, f.index, f.word]) for f in planted for code in (f.code, *f.also)}
    assert expected - found == set()
    assert found - expected == set()


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("make", [one_class, no_entity])
def test_a_train_set_that_teaches_nothing(tmp_path: Path, make: Callable[[str], Sets], script: str) -> None:
    splits, lines = write(tmp_path, "", make(script))
    assert [(f.code, f.source) for f in validate(splits, options_of(""))] == [("L006", lines["train", 0, 0])]


def test_they_are_more_than_a_hundred() -> None:
    planted = [fault for task in TASKS for script in SCRIPTS for fault in plant(task, script)[1]]
    assert len(planted) >= 100
    codes = {code for fault in planted for code in (fault.code, *fault.also)}
    assert codes == CHECKS.keys() - {"L006"}  # a fault of a whole set: see above


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("task", TASKS)
def test_what_they_are_planted_in_is_clean(task: str, script: str, tmp_path: Path) -> None:
    splits, _ = write(tmp_path, task, TASKS[task][0](script))
    assert shown(validate(splits, options_of(task))) == []


def test_the_demo_has_nothing_but_what_it_repeats(tmp_path: Path) -> None:
    world.write(tmp_path, words=dict.fromkeys(LANGUAGES, 50))
    for name in ("topics", "reviews"):
        paths = {split: tmp_path / name / f"{split}.jsonl" for split in ("train", "dev", "test")}
        splits = [Split(split, lambda path=path: read_labelled(path)) for split, path in paths.items()]  # type: ignore[misc]
        # topics have sentences about nobody in particular, which dev and test may say again: 42 and 37 of 1,300
        repeated = [line[:4] for line in shown(validate(splits))]
        assert Counter(repeated) == ({"D003": 42, "D001": 37} if name == "topics" else {})


def shown(findings: object) -> list[str]:
    assert hasattr(findings, "__iter__")
    return [f"{f.code} {f.source} {f.message}" for f in findings if isinstance(f, Finding)]
