"""Pretraining further: the model of a folder on new text, what it forgets of other text, and the control arm."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rich.console import Console

from encodery.artifact import read_manifest
from encodery.config import read_json, write_json
from encodery.data.shards import Shards
from encodery.errors import Interrupted, UserError
from encodery.families.folder import load_folder, save_folder
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.objective import Pretraining
from encodery.recipe import load_recipe
from encodery.stages import Run, open_run, plan, run
from encodery.stages.graph import selected, stages_of
from encodery.stages.reading import vocabulary_of
from encodery.train.log import read_log
from encodery.train.loss import mean_metrics
from encodery.train.trainer import Trainer
from tests.conftest import MOOD
from tests.stages.test_report import Text
from tests.stages.test_run import opened as opened_tiny

Command = Callable[..., tuple[int, str, str]]
FURTHER = """
name = "further"
seed = 5
[corpus]
inputs = [{ path = "new.txt" }]
probe_inputs = [{ path = "text/a.txt" }]
valid_fraction = 0.2
[pretrain]
from = "base"
max_seqlen = 32
tokens_per_step = 256
valid_max_tokens = 1000
steps = 6
evaluate_every = 3
precision = "fp32"
optimizer = { lr = 1e-2, warmup_steps = 2 }
"""
MOODS = f"""
[finetune.mood]
epochs = 1
{MOOD}
[finetune.control]
from = "base"
epochs = 1
{MOOD}"""


@pytest.fixture
def here(done: Path) -> Path:
    """A project with a pretrained model in `base` and a recipe that goes on from it, on text of other words."""
    shutil.copytree(done / "runs/tiny/pretrain", done / "base")
    text = (done / "text/b.txt").read_text()
    documents = [" ".join(word[::-1] for word in document.split()) for document in text.split("\n\n")]
    (done / "new.txt").write_text("\n\n".join(documents))
    (done / "further.toml").write_text(FURTHER + MOODS)
    return done


def opened(project: Path, *overrides: str, console: Console | None = None) -> Run:
    recipe = project / "further.toml"
    return open_run(load_recipe(recipe, overrides), recipe, console or Console(quiet=True))


def complete(project: Path, *overrides: str, stages: tuple[str, ...] = ("pretrain",)) -> Run:
    this = opened(project, *overrides)
    run(this, selected(stages_of(this), stages))
    return this


def measured(folder: Path, shards: Path) -> dict[str, float]:
    """The masked-LM metrics of the model in a folder, computed directly."""
    base = load_folder(folder, ("mlm",))
    objective = Pretraining(
        ObjectiveConfig(nsp=False), Shards.open(shards), vocabulary_of(base.tokenizer), 32, 256, seed=5
    )
    with torch.inference_mode():
        return mean_metrics(objective, base.model.eval(), objective.validation_batches(1000))


def test_it_goes_on_from_the_folder_and_says_what_is_forgotten(here: Path) -> None:
    this = complete(here, stages=())
    assert [stage.name for stage in stages_of(this)] == [
        "shards", "pretrain", "finetune.mood.1", "finetune.control.1", "report",
    ]  # fmt: skip
    folder, shards = this.artifact("pretrain"), this.artifact("shards")
    assert (folder / "tokenizer.json").read_bytes() == (here / "base/tokenizer.json").read_bytes()
    manifest = read_manifest(folder)
    assert manifest is not None
    before, after = manifest.metrics["before"], manifest.metrics["valid"]
    for found, model in ((before, here / "base"), (after, folder)):
        for prefix, split in (("", "valid"), ("probe_", "probe")):
            wanted = measured(model, shards / split)
            assert {name: found[f"{prefix}{name}"] for name in wanted} == pytest.approx(wanted, rel=1e-5)
    assert after["mlm_loss"] < before["mlm_loss"] - 0.05  # of the new text
    assert after["probe_mlm_loss"] > before["probe_mlm_loss"]  # of the text it comes from
    evaluations = [record for record in read_log(folder / "log.jsonl") if record["event"] == "eval"]
    assert [record["step"] for record in evaluations] == [3, 6]
    assert evaluations[-1]["probe_mlm_loss"] == after["probe_mlm_loss"]

    page = " ".join(Text((this.artifact("report") / "report.html").read_text()).text.split())
    change = after["probe_mlm_loss"] - before["probe_mlm_loss"]
    row = f"probe_mlm_loss {before['probe_mlm_loss']:.4f} {after['probe_mlm_loss']:.4f} {change:+.4f}"
    assert "The model before it was pretrained further, and after" in page
    assert row in page
    assert "base, pretrained further for 6 steps" in page
    assert 'base_model: "base"' in (folder / "README.md").read_text()


def test_without_a_probe_the_text_itself_is_compared(here: Path) -> None:
    this = complete(here, "corpus.probe_inputs=[]", "pretrain.steps=2")
    manifest = read_manifest(this.artifact("pretrain"))
    assert manifest is not None
    assert set(manifest.metrics["before"]) == {"mlm_loss", "mlm_accuracy"}
    assert not (this.artifact("shards") / "probe").exists()


def test_a_fresh_model_has_no_before(done: Path) -> None:
    this = opened_tiny(done, "corpus.probe_inputs=[{ path = 'text/b.txt' }]", "pretrain.steps=2")
    run(this, selected(stages_of(this), ["pretrain"]))
    manifest = read_manifest(this.artifact("pretrain"))
    assert manifest is not None
    assert "before" not in manifest.metrics
    assert "probe_mlm_loss" in manifest.metrics["valid"]


def test_before_is_measured_once_however_often_it_is_stopped(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopping(self: Trainer, *given: object) -> float:
        raise Interrupted("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", stopping)
        with pytest.raises(Interrupted):
            complete(here)
    (kept,) = (here / "runs/further/.work").glob("pretrain-*/before.json")
    write_json(kept, {**read_json(kept), "mlm_loss": 9.75})
    this = complete(here)
    manifest = read_manifest(this.artifact("pretrain"))
    assert manifest is not None
    assert manifest.metrics["before"]["mlm_loss"] == 9.75


def test_the_control_arm_does_not_depend_on_the_text(here: Path) -> None:
    stages = {stage.name: stage for stage in stages_of(opened(here))}
    assert stages["finetune.mood.1"].parents == ("pretrain",)
    assert stages["finetune.control.1"].parents == ()
    complete(here, stages=())
    changed = opened(here, "pretrain.steps=7")
    states = {item.stage.name: item.state for item in plan(changed, stages_of(changed))}
    assert states == {
        "shards": "fresh", "pretrain": "run",
        "finetune.mood.1": "run", "finetune.control.1": "fresh", "report": "run",
    }  # fmt: skip


@pytest.mark.parametrize("change", ["text/a.txt", "new.txt", "base/config.json"])
def test_other_text_or_another_model_run_it_again(here: Path, change: str) -> None:
    complete(here, "pretrain.steps=1")
    (here / change).write_text((here / change).read_text() + "\n")
    this = opened(here, "pretrain.steps=1")
    states = {item.stage.name: item.state for item in plan(this, stages_of(this))}
    assert (states["shards"], states["pretrain"]) == ("run", "run")


def test_the_probe_concerns_no_vocabulary(done: Path) -> None:
    (done / "probe.txt").write_text("The river sees a city.\n")
    this = opened_tiny(done, "corpus.probe_inputs=[{ path = 'probe.txt' }]")
    states = {item.stage.name: item.state for item in plan(this, stages_of(this))}
    assert (states["tokenizer"], states["shards"]) == ("fresh", "run")


def test_a_folder_without_the_head_says_so_in_a_line(here: Path) -> None:
    base = load_folder(here / "base", ())
    shutil.rmtree(here / "base")
    (here / "base").mkdir()
    save_folder(here / "base", base)
    console = Console(width=300)
    this = opened(here, "pretrain.steps=2", console=console)
    with console.capture() as captured:
        run(this, selected(stages_of(this), ["pretrain"]))
    assert "base has no weights of mlm: these 5 are drawn anew and learned here" in captured.get()
    assert load_folder(this.artifact("pretrain")).model.heads.keys() == {"mlm"}


def test_nsp_goes_on_where_it_is_asked_for(here: Path) -> None:
    this = complete(here, "pretrain.objective.nsp=true", "pretrain.steps=2")
    manifest = read_manifest(this.artifact("pretrain"))
    assert manifest is not None
    assert {"nsp_loss", "probe_mlm_loss"} <= set(manifest.metrics["valid"])
    assert "probe_nsp_loss" not in manifest.metrics["valid"]


def test_the_best_is_by_the_probe_if_asked(here: Path) -> None:
    changes = ("pretrain.keep=best", "pretrain.best_metric=probe_mlm_loss", "pretrain.evaluate_every=1")
    this = complete(here, *changes)
    manifest = read_manifest(this.artifact("pretrain"))
    assert manifest is not None
    log = [record for record in read_log(this.artifact("pretrain") / "log.jsonl") if record["event"] == "eval"]
    lowest = min(log, key=lambda record: float(record["probe_mlm_loss"]))
    assert lowest["step"] < 6  # else the last one would be the best, and nothing would be shown
    assert manifest.metrics["best"]["step"] == lowest["step"]
    assert manifest.metrics["valid"]["probe_mlm_loss"] == pytest.approx(lowest["probe_mlm_loss"])


def test_trim_and_distill_stand_beside_it(here: Path) -> None:
    changes = (
        "trim={ inputs = [{ path = 'new.txt' }] }",
        "distill={ teacher = 'pretrain', tokenizer = 'pretrain', steps = 2, max_seqlen = 32, tokens_per_step = 256, "
        "precision = 'fp32', model = { preset = 'tiny', config = { num_hidden_layers = 1, hidden_size = 32, "
        "num_attention_heads = 2, intermediate_size = 64, max_position_embeddings = 48 } } }",
        "finetune.mood.from=trim",
        "pretrain.steps=2",
    )
    this = complete(here, *changes, stages=())
    names = [stage.name for stage in stages_of(this)]
    assert names == [  # the student reads the shards of its teacher
        "shards", "pretrain", "trim", "distill", "finetune.mood.1", "finetune.control.1", "report",
    ]  # fmt: skip
    assert load_folder(this.artifact("trim")).model.config.vocab_size <= 90
    assert (this.artifact("distill") / "model.safetensors").is_file()


def test_what_plan_and_inspect_say(here: Path, encodery: Command) -> None:
    code, out, _ = encodery("plan", "further.toml")
    assert code == 0
    assert "pretrain: 1,536 tokens, " in out
    assert "tokenizer" not in out
    code, out, _ = encodery("plan", "further.toml", "--set", "pretrain.time=20s")
    assert code == 0
    complete(here, "pretrain.steps=2")
    code, out, _ = encodery("inspect", "runs/further/pretrain")
    assert code == 0
    assert "before.probe_mlm_loss" in out


def test_a_continued_xlm_keeps_its_languages(done: Path) -> None:
    config = "{ num_hidden_layers = 1, hidden_size = 32, num_attention_heads = 2, max_position_embeddings = 48 }"
    xlm = (
        "model.family=xlm", 'model.preset="en-2048"', f"model.config={config}", "model.config.num_languages=3",
        "tokenizer={ vocab_size = 90 }", "pretrain.steps=1", "finetune={}", "output=xlm",
        "corpus.inputs=[{ path = 'text/a.txt', language = 'en' }, { path = 'text/b.txt', language = 'sw' }]",
    )  # fmt: skip
    this = opened_tiny(done, *xlm)
    run(this, selected(stages_of(this), ["pretrain"]))
    shutil.copytree(this.artifact("pretrain"), done / "base")
    (done / "further.toml").write_text(FURTHER)
    small = "corpus.probe_inputs=[]"

    def text(language: str) -> str:
        return f"corpus.inputs=[{{ path = 'text/b.txt', language = '{language}' }}]"

    further = complete(done, small, text("sw"), "pretrain.steps=1")
    assert read_json(further.artifact("pretrain") / "config.json")["lang2id"] == {"en": 0, "sw": 1}
    with pytest.raises(UserError) as error:
        complete(done, small, text("yo"), "pretrain.steps=1")
    assert str(error.value) == (
        "corpus: some text is in the language 'yo', but the model's languages are en, sw; give each input one of "
        "these as its language"
    )
    probe = "corpus.probe_inputs=[{ path = 'text/a.txt', language = 'en' }]"
    manifest = read_manifest(complete(done, probe, text("sw"), "pretrain.steps=1").artifact("pretrain"))
    assert manifest is not None
    assert "probe_mlm_loss" in manifest.metrics["before"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["pretrain.from=trim"], "[pretrain] starts from trim; a model folder is allowed"),
        (["tokenizer={ vocab_size = 90 }"], "[pretrain] has from = 'base', which brings its own; drop [tokenizer]"),
        (["model.preset=tiny"], "[pretrain] has from = 'base', which brings its own; drop [model]"),
        (
            ["corpus.probe_inputs=[]", "pretrain.best_metric=probe_mlm_loss"],
            "pretrain.best_metric = 'probe_mlm_loss' is measured on other text: give corpus.probe_inputs",
        ),
        (
            ["finetune.mood.from=scratch"],
            "[finetune.mood] starts from scratch, which needs a [tokenizer] table",
        ),
    ],
)
def test_recipes_that_cannot_work(here: Path, changes: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        load_recipe(here / "further.toml", changes)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["pretrain.from=gone"], r"pretrain\.from = 'gone': .*gone is no folder; name a model folder"),
        (["pretrain.from='package:nowhere_at_all/x'"], r"the package 'nowhere_at_all' is not installed"),
        (
            ["pretrain.max_seqlen=61"],
            r"pretrain: sequences of 61 tokens are longer than the 48 positions of base; lower max_seqlen",
        ),
        (
            ["pretrain.phases=[{ start = 0.5, max_seqlen = 53 }]"],
            r"sequences of 53 tokens are longer than the 48 positions of base; lower the max_seqlen of phases",
        ),
    ],
)
def test_folders_that_do_not_fit(here: Path, changes: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        complete(here, *changes)
    assert not (here / "runs/further/shards").exists()  # it is known before any text is read
