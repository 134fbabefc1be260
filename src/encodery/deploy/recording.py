"""The calls that a server would make of a graph for given texts, kept: by them quantisation is calibrated and judged.

Nothing is computed. The texts are packed and padded by the engine itself, so what is seen is what will be served.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int
from torch import Tensor

from encodery import batch as packed
from encodery.batch import Batch, pack
from encodery.deploy.graph import reads_of
from encodery.deploy.packed_engine import Compute, Inputs, PackedEngine
from encodery.deploy.tables import Tables
from encodery.errors import UserError
from encodery.model.forward import Forward
from encodery.model.heads import MaskedLMHead, Model
from encodery.tasks.task import Task

TOGETHER = 64
"""Texts that come at once."""


class Recording:
    """A `Session` that keeps what it is given."""

    def __init__(self, num_outputs: int) -> None:
        self.calls: list[dict[str, np.ndarray]] = []
        self._num_outputs = num_outputs

    def compile(self, shapes: Mapping[str, tuple[int, ...]]) -> Compute:
        """As `Session`; what it answers is zeros."""
        rows, *_ = shapes.get("rows") or shapes.get("weights") or shapes["embedded"]

        def keep(inputs: Inputs) -> Float32[np.ndarray, "rows outputs"]:
            self.calls.append({name: np.array(value) for name, value in inputs.items()})
            return np.zeros((rows, self._num_outputs), np.float32)

        return keep


def record_calls(
    task: Task, model: Model, head: str | None, sequences: Sequence[packed.Sequence], tables: Tables
) -> list[Inputs]:
    """What a graph for `head` is given for the sequences, as they come, their embeddings from these tables."""
    recording = Recording(num_outputs(model, head))
    engine = PackedEngine(recording, tables, model.config, head, reads_of(model, head))
    for batch in batches(sequences):
        task.outputs(engine, batch)
    return list(recording.calls)


def batches(sequences: Sequence[packed.Sequence], together: int = TOGETHER) -> list[Batch]:
    """Packed, `together` at a time, without labels, which some may lack; those with a language apart from those
    without, which a batch cannot mix."""
    sequences = [replace(sequence, label=None, token_labels=None, continues=False) for sequence in sequences]
    parts = [[s for s in sequences if (s.language_ids is None) == plain] for plain in (True, False)]
    return [pack(part[start : start + together]) for part in parts for start in range(0, len(part), together)]


def num_outputs(model: Model, head: str | None) -> int:
    """Numbers that a head gives for a row; those of a hidden state for None."""
    if head is None:
        return model.config.hidden_size
    module: Any = model.heads[head]
    width: int = (module.decoder if isinstance(module, MaskedLMHead) else module.out).out_features
    return width


class _AskedError(Exception):
    """Carries which head was asked for."""

    def __init__(self, head: str | None) -> None:
        self.head = head


class _Asking:
    """A `Forward` that says what it is asked for."""

    def hidden(self, batch: Batch, rows: Int[Tensor, " rows"] | None = None) -> Float[Tensor, "rows hidden"]:
        raise _AskedError(None)

    def logits(
        self, head: str, batch: Batch, rows: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows outputs"]:
        raise _AskedError(head)


def head_of(task: Task) -> str | None:
    """The head that a task reads; None where it reads the hidden states themselves.

    Raises:
        UserError: the task asks a model for something that no graph gives.
    """
    asking: Forward = _Asking()
    try:
        task.outputs(asking, pack([packed.Sequence([0])]))
    except _AskedError as asked:
        return asked.head
    raise UserError(f"the task {task.name} cannot be exported; `encodery predict` computes it from the model folder")
