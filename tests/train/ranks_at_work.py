"""What a rank of the tests does: trains small models in one group, one after the other, and writes down how it went.

    python -m tests.train.ranks_at_work FOLDER CASE...

in the environment of `torchrun`. Each case trains in FOLDER/CASE; `result-RANK.json` tells what this rank saw.
"""

import json
import math
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from safetensors.torch import save_file

from encodery.batch import Batch, LossOutput, Sequence, pack
from encodery.errors import Interrupted, UserError
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.train.config import TrainerConfig
from encodery.train.distributed import ALONE, Ranks, joined_ranks
from encodery.train.loss import mean_metrics
from encodery.train.trainer import Trainer

SMALL: dict[str, Any] = {
    "vocab_size": 53, "hidden_size": 10, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 17,
    "max_position_embeddings": 13,
}  # fmt: skip
WITH_DROPOUT = EncoderConfig(**SMALL)
CONFIG = EncoderConfig(**SMALL, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
STEPS = 7
SETTINGS = {"precision": "fp32", "log_every": 2, "checkpoint_every": 3, "optimizer": {"lr": 1e-2}}


class Mixed:
    """Two terms and three heads: the class of a sequence, the words of its middle; the pooler's other user idles.

    The words are asked for only where a piece has more than five tokens, so that some pieces leave a head unused.
    """

    def counts(self, batch: Batch) -> Mapping[str, int]:
        return {"first": batch.num_sequences, "words": sum(length > 5 for length in batch.seqlens()) or 1}

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        assert batch.sequence_labels is not None
        sequence: Any = model.heads["sequence"]
        logits = sequence(model.pool(model.encoder(batch, batch.first_tokens))).float()
        first = torch.nn.functional.cross_entropy(logits, batch.sequence_labels, reduction="sum")
        losses, count = {"first": first}, float(batch.num_sequences)
        metrics = {"loss": (first.item(), count)}
        long = [start + 2 for start, n in zip(batch.first_tokens.tolist(), batch.seqlens(), strict=True) if n > 5]
        if long:
            rows = torch.tensor(long, device=batch.input_ids.device)
            head: Any = model.heads["mlm"]
            losses["words"], _ = head.loss(model.encoder(batch, rows), batch.input_ids[rows])
            metrics["words"] = (losses["words"].item(), float(len(long)))
        return LossOutput(losses, metrics)


class Poisoned(Mixed):
    """Not a number on one rank at one of its steps; or only its gradient is none, by the root of nothing."""

    def __init__(self, here: bool, gradient: bool = False) -> None:
        self._here, self._gradient, self._calls = here, gradient, 0

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        output = super().loss(model, batch)
        self._calls += 1
        bad = self._here and self._calls == 3
        if bad and self._gradient:
            return LossOutput({n: loss + (0.0 * loss).sqrt() for n, loss in output.losses.items()}, output.metrics)
        factor = math.nan if bad else 1.0
        return LossOutput({name: loss * factor for name, loss in output.losses.items()}, output.metrics)


def batches(step: int) -> Batch:
    draw = torch.Generator().manual_seed(step)
    ids = [torch.randint(5, 53, (length,), generator=draw).tolist() for length in (7, 3, 11, 5)]
    return pack([Sequence(row, None, row[0] % 2) for row in ids])


def lone_batches(step: int) -> Batch:
    """One example a step: no share for the second rank."""
    batch = batches(step).split(8)[step % 2]
    assert batch.num_sequences == 1
    return batch


CASES: dict[str, dict[str, Any]] = {
    "ddp": {},
    "fsdp": {"parallel": "fsdp"},
    "ddp-pieces": {"micro_batch_tokens": 8},
    "fsdp-pieces": {"micro_batch_tokens": 8, "parallel": "fsdp"},
    "ddp-lone": {},
    "fsdp-lone": {"parallel": "fsdp"},
    "ddp-dropout": {},
    "ddp-dropout-again": {},
    "ddp-bf16": {"precision": "bf16"},
    "fsdp-bf16": {"precision": "bf16", "parallel": "fsdp"},
    "ddp-nan": {},
    "fsdp-nan": {"parallel": "fsdp"},
    "ddp-gradient": {},
    "fsdp-gradient": {"parallel": "fsdp"},
    "ddp-weight": {},
    "fsdp-weight": {"parallel": "fsdp"},
    "ddp-stop": {"checkpoint_every": 1000},
    "fsdp-stop": {"checkpoint_every": 1000, "parallel": "fsdp", "asynchronous_checkpoints": True},
    "ddp-continue": {"checkpoint_every": 1000},
    "fsdp-continue": {"checkpoint_every": 1000, "parallel": "fsdp"},
    "ddp-best": {"keep": "best", "evaluate_every": 2},
    "fsdp-best": {"keep": "best", "evaluate_every": 2, "parallel": "fsdp"},
    "ddp-fixed": {"deterministic": True},
}


def make(folder: Path, case: str, ranks: Ranks = ALONE) -> Trainer:
    """The trainer of a case, for one rank or several."""
    kind = case.partition("-")[2]
    model = Model(WITH_DROPOUT if kind.startswith("dropout") else CONFIG, ("sequence", "mlm", "nsp"), num_labels=2)
    model.initialize(3 if ranks.is_first else 4)  # whoever is not the first must take over the first one's
    config = TrainerConfig(**{**SETTINGS, **CASES[case]})
    last = ranks.rank == ranks.world_size - 1
    loss = Poisoned(last, kind == "gradient") if kind in ("nan", "gradient") else Mixed()
    own = lone_batches if kind == "lone" else batches

    def stopping(step: int) -> Batch:
        if kind == "stop" and step == 4 and ranks.rank == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return own(step)

    trainer = Trainer(model, loss, stopping, config, STEPS, 5, folder, console=Console(quiet=True), ranks=ranks)
    if kind == "weight" and last:
        lose_a_weight(trainer, after=5)
    if kind == "best":
        values = iter([0.1, 0.9, 0.3, 0.2, 0.7])

        def evaluate() -> dict[str, float]:
            return {"score": next(values), **mean_metrics(loss, model, [batches(99)])}

        trainer.evaluate = evaluate
    return trainer


def lose_a_weight(trainer: Trainer, after: int) -> None:
    """It is no number from the update on that ends this step, on this rank alone."""

    def lose(*_: object) -> None:
        if trainer.state.step == after - 1:
            weight: Any = trainer.parallel.trained.encoder.embeddings.word.weight
            local = weight.to_local() if hasattr(weight, "to_local") else weight
            local.detach()[0, 0] = math.nan

    trainer.optimizer.register_step_post_hook(lose)


def run_case(folder: Path, case: str, ranks: Ranks) -> dict[str, Any]:
    """Train, and tell what this rank saw."""
    trainer = make(folder / case, case, ranks)
    said = ""
    metrics: Mapping[str, float] = {}
    try:
        metrics = trainer.fit()
    except (Interrupted, UserError) as stop:
        said = f"{type(stop).__name__}: {stop}"
    if ranks.is_first:
        weights = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
        save_file(weights, folder / case / "weights.safetensors")
    state = trainer.state
    return {"step": state.step, "skipped": state.skipped_steps, "said": said, "metrics": dict(metrics)}


def main(folder: Path, cases: list[str]) -> None:
    """All cases in one group."""
    with joined_ranks() as ranks:
        assert ranks.gather({"rank": ranks.rank, "ü": "ä" * ranks.rank}) == [
            {"rank": 0, "ü": ""},
            {"rank": 1, "ü": "ä"},
        ]
        assert [ranks.any(False), ranks.any(ranks.rank == 1)] == [False, True]
        assert ranks.first(lambda: [1.5, None]) == [1.5, None]
        results = {case: run_case(folder, case, ranks) for case in cases}
        (folder / f"result-{ranks.rank}.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
