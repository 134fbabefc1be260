"""`lora` in a recipe: an adapter beside merged weights, small checkpoints, the same bits after a kill."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import peft
import pytest
import torch
import transformers
from rich.console import Console
from safetensors.torch import load_file

from encodery.config import read_json
from encodery.errors import UserError
from encodery.families.folder import load_folder
from encodery.recipe import load_recipe
from encodery.stages import open_run, run
from encodery.stages.graph import selected, stages_of
from encodery.train.trainer import Trainer
from tests.families.conftest import their_inputs
from tests.model.conftest import make_batch

Command = Callable[..., tuple[int, str, str]]
LORA = "finetune.mood.lora={r=3, alpha=6.0, dropout=0.1}"
# peft asks transformers 5 for a switch by its old name
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")


def tuned(project: Path, *overrides: str) -> tuple[Path, str]:
    """The model folder of seed 3 and what was said on the way."""
    recipe = load_recipe(project / "tiny.toml", [LORA, "finetune.mood.seeds=[3]", *overrides])
    this = open_run(recipe, project / "tiny.toml", Console(width=200))
    with this.console.capture() as screen:
        run(this, selected(stages_of(this), ["finetune.mood"]))
    return project / "runs" / "tiny" / "finetune" / "mood" / "3", screen.get()


def refusal(project: Path, *overrides: str) -> str:
    with pytest.raises(UserError) as error:
        tuned(project, *overrides)
    return str(error.value)


def test_weights_are_merged_and_the_adapter_lies_beside_them(done: Path) -> None:
    folder, said = tuned(done)
    plain = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    base = transformers.AutoModelForSequenceClassification.from_pretrained("runs/tiny/pretrain", num_labels=2)
    adapted = peft.PeftModel.from_pretrained(base, str(folder / "adapter")).eval()
    config = load_folder(folder).model.config
    inputs = their_inputs(config, make_batch(config))
    torch.testing.assert_close(adapted(**inputs).logits, plain(**inputs).logits, atol=1e-5, rtol=1e-5)
    ours, theirs = (load_file(folder / name) for name in ("model.safetensors", "../../../pretrain/model.safetensors"))
    query = "bert.encoder.layer.0.attention.self.query.weight"
    assert not torch.equal(ours[query], theirs[query])
    word = "bert.embeddings.word_embeddings.weight"
    assert torch.equal(ours[word], theirs[word])
    metrics = read_json(folder / "encodery.json")["metrics"]
    stored = load_file(folder / "adapter" / "adapter_model.safetensors")
    assert metrics["trained_parameters"] == sum(tensor.numel() for tensor in stored.values())
    assert metrics["parameters"] == sum(tensor.numel() for tensor in ours.values())
    assert f"LoRA: {metrics['trained_parameters']:,} of {metrics['parameters']:,} parameters are trained (" in said


def test_the_adapter_alone_predicts_as_the_model_does(done: Path, encodery: Command) -> None:
    folder, _ = tuned(done)
    shutil.copytree(folder / "adapter", done / "alone")
    expected, found = (
        json.loads(encodery("predict", str(path), "The city sees a happy river.")[1])
        for path in (folder, done / "alone")
    )
    # an adapter does not know the labels' names
    assert list(found["scores"].values()) == pytest.approx(list(expected["scores"].values()), abs=1e-5)


def test_a_run_that_was_stopped_ends_with_the_same_bits(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = tuned(done)
    expected = (folder / "model.safetensors").read_bytes()
    shutil.rmtree(folder)
    step, seen = Trainer._step, []

    def dying(self: Trainer, *arguments: object) -> float:
        if self.state.step == 5:
            seen.extend(load_file(max((self.folder / "checkpoints").glob("*")) / "model.safetensors"))
            raise KeyboardInterrupt
        return step(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", dying)
        with pytest.raises(KeyboardInterrupt):
            tuned(done, "finetune.mood.checkpoint_every=2")
    tuned(done, "finetune.mood.checkpoint_every=2")
    assert (folder / "model.safetensors").read_bytes() == expected
    assert seen
    assert all("lora" in name or not name.startswith("encoder.") for name in seen)  # a checkpoint is as small


def test_an_adapter_needs_trained_layers_and_layers_that_exist(done: Path) -> None:
    for change in ("finetune.mood.from=scratch", "finetune.mood.reinit_layers=1"):
        assert refusal(done, change).endswith(
            'lora leaves the encoder as it is, and from = "scratch" or reinit_layers would leave it untrained; '
            "start from a model, or drop lora"
        )
    assert refusal(done, 'finetune.mood.lora.target_modules=["query", "quarry"]') == (
        "finetune.mood.lora.target_modules: 'quarry' is no linear layer of this bert; dense, key, query, value are, "
        'or "all-linear"'
    )
    assert "finetune.mood.lora.r = 0: input should be greater than 0" in refusal(done, "finetune.mood.lora.r=0")
