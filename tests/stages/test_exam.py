"""The exam asks every model the same, and its figures are those of a computation from scratch."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from encodery.artifact import read_manifest
from encodery.batch import Batch
from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.families.folder import load_folder
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.objective import Pretraining
from encodery.recipe import load_recipe
from encodery.stages.exam import Exam, build_exam
from encodery.stages.reading import vocabulary_of
from encodery.stages.text import valid_documents
from tests.stages.splitting import lose_a_shard
from tests.stages.test_run import opened


def places(scheme: int) -> dict[str, Path]:
    runs = json.loads(Path("result/comparison.json").read_text())["schemes"][scheme]["runs"]
    return {stage: Path("result") / place for stage, place in runs[0]["stages"].items()}


def metrics(place: Path) -> dict[str, Any]:
    manifest = read_manifest(place)
    assert manifest is not None
    return manifest.metrics


def questions(place: dict[str, Path]) -> list[Batch]:
    """What the exam asks: single stretches of text, 15 % hidden, whatever the scheme did in training."""
    folder = load_folder(place["pretrain"])
    shards = Shards.open(place["shards"] / "valid")
    objective = Pretraining(ObjectiveConfig(nsp=False), shards, vocabulary_of(folder.tokenizer), 32, 4096, 1)
    return list(objective.validation_batches(1000))


@pytest.mark.parametrize("scheme", [0, 1])
def test_the_figures_are_those_of_a_computation_from_scratch(compared: Path, scheme: int) -> None:
    place = places(scheme)
    folder = load_folder(place["pretrain"])
    losses, right = [], []
    for batch in questions(place):
        with torch.inference_mode():
            hidden = folder.model.eval().encoder(batch)
            logits = folder.model.heads["mlm"](hidden[batch.label_index]).double()
        assert batch.labels is not None
        losses.append(-logits.log_softmax(-1).gather(1, batch.labels[:, None]).ravel())
        right.append(logits.argmax(-1) == batch.labels)
    found = metrics(place["exam"])
    loss = torch.cat(losses).mean().item()
    assert found["mlm_loss"] == pytest.approx(loss, abs=1e-5)
    assert found["mlm_accuracy"] == pytest.approx(torch.cat(right).double().mean().item())
    recipe = load_recipe(Path("bert.toml"))
    assert recipe.corpus is not None
    characters = sum(len(document.text) for document in valid_documents(recipe.corpus, Path()))
    tokens = Shards.open(place["shards"] / "valid").num_tokens
    assert metrics(place["shards"])["valid"]["characters"] == characters
    assert found["bits_per_character"] == pytest.approx(loss / math.log(2) * tokens / characters, abs=1e-5)


def test_schemes_with_one_vocabulary_are_asked_for_the_same_tokens(compared: Path) -> None:
    for ours, theirs in zip(questions(places(0)), questions(places(1)), strict=True):
        assert torch.equal(ours.input_ids, theirs.input_ids)
        assert ours.labels is not None
        assert torch.equal(ours.labels, theirs.labels)  # type: ignore[arg-type]


def test_a_model_that_did_without_a_shard_is_asked_without_it(done: Path) -> None:
    name = lose_a_shard(done / "runs/tiny/shards/valid")
    exam = Exam(max_seqlen=32, max_tokens=1000)
    with pytest.raises(UserError, match=f"{name}: missing"):
        build_exam(opened(done), done, done, "pretrain", "shards", exam)
    found = build_exam(opened(done, "pretrain.on_missing_shard=skip"), done, done, "pretrain", "shards", exam)
    assert math.isfinite(found["bits_per_character"])
