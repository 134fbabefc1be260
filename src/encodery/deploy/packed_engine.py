"""An engine over an exported graph: looks embeddings up, fills calls with sequences, puts rows back in order."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, Int64, Shaped
from torch import Tensor

from encodery.batch import Batch
from encodery.deploy.buckets import Call, lengths_for, num_rows, plan_calls
from encodery.deploy.graph import Reads, input_names
from encodery.errors import UserError
from encodery.model.config import EncoderConfig
from encodery.model.layers import Embeddings

Inputs = Mapping[str, Shaped[np.ndarray, "..."]]
Compute = Callable[[Inputs], Float32[np.ndarray, "rows outputs"]]
"""A compiled graph; what it returns may be overwritten by the next call."""


@runtime_checkable
class Session(Protocol):
    """A graph in the form of one engine."""

    def compile(self, shapes: Mapping[str, tuple[int, ...]]) -> Compute:
        """The graph for inputs of these shapes."""


class PackedEngine:
    """A `Forward` for one head. Not for several threads at once: inputs are written in place."""

    def __init__(
        self, session: Session, tables: Embeddings, config: EncoderConfig, head: str | None, reads: Reads
    ) -> None:
        self.head = head
        self._session = session
        self._tables = tables
        self._config = config
        self._reads = reads
        self._names = input_names(config, reads)
        self._lengths = lengths_for(config.num_positions)
        self._compiled: dict[int, tuple[Compute, dict[str, Any]]] = {}

    def warm_up(self, max_seqlen: int) -> None:
        """Compile and run every length that texts of up to so many tokens need, so that no caller waits for it."""
        lengths = [length for length in self._lengths if length <= max_seqlen]
        longer = [length for length in self._lengths if length > max_seqlen]
        for length in (*lengths, *longer[:1]):
            compute, inputs = self._ready(length)
            compute(inputs)

    def hidden(self, batch: Batch, rows: Int[Tensor, " rows"] | None = None) -> Float[Tensor, "rows hidden"]:
        """As `Forward`.

        Raises:
            UserError: the graph was exported for a head.
        """
        if self.head is not None:
            raise UserError(
                f"this bundle holds the graph of the head {self.head!r}, and no vectors; export the model once more "
                "with --task feature-extraction"
            )
        values = self._run(batch, None)
        return values if rows is None else values.index_select(0, rows.long())

    def logits(
        self, head: str, batch: Batch, rows: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows outputs"]:
        """As `Forward`."""
        assert head == self.head, f"{head!r} is asked of a graph of {self.head!r}"
        if self._reads != "rows":
            values = self._run(batch, None)
            return values if rows is None else values.index_select(0, rows.long())
        return self._run(batch, (batch.first_tokens if rows is None else rows).numpy().astype(np.int64))

    def _run(self, batch: Batch, rows: Int64[np.ndarray, " rows"] | None) -> Float[Tensor, "rows outputs"]:
        """Values of `rows`, or of every token, or the mean of every sequence: whatever the graph reads."""
        with torch.inference_mode():
            embedded = self._tables.total(batch).float().numpy()
        bounds = batch.cu_seqlens.numpy().astype(np.int64)
        owners = None if rows is None else np.searchsorted(bounds, rows, "right") - 1
        counts = self._rows_of_each(bounds, owners)
        tokens = np.diff(bounds).tolist()
        values: np.ndarray | None = None
        for call in plan_calls(tokens, counts, self._lengths):
            compute, inputs = self._ready(call.length)
            places = np.concatenate([np.arange(bounds[i], bounds[i + 1]) for i in call.sequences])
            _fill(inputs, embedded, places, batch, [tokens[i] for i in call.sequences])
            wanted, local = self._wanted(call, bounds, places, rows, owners)
            if "rows" in inputs:
                inputs["rows"][: len(local)] = local
                inputs["rows"][len(local) :] = 0
                local = np.arange(len(local))
            if "weights" in inputs:
                _mean_weights(inputs["weights"], [tokens[i] for i in call.sequences])
            computed = compute(inputs)
            if values is None:
                total = len(embedded) if counts is None else sum(counts)
                values = np.empty((total, computed.shape[1]), np.float32)
            values[wanted] = computed[local]
        assert values is not None, "a batch holds at least one sequence"
        return torch.from_numpy(values)

    def _rows_of_each(self, bounds: np.ndarray, owners: np.ndarray | None) -> list[int] | None:
        if self._reads == "tokens":
            return None
        if owners is None:
            return [1] * (len(bounds) - 1)
        counted: list[int] = np.bincount(owners, minlength=len(bounds) - 1).tolist()
        return counted

    def _wanted(
        self, call: Call, bounds: np.ndarray, places: np.ndarray, rows: np.ndarray | None, owners: np.ndarray | None
    ) -> tuple[Int64[np.ndarray, " wanted"], Int64[np.ndarray, " wanted"]]:
        """Where in the result the values of a call belong, and where the call has them."""
        if self._reads == "tokens":
            return places, np.arange(len(places))
        if rows is None or owners is None:
            return np.array(call.sequences), np.arange(len(call.sequences))
        starts = np.full(len(bounds) - 1, -1)
        lengths = np.diff(bounds)[call.sequences]
        starts[call.sequences] = np.cumsum(lengths) - lengths
        wanted = np.flatnonzero(starts[owners] >= 0)
        return wanted, starts[owners[wanted]] + rows[wanted] - bounds[owners[wanted]]

    def _ready(self, length: int) -> tuple[Compute, dict[str, Any]]:
        """The graph for a length, with the arrays that it is given."""
        if length not in self._compiled:
            rows = num_rows(length)
            arrays: dict[str, np.ndarray] = {
                "embedded": np.zeros((length, self._config.hidden_size), np.float32),
                "sequence_ids": np.zeros(length, np.int64),
                "position_ids": np.zeros(length, np.int64),
                "rows": np.zeros(rows, np.int64),
                "weights": np.zeros((rows, length), np.float32),
            }
            inputs = {name: arrays[name] for name in self._names}
            shapes = {name: array.shape for name, array in inputs.items()}
            self._compiled[length] = self._session.compile(shapes), inputs
        return self._compiled[length]


def _fill(inputs: dict[str, Any], embedded: np.ndarray, places: np.ndarray, batch: Batch, tokens: list[int]) -> None:
    """Sequences one behind the other; the padding behind them is a sequence of its own."""
    count = len(places)
    np.take(embedded, places, axis=0, out=inputs["embedded"][:count], mode="clip")
    inputs["sequence_ids"][:count] = np.repeat(np.arange(len(tokens)), tokens)
    inputs["sequence_ids"][count:] = -1
    if "position_ids" in inputs:
        inputs["position_ids"][:count] = batch.position_ids.numpy()[places]
        inputs["position_ids"][count:] = 0


def _mean_weights(weights: Float32[np.ndarray, "rows tokens"], tokens: list[int]) -> None:
    weights[:] = 0
    start = 0
    for row, length in enumerate(tokens):
        weights[row, start : start + length] = 1 / length
        start += length
