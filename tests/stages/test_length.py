"""How long pretraining is, from the recipe to the same bits after a kill: phases, a time, and LAMB."""

from collections.abc import Callable
from pathlib import Path

import pytest

from encodery.artifact import read_manifest
from encodery.batch import Batch
from encodery.config import read_json
from encodery.model.heads import Model
from encodery.objectives.objective import Pretraining
from encodery.stages import run
from encodery.stages.graph import selected, stages_of
from encodery.train import trainer as module
from encodery.train.budget import Budget
from encodery.train.log import read_log
from tests.stages.stopping import weights_after_stops
from tests.stages.test_run import opened
from tests.train.test_trainer import Ticks

PHASES = (
    "pretrain.phases=[{ start = 0.5, max_seqlen = 44, tokens_per_step = 512 }, { start = 0.75, max_seqlen = 16 }]",
    "pretrain.seqlen_warmup={ max_seqlen = 13, steps = 2 }",
)


def trained(project: Path, *overrides: str, stages: str = "pretrain") -> Path:
    """The folder of a stage that was run to its end."""
    this = opened(project, *overrides)
    run(this, selected(stages_of(this), [stages]))
    return this.artifact(stages)


def weights_of(project: Path, output: str, stop_at: tuple[int, ...], *overrides: str) -> str:
    """The hash of the pretrained weights of a run that is stopped before some steps and continued."""
    changes = [*overrides, f"output={output}", "pretrain.checkpoint_every=1"]
    return weights_after_stops(lambda: trained(project, *changes), stop_at)


def by_the_clock(project: Path) -> None:
    """The recipe without a number of steps."""
    recipe = project / "tiny.toml"
    recipe.write_text(recipe.read_text().replace("steps = 12\n", "", 1))


@pytest.mark.parametrize(
    "overrides",
    [PHASES, ("pretrain.time=1h",), ("pretrain.optimizer={ type = 'lamb', lr = 0.01 }",)],
    ids=["phases", "time", "lamb"],
)
def test_a_stopped_run_ends_in_the_same_bits(project: Path, overrides: tuple[str, ...]) -> None:
    if "lamb" in overrides[0]:
        pytest.importorskip("pytorch_optimizer")
    whole = weights_of(project, "whole", (), *overrides)
    assert weights_of(project, "stopped", (2, 7, 9), *overrides) == whole
    assert "time" in overrides[0] or weights_of(project, "plain", ()) != whole


def test_a_run_by_the_clock_ends_in_the_same_bits(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Budget", lambda seconds, spent=0.0: Budget(seconds, spent, Ticks()))
    by_the_clock(project)
    whole = weights_of(project, "whole", (), "pretrain.time=9s")
    assert weights_of(project, "stopped", (2, 5), "pretrain.time=9s") == whole
    manifest = read_manifest(project / "stopped/tiny/pretrain")
    assert manifest is not None
    assert manifest.metrics["steps"] == 9


def test_phases_that_the_time_left_out_are_said(
    project: Path, monkeypatch: pytest.MonkeyPatch, encodery: Callable[..., tuple[int, str, str]]
) -> None:
    """Before, in `plan` and the run, and after: on the terminal, in the metrics, the report and the folder."""
    monkeypatch.setattr(module, "Budget", lambda seconds, spent=0.0: Budget(seconds, spent, Ticks()))
    changes = (PHASES[0].replace("16", "46"), "finetune={}")
    words = [word for change in changes for word in ("--set", change)]
    assert "is left out" not in encodery("plan", "tiny.toml", *words)[1]
    code, out, _ = encodery("plan", "tiny.toml", *words, "--set", "pretrain.time=7s")
    may = (
        "pretrain: the last phase (sequences of 46, steps of 512 tokens) begins at step 9 of 12; if the time, 7s, is "
        "over before, it is left out: set steps to what the time has room for"
    )
    assert code == 0
    assert may in out.splitlines()
    code, out, _ = encodery("run", "tiny.toml", *words, "--set", "pretrain.time=7s")
    assert code == 0
    assert may in out.splitlines()
    assert (
        "pretrain: ended after step 7 of 12, before the phase that begins at step 9 (sequences of 46, steps of 512 "
        "tokens)"
    ) in out.splitlines()
    folder = project / "runs/tiny/pretrain"
    manifest = read_manifest(folder)
    assert manifest is not None
    assert manifest.metrics["phases_not_reached"] == [{"start": 9, "max_seqlen": 46, "tokens_per_step": 512}]
    assert read_json(folder / "encodery.json")["max_seqlen"] == 44
    assert "phase not reached" in (project / "runs/tiny/report/report.html").read_text()
    whole = trained(project, *changes, "output=whole")
    manifest = read_manifest(whole)
    assert manifest is not None
    assert "phases_not_reached" not in manifest.metrics
    assert read_json(whole / "encodery.json")["max_seqlen"] == 46


def test_the_steps_of_phases_are_of_their_lengths(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    longest: list[int] = []
    loss = Pretraining.loss

    def watched(self: Pretraining, model: Model, batch: Batch) -> object:
        if model.training:
            longest.append(batch.max_seqlen)
        return loss(self, model, batch)

    monkeypatch.setattr(Pretraining, "loss", watched)
    folder = trained(project, *PHASES)
    assert len(longest) == 12
    bounds = [13] * 2 + [32] * 4 + [44] * 3 + [16] * 3
    assert all(found <= bound for found, bound in zip(longest, bounds, strict=True))
    assert [max(longest[part]) > shorter for part, shorter in ((slice(2, 6), 16), (slice(6, 9), 32))] == [True, True]
    records = [record for record in read_log(folder / "log.jsonl") if record["event"] == "step"]
    tokens = {record["step"]: record["tokens"] for record in records}
    assert (tokens[12] - tokens[6]) > 1.7 * tokens[6]  # of twice as many tokens a step


def test_the_time_ends_fine_tuning_too(done: Path) -> None:
    changes = ("finetune.mood.seeds=[3]", "finetune.mood.time=0.0001s")
    trained(done, *changes, stages="finetune.mood.3")
    manifest = read_manifest(done / "runs/tiny/finetune/mood/3")
    assert manifest is not None
    assert manifest.metrics["steps"] == 1
    ample = trained(done, "finetune.mood.seeds=[3]", "finetune.mood.time=1h", stages="finetune.mood.3")
    plain = trained(done, "finetune.mood.seeds=[3]", "output=plain", stages="finetune.mood.3")
    assert (ample / "model.safetensors").read_bytes() == (plain / "model.safetensors").read_bytes()
