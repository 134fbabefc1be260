"""The cases are fair: both sides do the same job; and they are the ones that were promised."""

import pytest

from encodery.bench.jobs import Case, Job, cases_for
from encodery.bench.text import Text

ALL = [*cases_for("cpu"), *cases_for("cuda")]


@pytest.fixture(scope="module")
def text() -> Text:
    return Text.make()


def name_of(case: Case) -> str:
    return f"{case.peer.device}:{case.figures[0].case}"


@pytest.mark.parametrize("case", ALL, ids=name_of)
def test_both_sides_have_the_same_job(case: Case, text: Text) -> None:
    same = case.ours.model_dump() | {"engine": "transformers", "precision": case.peer.precision}
    assert same == case.peer.model_dump()
    assert (case.ours.engine, case.ours.precision) == ("encodery", "bf16")
    assert case.ours.tokens_per_step(text) == case.peer.tokens_per_step(text)


@pytest.mark.parametrize("case", ALL, ids=name_of)
def test_epochs_of_the_peer_are_whole_steps(case: Case, text: Text) -> None:
    per_step = case.peer.sequences_per_batch * case.peer.accumulation
    assert len(text.sequences(case.peer.layout)) % per_step == 0


@pytest.mark.parametrize(
    ("device", "name", "tokens"),
    [
        ("cpu", "small/natural-fp32", 4096),
        ("cpu", "small/packed-fp32", 4096),
        ("cpu", "small/packed-bf16", 4096),
        ("cpu", "base/packed-bf16", 1024),
        ("cpu", "base/packed-fp32", 1024),
        ("cuda", "small/natural-bf16", 65_536),
        ("cuda", "base/packed-bf16", 65_536),
    ],
)
def test_tokens_per_step(device: str, name: str, tokens: int, text: Text) -> None:
    (case,) = [case for case in cases_for(device) if case.figures[0].case == name]
    assert case.peer.tokens_per_step(text) == pytest.approx(tokens, rel=0.01)


def test_figures_and_targets() -> None:
    figures = [figure for case in cases_for("cpu") for figure in case.figures]
    assert {f.case: (f.unit, f.target_ratio or f.target_ours) for f in figures} == {
        "small/natural-fp32": ("tokens/s", 10.0),
        "small/memory-natural-fp32": ("MB", 2.0),
        "small/packed-fp32": ("tokens/s", 5.0),
        "small/packed-bf16": ("tokens/s", 3.5),
        "small/memory-packed-bf16": ("MB", 2.0),
        "base/packed-bf16": ("tokens/s", 1.5),
        "base/packed-fp32": ("tokens/s", 3.5),
        "collate/packed": ("ns/token", 50.0),
        "collate/natural": ("ns/token", 50.0),
    }


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_names_are_unique_and_devices_agree(device: str) -> None:
    names = [figure.case for case in cases_for(device) for figure in case.figures]
    assert len(set(names)) == len(names)
    assert {case.peer.device for case in cases_for(device)} == {device}


def test_job_survives_the_command_line() -> None:
    job = Job(engine="encodery", layout="natural", sequences_per_batch=7, accumulation=3)
    assert Job.model_validate_json(job.model_dump_json()) == job
