"""Our side: the real path, step by step under the gate."""

import json
from pathlib import Path

import pytest
import torch

from encodery.bench.gate import Finished, Gate
from encodery.bench.jobs import Job
from encodery.bench.ours import build_objective, build_trainer, encoder_config, make_batches
from encodery.bench.text import CLS_TOKEN_ID, MASK_TOKEN_ID, SEP_TOKEN_ID, Text

TINY = Job(engine="encodery", layout="natural", precision="fp32", preset="tiny", sequences_per_batch=4)


def test_the_trainer_is_held_and_timed(workload: Path, tmp_path: Path) -> None:
    reports: list[str] = []
    gate = Gate(iter(['{"steps": 2}', '{"steps": 1}']), reports.append, lambda: 1009)
    trainer = build_trainer(TINY, workload, tmp_path, gate)
    weight = trainer.model.encoder.get_parameter("layers.0.mlp.up.weight")
    before = weight.detach().clone()
    with pytest.raises(Finished):
        trainer.fit()
    first, second = map(json.loads, reports)
    tokens = [trainer.batches(step).num_tokens for step in range(3)]
    assert (first["tokens"], second["tokens"]) == (tokens[0] + tokens[1], tokens[2])
    assert min(first["seconds"], second["seconds"]) > 0
    assert trainer.state.step == 3
    assert not torch.equal(weight, before)
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize(("layout", "sequences"), [("natural", 84), ("packed", 32)])
def test_a_step_holds_as_many_tokens_as_the_peers(workload: Path, layout: str, sequences: int) -> None:
    text = Text.load(workload)
    job = Job.model_validate({"engine": "encodery", "layout": layout, "sequences_per_batch": sequences})
    objective = build_objective(job, workload)
    sizes = [objective.batch(step).num_tokens for step in range(16)]
    theirs = [len(ids) + 2 for ids in text.sequences(job.layout)]
    assert sum(sizes) / 16 == pytest.approx(sequences * sum(theirs) / len(theirs), rel=0.02)


def test_packed_batches_are_full_sequences_of_masked_text(workload: Path) -> None:
    job = Job(engine="encodery", layout="packed", sequences_per_batch=32)
    batch = build_objective(job, workload).batch(1)
    assert batch.max_seqlen == 128
    assert batch.seqlens().count(128) >= 30  # an epoch's first and last window are cut by the edge of the text
    assert set(batch.input_ids[batch.cu_seqlens[:-1]].tolist()) == {CLS_TOKEN_ID}
    assert set(batch.input_ids[batch.cu_seqlens[1:] - 1].tolist()) == {SEP_TOKEN_ID}
    assert batch.labels is not None
    assert batch.labels.min() > MASK_TOKEN_ID
    assert len(batch.labels) / batch.num_tokens == pytest.approx(0.15, abs=0.02)
    assert (batch.input_ids == MASK_TOKEN_ID).sum() / len(batch.labels) == pytest.approx(0.8, abs=0.06)


def test_batches_alone(workload: Path) -> None:
    reports: list[str] = []
    job = TINY.model_copy(update={"work": "collate"})
    with pytest.raises(Finished):
        make_batches(job, workload, Gate(iter(['{"steps": 7}']), reports.append, lambda: 0))
    objective = build_objective(job, workload)
    assert json.loads(reports[0])["tokens"] == sum(objective.batch(step).num_tokens for step in range(7))


def test_small_is_the_model_that_was_promised() -> None:
    config = encoder_config("mini")
    sizes = (config.num_hidden_layers, config.hidden_size, config.num_attention_heads, config.intermediate_size)
    assert sizes == (4, 256, 4, 1024)
    assert config.vocab_size == 30_522
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.1, 0.1)
