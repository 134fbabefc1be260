"""The peer's side: the Trainer of transformers under the same gate, on the same text and model."""

import json
from pathlib import Path
from typing import Any

import pytest

from encodery.bench import peer
from encodery.bench.gate import Finished, Gate
from encodery.bench.jobs import Job
from encodery.bench.ours import build_trainer
from encodery.bench.text import CLS_TOKEN_ID, MASK_TOKEN_ID, SEP_TOKEN_ID, Text

NATURAL = Job(
    engine="transformers", layout="natural", precision="fp32", preset="tiny", sequences_per_batch=3, accumulation=2
)


class Recorder:
    """Ends an engine after some steps and keeps what it told."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.tokens: list[int] = []

    def arrive(self) -> None:
        if self.left == 0:
            raise Finished
        self.left -= 1

    def add(self, tokens: int) -> None:
        self.tokens.append(tokens)


def test_the_trainer_is_held_and_its_tokens_are_counted_without_padding(
    workload: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    collate = peer.CountingCollator.__call__

    def watch(self: peer.CountingCollator, examples: list[peer.Example]) -> Any:
        batch = collate(self, examples)
        seen.append(int(batch["attention_mask"].sum()))
        return batch

    monkeypatch.setattr(peer.CountingCollator, "__call__", watch)
    recorder = Recorder(2)
    with pytest.raises(Finished):
        peer.train(NATURAL, workload, tmp_path, recorder, peer.build_model(NATURAL))
    # two batches of three texts make a step; the loader may have made batches ahead
    assert recorder.tokens == [seen[0] + seen[1], seen[2] + seen[3]]


def test_the_models_are_the_same(workload: Path, tmp_path: Path) -> None:
    ours = build_trainer(NATURAL, workload, tmp_path, Recorder(0)).model
    theirs = peer.build_model(NATURAL)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    assert (theirs.config.hidden_dropout_prob, theirs.config.attention_probs_dropout_prob) == (0.1, 0.1)
    assert theirs.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("layout", ["natural", "packed"])
def test_examples_are_the_texts_with_special_tokens(workload: Path, layout: str) -> None:
    examples = peer.Examples(NATURAL.model_copy(update={"layout": layout}), workload)
    sequences = Text.load(workload).sequences("natural" if layout == "natural" else "packed")
    assert len(examples) == len(sequences)
    assert examples[11]["input_ids"] == [CLS_TOKEN_ID, *sequences[11].tolist(), SEP_TOKEN_ID]


def test_the_collator_masks_and_pads(workload: Path) -> None:
    examples = peer.Examples(NATURAL, workload)
    some = [examples[i] for i in range(29)]
    batch = peer.build_collator(workload)(some)
    longest = max(len(example["input_ids"]) for example in some)
    assert batch["input_ids"].shape == (29, longest)
    scored = batch["labels"] != -100
    assert batch["labels"][scored].min() > MASK_TOKEN_ID
    assert scored.sum() / batch["attention_mask"].sum() == pytest.approx(0.15, abs=0.03)


def test_collation_alone_counts_tokens(workload: Path) -> None:
    reports: list[str] = []
    with pytest.raises(Finished):
        peer.make_batches(NATURAL, workload, Gate(iter(['{"steps": 5}']), reports.append, lambda: 0))
    lengths = Text.load(workload).lengths + 2
    assert json.loads(reports[0])["tokens"] == lengths[: 5 * 3].sum()
