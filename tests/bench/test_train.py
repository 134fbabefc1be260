"""`encodery bench train`: what is selected, computed and printed; nothing is measured here."""

import json
from pathlib import Path

import pytest

from encodery.bench import train
from encodery.bench.jobs import Case, Job, cases_for
from encodery.bench.rounds import Block, Outcome, Plan, Round
from encodery.bench.text import Text
from encodery.errors import UserError


def block(seconds: float, tokens: int, peak_bytes: int = 0, others_cores: float = 0.0) -> Block:
    return Block(seconds, tokens, peak_bytes, others_cores)


OUTCOME = Outcome(
    rounds=(
        Round(ours=block(2.0, 20_000, 500 * 10**6), peer=block(4.0, 4000, 2000 * 10**6)),
        Round(ours=block(1.0, 20_000, 600 * 10**6, 0.07), peer=block(2.0, 4000, 2000 * 10**6)),
        Round(ours=block(4.0, 20_000, 600 * 10**6, 0.03), peer=block(8.0, 4000, 2400 * 10**6)),
    ),
    dropped=2,
    ours_steps=5,
    peer_steps=1,
)


def selected_names(*wanted: str) -> list[str]:
    return [figure.case for case in train.select_cases(cases_for("cpu"), wanted) for figure in case.figures]


def test_everything_is_selected_unless_told() -> None:
    assert len(selected_names()) == 9


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (("collate",), ["collate/packed", "collate/natural"]),
        (("base/packed-fp32",), ["base/packed-fp32"]),
        (("small/memory",), ["small/memory-natural-fp32", "small/memory-packed-bf16"]),
        (("small/packed-bf16", "base/packed-b"), ["small/packed-bf16", "base/packed-bf16"]),
    ],
)
def test_cases_are_selected_by_the_beginning_of_a_figure(wanted: tuple[str, ...], names: list[str]) -> None:
    assert selected_names(*wanted) == names


def test_a_case_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(UserError) as raised:
        selected_names("small", "smal/packed")
    assert str(raised.value).startswith(
        "--case smal/packed: there is no such case; choose from small/natural-fp32, small/memory-natural-fp32, "
    )


@pytest.mark.parametrize(("unit", "number"), [("tokens/s", 2000.0), ("ns/token", 5e5), ("MB", 31.0)])
def test_units(unit: str, number: float) -> None:
    assert train.value(unit, block(2.0, 4000, 31_000_000)) == number


def test_figures_of_a_case() -> None:
    (case,) = train.select_cases(cases_for("cpu"), ["small/natural", "small/memory-natural"])
    text = Text.make(700)
    speed, memory = train.results_of(case, OUTCOME, text)
    # medians of 10,000 20,000 5,000 and of 1,000 2,000 500
    assert (speed.case, speed.ours, speed.peer, speed.ratio) == ("small/natural-fp32", 10_000.0, 1000.0, 10.0)
    assert (memory.case, memory.ours, memory.peer, memory.ratio) == ("small/memory-natural-fp32", 600.0, 2400.0, 4.0)
    assert speed.peer_name == "transformers Trainer, natural lengths, fp32"
    assert speed.metric is not None
    assert speed.metric["peer_padding_ratio"] == pytest.approx(2.6, abs=0.15)
    assert {name: speed.metric[name] for name in speed.metric if name != "peer_padding_ratio"} == {
        "target_ratio": 10.0,
        "ratio_low": 10.0,
        "ratio_high": 10.0,
        "rounds": 3,
        "dropped_rounds": 2,
        "quiet": True,
        "others_cores": 0.03,
        "tokens_per_step": 4000.0,
        "peer_tokens_per_step": 4000.0,
    }


def test_packed_blocks_have_no_padding() -> None:
    (case,) = train.select_cases(cases_for("cpu"), ["base/packed-fp32"])
    (result,) = train.results_of(case, OUTCOME, Text.make(7))
    assert result.metric is not None
    assert result.metric["peer_padding_ratio"] == 1.0


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """`run_bench` without workers: the plans it would follow."""
    plans: list[Plan] = []

    def measure(case: Case, folder: Path, plan: Plan) -> Outcome:
        plans.append(plan)
        return OUTCOME

    monkeypatch.setattr(train, "measure", measure)
    return plans


def test_lines_then_a_table(measured: list[Plan], capsys: pytest.CaptureFixture[str]) -> None:
    train.run_bench(quick=True, device="cpu", only_json=False, cases=["small/packed"])
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert [json.loads(line)["case"] for line in lines[:2]] == ["small/packed-fp32", "small/packed-bf16"]
    assert {json.loads(line)["bench"] for line in lines[:2]} == {"train"}
    assert lines[2].split()[:3] == ["case", "unit", "ours"]
    assert "small/packed-fp32: ours against transformers Trainer, packed blocks, fp32 ..." in err
    assert measured == [train.QUICK, train.QUICK]


def test_only_json(measured: list[Plan], capsys: pytest.CaptureFixture[str]) -> None:
    train.run_bench(quick=False, device="cpu", only_json=True, cases=["collate/packed"])
    out, err = capsys.readouterr()
    assert [json.loads(line)["unit"] for line in out.splitlines()] == ["ns/token"]
    assert err == ""
    assert measured == [train.FULL]


def test_engines_of_a_case_run_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal: list[str] = []

    class FakeWorker:
        parameters = 31

        def __init__(self, job: Job, folder: Path, work: Path) -> None:
            self.name = job.engine
            journal.append(f"start {self.name} in {work.relative_to(folder)}")

        def __enter__(self) -> "FakeWorker":
            return self

        def __exit__(self, *_: object) -> None:
            journal.append(f"end {self.name}")

        def run(self, steps: int) -> Block:
            journal.append(self.name)
            return block(steps * 1.0, steps * 7)

    monkeypatch.setattr(train, "start", FakeWorker)
    (case,) = train.select_cases(cases_for("cpu"), ["base/packed-bf16"])
    outcome = train.measure(case, tmp_path, Plan(rounds=2, repeats=0, block_seconds=1.0))
    ours, peer = "encodery", "transformers"
    assert journal[:2] == [
        f"start {name} in base-packed-bf16/{side}" for name, side in ((ours, "ours"), (peer, "peer"))
    ]
    assert journal[2:-2] == [ours, ours, peer, peer, *(ours, peer), *(peer, ours)]
    assert journal[-2:] == [f"end {peer}", f"end {ours}"]
    assert len(outcome.rounds) == 2


def test_cuda_that_is_not_there_is_skipped_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError) as raised:
        train.run_bench(quick=True, device="cuda", only_json=False, cases=[])
    assert str(raised.value) == (
        "--device cuda: skipped, this machine has no usable CUDA device; "
        "use --device cpu, or run it where there is a GPU"
    )


def test_devices_are_cpu_and_cuda() -> None:
    with pytest.raises(UserError, match=r"^--device tpu: only cpu and cuda are measured$"):
        train.run_bench(quick=True, device="tpu", only_json=False, cases=[])


@pytest.mark.parametrize("missing", ["transformers", "accelerate"])
def test_a_missing_peer_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == missing else object())
    with pytest.raises(UserError) as raised:
        train.run_bench(quick=True, device="cpu", only_json=False, cases=["collate"])
    assert str(raised.value) == (
        f"bench train compares with {missing}, which is not installed; try: pip install 'encodery[dev]'"
    )
