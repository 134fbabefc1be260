"""Every planted fault is found, with its code, at its line; and where nothing is planted, nothing is found."""

import json
from collections import Counter
from pathlib import Path

import pytest

from encodery.data.formats import read_labelled
from encodery.data.validation.finding import Finding
from encodery.data.validation.survey import Length, Options, Pairs
from encodery.data.validation.validating import Split, validate
from encodery.demo import world
from encodery.demo.facts import LANGUAGES
from tests.data.validation.planting import MAX_CHARACTERS, SCRIPTS, TASKS, Sets, plant

LENGTH = Length(lambda text, pair: len(text) + len(pair or ""), MAX_CHARACTERS, "truncate")
OPTIONS = Options(length=LENGTH, pairs=Pairs(languages=("en", "de")))


def write(folder: Path, sets: Sets) -> list[Split]:
    """As a user has them: JSON Lines."""
    splits = []
    for name, records in sets.items():
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))
        splits.append(Split(name, lambda path=path: read_labelled(path)))  # type: ignore[misc]
    return splits


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("task", TASKS)
def test_all_planted_faults_are_found_and_no_others(tmp_path: Path, task: str, script: str) -> None:
    sets, planted = plant(task, script)
    findings = list(validate(write(tmp_path, sets), OPTIONS))
    places = {(fault.split, fault.index) for fault in planted}
    assert len(places) == len(planted)  # one fault a record
    found = {(f.code, f.source) for f in findings}
    needed = {(f.code, f"{tmp_path / f.split}.jsonl:{f.index + 1}") for f in planted}
    allowed = {(code, f"{tmp_path / f.split}.jsonl:{f.index + 1}") for f in planted for code in f.also}
    assert needed - found == set()
    assert found - needed - allowed == set()


def test_they_are_more_than_a_hundred() -> None:
    planted = [fault for task in TASKS for script in SCRIPTS for fault in plant(task, script)[1]]
    assert len(planted) >= 100
    assert {fault.code[0] for fault in planted} == set("RTLSBQDP")


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("task", TASKS)
def test_what_they_are_planted_in_is_clean(task: str, script: str, tmp_path: Path) -> None:
    assert shown(validate(write(tmp_path, TASKS[task][0](script)), OPTIONS)) == []


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
