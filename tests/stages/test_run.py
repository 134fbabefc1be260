"""The whole path on a small project: what is built, what is skipped, what a change reruns."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from encodery.artifact import read_manifest, verify
from encodery.batch import Batch, LossOutput
from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.model.heads import Model
from encodery.objectives.objective import Pretraining
from encodery.recipe import load_recipe
from encodery.stages import Planned, Run, open_run, plan, run
from encodery.stages.graph import selected, stages_of
from encodery.text.tokenizer import Tokenizer
from encodery.train.log import read_log

STAGES = ["tokenizer", "shards", "pretrain", "finetune.mood.3", "finetune.mood.5", "report"]
Command = Callable[..., tuple[int, str, str]]


def opened(project: Path, *overrides: str) -> Run:
    recipe = project / "tiny.toml"
    return open_run(load_recipe(recipe, overrides), recipe, Console(quiet=True))


def planned(project: Path, *overrides: str) -> dict[str, Planned]:
    this = opened(project, *overrides)
    return {item.stage.name: item for item in plan(this, stages_of(this))}


def complete(project: Path, *overrides: str) -> Run:
    this = opened(project, *overrides)
    run(this, stages_of(this))
    return this


def test_a_run_publishes_every_stage_whole(done: Path) -> None:
    for stage in STAGES:
        folder = done / "runs" / "tiny" / Path(*stage.split("."))
        assert verify(folder).stage == stage
    assert not list((done / "runs" / "tiny" / ".work").iterdir())  # checkpoints are gone with the need for them


def test_the_second_run_does_nothing(done: Path) -> None:
    times = {path: path.stat().st_mtime_ns for path in (done / "runs").rglob("manifest.json")}
    assert [item.state for item in planned(done).values()] == ["fresh"] * len(STAGES)
    complete(done)
    assert {path: path.stat().st_mtime_ns for path in (done / "runs").rglob("manifest.json")} == times


@pytest.mark.parametrize(
    ("override", "rerun"),
    [
        ("pretrain.steps=13", STAGES[2:]),
        ("pretrain.valid_max_tokens=999", STAGES[2:]),
        ("finetune.mood.epochs=1", STAGES[3:]),
        ("tokenizer.vocab_size=89", STAGES),
        ("model.config.hidden_dropout_prob=0.2", STAGES[2:]),
        ("finetune.mood.seeds=[3]", ["report"]),
        ("pretrain.log_every=1", ["report"]),
    ],
)
def test_a_change_reruns_exactly_what_depends_on_it(done: Path, override: str, rerun: list[str]) -> None:
    states = {name: item.state for name, item in planned(done, override).items()}
    assert [name for name, state in states.items() if state != "fresh"] == rerun


def test_the_plan_says_why(done: Path) -> None:
    items = planned(done, "pretrain.steps=13")
    assert items["shards"].reason == "nothing it depends on has changed"
    assert "pretrain.steps 12 → 13" in items["pretrain"].reason
    assert "pretrain runs again" in items["finetune.mood.3"].reason


def test_changed_text_reruns_everything(done: Path) -> None:
    with (done / "text" / "a.txt").open("a") as file:
        file.write("\nThe new river follows a forest.\n")
    items = planned(done)
    assert [item.state for item in items.values()] == ["run"] * len(STAGES)
    assert "a.txt changed" in items["tokenizer"].reason


def test_two_runs_give_the_same_bits(project: Path) -> None:
    first = complete(project)
    second = complete(project, 'output="elsewhere"')
    for stage in ("tokenizer", "shards", "pretrain", "finetune.mood.3"):
        one, other = read_manifest(first.artifact(stage)), read_manifest(second.artifact(stage))
        assert one is not None
        assert other is not None
        files = {name for name in one.files if not name.endswith("log.jsonl")}
        assert {name: one.files[name] for name in files} == {name: other.files[name] for name in files}


def test_short_sequences_come_first(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    longest = []

    def watched(self: Pretraining, model: Model, batch: Batch) -> LossOutput:
        if model.training:
            longest.append(batch.max_seqlen)
        return loss(self, model, batch)

    loss = Pretraining.loss
    monkeypatch.setattr(Pretraining, "loss", watched)
    complete(project, "pretrain.seqlen_warmup={max_seqlen=13, steps=5}")
    assert len(longest) == 12
    assert max(longest[:5]) <= 13 < min(longest[5:])


def test_the_mask_rate_changes_from_the_first_step_to_the_last(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = []

    def watched(self: Pretraining, model: Model, batch: Batch) -> LossOutput:
        if model.training:
            rates.append(self.counts(batch)["mlm"] / batch.num_tokens)
        return loss(self, model, batch)

    loss = Pretraining.loss
    monkeypatch.setattr(Pretraining, "loss", watched)
    mlm = "{ span = {}, mask_probability = { start = 0.1, end = 0.9 } }"
    objective = f"{{ nsp = false, inputs = 'full-sentences', mlm = {mlm} }}"
    this = complete(project, f"pretrain.objective={objective}", "finetune={}")
    assert len(rates) == 12
    assert rates == sorted(rates)
    assert rates[0] < 0.15
    assert rates[-1] > 0.75
    assert this.recipe.pretrain is not None
    assert this.recipe.pretrain.objective.inputs == "full-sentences"


def test_seeds_differ(done: Path) -> None:
    weights = [done / "runs/tiny/finetune/mood" / seed / "model.safetensors" for seed in ("3", "5")]
    assert weights[0].read_bytes() != weights[1].read_bytes()


def test_the_task_is_learned_and_scored(project: Path) -> None:
    this = complete(project, "finetune.mood.epochs=12", "finetune.mood.optimizer.lr=3e-3", "finetune.mood.seeds=[3]")
    manifest = read_manifest(this.artifact("finetune.mood.3"))
    assert manifest is not None
    assert manifest.metrics["test"]["accuracy"] > 0.9
    assert manifest.metrics["dev"]["accuracy"] == pytest.approx(manifest.metrics["test"]["accuracy"])
    predictions = (this.artifact("finetune.mood.3") / "predictions.jsonl").read_text().splitlines()
    right = sum(json.loads(line)["label"] == json.loads(line)["true"] for line in predictions)
    assert right / len(predictions) == manifest.metrics["test"]["accuracy"]


def test_the_log_has_every_tenth_step_and_evaluations(done: Path) -> None:
    log = read_log(done / "runs/tiny/pretrain/log.jsonl")
    assert [record["step"] for record in log if record["event"] == "step"] == [2, 4, 6, 8, 10, 12]
    assert [record["step"] for record in log if record["event"] == "eval"] == [5, 10, 12]
    assert {"mlm_loss", "mlm_accuracy", "nsp_loss", "nsp_accuracy", "lr", "grad_norm", "tokens_per_second"} <= set(
        next(record for record in log if record["event"] == "step")
    )


def test_only_named_stages_and_what_they_need(project: Path) -> None:
    this = opened(project)
    assert [stage.name for stage in selected(stages_of(this), ["finetune.mood.5"])] == [
        *STAGES[:3],
        "finetune.mood.5",
    ]
    assert [stage.name for stage in selected(stages_of(this), ["finetune.mood"])] == STAGES[:5]
    with pytest.raises(UserError, match=r"no stage is called 'fine'; this recipe has tokenizer, shards, pretrain"):
        selected(stages_of(this), ["fine"])


def test_force_runs_a_fresh_stage(done: Path, encodery: Command) -> None:
    before = (done / "runs/tiny/finetune/mood/3/manifest.json").stat().st_mtime_ns
    code, out, _ = encodery("run", "tiny.toml", "--force", "finetune.mood.3")
    assert code == 0
    assert "fresh  finetune.mood.5" in out
    assert (done / "runs/tiny/finetune/mood/3/manifest.json").stat().st_mtime_ns > before


def test_a_folder_of_another_recipe_is_left_alone(done: Path, encodery: Command) -> None:
    other = done / "other.toml"
    other.write_text((done / "tiny.toml").read_text())
    code, _, err = encodery("run", "other.toml")
    assert code == 2
    assert err == (
        "encodery: runs/tiny: belongs to another recipe, tiny.toml; change `name` or `output` in other.toml, "
        "or move the folder away\n"
    )


def test_a_folder_that_is_no_run_is_left_alone(project: Path, encodery: Command) -> None:
    (project / "runs" / "tiny").mkdir(parents=True)
    (project / "runs" / "tiny" / "thesis.txt").write_text("three years of work")
    code, _, err = encodery("run", "tiny.toml")
    assert code == 2
    assert "runs/tiny: exists and is no run of Encodery" in err
    assert (project / "runs" / "tiny" / "thesis.txt").read_text() == "three years of work"


def test_two_at_once_are_refused(done: Path, encodery: Command) -> None:
    import fcntl

    with (done / "runs/tiny/run.json").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code, _, err = encodery("run", "tiny.toml")
    assert code == 2
    assert "another `encodery run` is at work here" in err


@pytest.mark.parametrize("spec", ['{ type = "byte-bpe", vocab_size = 331 }', '{ type = "unigram", vocab_size = 53 }'])
def test_other_kinds_of_tokenizers_make_shards(project: Path, spec: str) -> None:
    text = (project / "tiny.toml").read_text()
    text = text.replace("[tokenizer]\nvocab_size = 90\nmin_frequency = 1\n", "")
    (project / "tiny.toml").write_text(text.replace("[model]", f"tokenizer = {spec}\n[model]", 1))
    this = opened(project)
    run(this, selected(stages_of(this), ["shards"]))
    tokenizer = Tokenizer.load(this.artifact("tokenizer"))
    shards = Shards.open(this.artifact("shards") / "train")
    assert tokenizer.vocab_size == this.recipe.tokenizer.vocab_size  # type: ignore[union-attr]
    assert shards.num_tokens > 3000
    assert verify(this.artifact("tokenizer")).metrics == {"vocab_size": tokenizer.vocab_size}
