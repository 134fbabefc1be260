"""A recipe that learns vectors from pairs: contrastive and by numbers, from the file to a folder that others open."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import encodery
from encodery.artifact import verify
from encodery.errors import Interrupted, UserError
from encodery.recipe import load_recipe
from encodery.stages import open_run, run
from encodery.stages.evaluation import evaluate
from encodery.stages.graph import stages_of

RECIPE = """
name = "vectors"
[model]
preset = "tiny"
[model.config]
num_hidden_layers = 1
hidden_size = 64
intermediate_size = 128
[corpus]
inputs = [{ path = "text.txt" }]
[tokenizer]
vocab_size = 113
min_frequency = 1
[finetune.pairs]
from = "scratch"
train = "train.jsonl"
dev = "dev.jsonl"
test = "dev.jsonl"
task = { type = "feature-extraction", max_seqlen = 17 }
tokens_per_step = 509
epochs = 11
evaluate_every = 13
precision = "fp32"
optimizer = { lr = 1e-3 }
"""
THINGS = "river city farmer baker teacher lake forest mountain harbour street garden bridge".split()  # noqa: SIM905
KINDS = "old new small large bright quiet".split()  # noqa: SIM905


def paraphrase(thing: str, kind: str) -> tuple[str, str]:
    """Two sentences that say the same in other words."""
    return f"the {thing} is {kind}", f"how {kind} that {thing} looks"


def plain_pairs() -> list[dict[str, Any]]:
    pairs = [paraphrase(thing, kind) for thing in THINGS for kind in KINDS]
    random.Random(3).shuffle(pairs)
    return [{"text": first, "text_pair": second} for first, second in pairs]


def judged_pairs() -> list[dict[str, Any]]:
    """0 to 2: how many of thing and kind are the same."""
    rng = random.Random(5)
    records = []
    for _ in range(211):
        thing, kind = rng.choice(THINGS), rng.choice(KINDS)
        other, another = rng.choice([thing, rng.choice(THINGS)]), rng.choice([kind, rng.choice(KINDS)])
        label = (thing == other) + (kind == another)
        records.append(
            {"text": paraphrase(thing, kind)[0], "text_pair": paraphrase(other, another)[1], "score": label}
        )
    return records


def complete(project: Path, records: list[dict[str, Any]], *overrides: str) -> Path:
    """Run the recipe to its end; the model folder."""
    (project / "vectors.toml").write_text(RECIPE)
    (project / "text.txt").write_text("\n\n".join(" ".join(pair.values()) for pair in plain_pairs()))
    for name, part in (("train", records[13:]), ("dev", records[:31])):
        (project / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in part))
    opened = open_run(load_recipe(project / "vectors.toml", overrides), project / "vectors.toml", Console(quiet=True))
    run(opened, stages_of(opened))
    return project / "runs" / "vectors" / "finetune" / "pairs" / "1"


def test_pairs_learn_to_find_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = complete(tmp_path, plain_pairs(), 'finetune.pairs.keep="best"', "finetune.pairs.task.symmetric=true")
    verify(folder)
    info = json.loads((folder / "encodery.json").read_text())
    assert info["task"] == "feature-extraction"
    assert info["metrics"]["test"]["mrr"] > 0.7  # by chance 0.13
    assert info["metrics"]["best"]["metric"] == "mrr"
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert all("in_batch_accuracy" in line for line in log if line["event"] == "step")
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    assert len(lines) == 31
    assert list(lines[0]) == ["text", "text_pair", "true", "similarity"]
    model = encodery.load(folder)
    (prediction,) = model.predict(["the river is old"])
    assert list(prediction) == ["embedding"]
    assert np.linalg.norm(prediction["embedding"]) == pytest.approx(1.0, abs=1e-6)
    again = evaluate(folder, [str(tmp_path / "dev.jsonl")]).scores
    assert again["mrr"] == pytest.approx(info["metrics"]["test"]["mrr"])
    assert "mean reciprocal rank" in (tmp_path / "runs/vectors/report/report.html").read_text()
    card = (folder / "README.md").read_text()
    assert 'library_name: "sentence-transformers"' in card
    assert 'SentenceTransformer("vectors-pairs").encode(' in card


@pytest.mark.parametrize("loss", ["cosent", "cosine-mse"])
def test_numbers_are_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: str) -> None:
    monkeypatch.chdir(tmp_path)
    folder = complete(
        tmp_path, judged_pairs(), 'finetune.pairs.fields={ label = "score" }', f'finetune.pairs.task.loss="{loss}"'
    )
    metrics = json.loads((folder / "encodery.json").read_text())["metrics"]
    assert set(metrics["test"]) == {"spearman_cosine", "pearson_cosine", "intervals"}
    assert metrics["test"]["spearman_cosine"] > 0.6


@pytest.mark.filterwarnings("ignore")  # theirs
@pytest.mark.parametrize("mode", ["mean", "cls"])
def test_sentence_transformers_opens_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    peer: Any = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    monkeypatch.chdir(tmp_path)
    folder = complete(tmp_path, plain_pairs(), "finetune.pairs.epochs=1", f'finetune.pairs.task.pooling="{mode}"')
    texts = [pair["text_pair"] for pair in plain_pairs()[:23]]
    theirs = peer.SentenceTransformer(str(folder), device="cpu")
    assert theirs.max_seq_length == 17
    assert abs(encodery.load(folder).embed(texts) - theirs.encode(texts)).max() < 1e-5


def test_a_killed_run_ends_with_the_same_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negatives of a step are a function of (seed, step)."""
    overrides = ("finetune.pairs.epochs=3", "finetune.pairs.checkpoint_every=2", "finetune.pairs.evaluate_every=2")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for project in (whole, killed):
        project.mkdir()
    monkeypatch.chdir(whole)
    expected = encodery.load(complete(whole, plain_pairs(), *overrides))
    monkeypatch.chdir(killed)
    from encodery.tasks.embedding import FeatureExtraction

    count, score = 0, FeatureExtraction.score

    def interrupted(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == 2:
            raise Interrupted("stopped")
        return score(*arguments)

    monkeypatch.setattr(FeatureExtraction, "score", interrupted)
    with pytest.raises(Interrupted):
        complete(killed, plain_pairs(), *overrides)
    found = encodery.load(complete(killed, plain_pairs(), *overrides))
    for name, weight in expected.folder.model.state_dict().items():
        assert torch.equal(weight, found.folder.model.state_dict()[name]), name


def test_labels_that_are_no_numbers_are_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    records = [{**record, "label": "entailment"} for record in plain_pairs()]
    with pytest.raises(UserError) as error:
        complete(tmp_path, records)
    assert str(error.value) == (
        f"{tmp_path}/train.jsonl:1: label = 'entailment'; how similar a pair is, is a finite number; of pairs that "
        "simply belong together leave the label out"
    )
