"""An engine over an exported graph: fills calls with sequences, looks embeddings up, puts rows back in order."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, Shaped
from torch import Tensor

from encodery.batch import Batch
from encodery.deploy.buckets import PACKED, Call, lengths_for, num_rows, plan_calls
from encodery.deploy.graph import Reads, input_names
from encodery.deploy.tables import Tables
from encodery.errors import UserError
from encodery.model.config import EncoderConfig

Inputs = Mapping[str, Shaped[np.ndarray, "..."]]
Compute = Callable[[Inputs], Float32[np.ndarray, "rows outputs"]]
"""A compiled graph; what it returns may be overwritten by the next call."""
Row = tuple[int, int]
"""Where its value goes, and its place in its sequence."""


@runtime_checkable
class Session(Protocol):
    """A graph in the form of one engine."""

    def compile(self, shapes: Mapping[str, tuple[int, ...]]) -> Compute:
        """The graph for inputs of these shapes."""


class PackedEngine:
    """A `Forward` for one head. Not for several threads at once: inputs are written in place."""

    def __init__(
        self, session: Session, tables: Tables, config: EncoderConfig, head: str | None, reads: Reads
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
        """Compile and run every length that texts of up to so many tokens need, alone or packed into one call, so
        that no caller waits for it."""
        last = bisect_left(self._lengths, max(max_seqlen, PACKED))
        for length in self._lengths[: last + 1]:
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
        return self._run(batch, rows_by_sequence(batch, rows))

    def _run(self, batch: Batch, rows: Sequence[Sequence[Row]] | None) -> Float[Tensor, "rows outputs"]:
        """Values of `rows` (those of each sequence), of every token, or of sequences' means: what the graph reads."""
        bounds = batch.cu_seqlens.tolist()
        tokens = [stop - start for start, stop in pairwise(bounds)]
        counts = self._rows_of_each(tokens, rows)
        values: np.ndarray | None = None
        for call in plan_calls(tokens, counts, self._lengths):
            lengths = [tokens[place] for place in call.sequences]
            compute, inputs = self._ready(call.length)
            self._fill(inputs, part_of(batch, bounds, call.sequences), lengths)
            targets, places = self._rows(call, bounds, lengths, rows)
            if "rows" in inputs:
                inputs["rows"][: len(places)] = places
                inputs["rows"][len(places) :] = 0
            computed = compute(inputs)[: len(targets)]
            if values is None:
                total = bounds[-1] if counts is None else sum(counts)
                values = np.empty((total, computed.shape[1]), np.float32)
            values[targets] = computed
        assert values is not None, "a batch holds at least one sequence"
        return torch.from_numpy(values)

    def _rows_of_each(self, tokens: Sequence[int], rows: Sequence[Sequence[Row]] | None) -> list[int] | None:
        if self._reads == "tokens":
            return None
        return [1] * len(tokens) if rows is None else [len(some) for some in rows]

    def _rows(
        self, call: Call, bounds: Sequence[int], lengths: Sequence[int], rows: Sequence[Sequence[Row]] | None
    ) -> tuple[Sequence[int], Sequence[int]]:
        """Where in the result the values of a call belong, and which of the call's tokens they are of."""
        if self._reads == "tokens":
            return [token for place in call.sequences for token in range(bounds[place], bounds[place + 1])], []
        if rows is None:
            return call.sequences, []
        starts = accumulate(lengths, initial=0)
        wanted = [
            (target, start + offset)
            for start, place in zip(starts, call.sequences, strict=False)
            for target, offset in rows[place]
        ]
        return [target for target, _ in wanted], [place for _, place in wanted]

    def _fill(self, inputs: dict[str, Any], part: Batch, lengths: Sequence[int]) -> None:
        """Sequences one behind the other; the padding behind them is a sequence of its own."""
        count = part.num_tokens
        self._tables.add_up(part, inputs["embedded"][:count])
        inputs["sequence_ids"][:count] = 0 if len(lengths) == 1 else np.repeat(np.arange(len(lengths)), lengths)
        inputs["sequence_ids"][count:] = -1
        if "position_ids" in inputs:
            inputs["position_ids"][:count] = part.position_ids.numpy()
            inputs["position_ids"][count:] = 0
        if "weights" in inputs:
            _mean_weights(inputs["weights"], lengths)

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


def rows_by_sequence(batch: Batch, rows: Int[Tensor, " rows"] | None) -> list[list[Row]]:
    """The rows that are wanted of each sequence; the first token of each where none are named."""
    if rows is None:
        return [[(place, 0)] for place in range(batch.num_sequences)]
    owners = torch.searchsorted(batch.cu_seqlens, rows.to(batch.cu_seqlens.dtype), right=True) - 1
    offsets = rows - batch.cu_seqlens[owners]
    found: list[list[Row]] = [[] for _ in range(batch.num_sequences)]
    for target, (owner, offset) in enumerate(zip(owners.tolist(), offsets.tolist(), strict=True)):
        found[owner].append((target, offset))
    return found


def part_of(batch: Batch, bounds: Sequence[int], sequences: Sequence[int]) -> Batch:
    """Some sequences of a batch, in the order given."""
    if len(bounds) == 2:
        return batch
    spans = [(bounds[place], bounds[place + 1]) for place in sequences]

    def taken(value: Tensor | None) -> Tensor | None:
        return None if value is None else torch.cat([value[start:stop] for start, stop in spans])

    lengths = [stop - start for start, stop in spans]
    fields: dict[str, Any] = {
        name: taken(getattr(batch, name)) for name in ("input_ids", "position_ids", "token_type_ids", "language_ids")
    }
    cu_seqlens = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32)
    return Batch(**fields, cu_seqlens=cu_seqlens, max_seqlen=max(lengths))


def _mean_weights(weights: Float32[np.ndarray, "rows tokens"], tokens: Sequence[int]) -> None:
    weights[:] = 0
    start = 0
    for row, length in enumerate(tokens):
        weights[row, start : start + length] = 1 / length
        start += length
