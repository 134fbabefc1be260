"""What crosses from the data side into the model: packed tokens, no padding anywhere.

Shapes: `tokens` is the number of tokens of the whole batch, `sequences` the number of sequences in it.
"""

from collections.abc import Mapping
from collections.abc import Sequence as Many
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, Int32, Shaped
from torch import Tensor

IGNORE_INDEX = -100


@dataclass(frozen=True)
class Sequence:
    """One encoded input before it is packed; `label` is a class index, a number or several: the task's."""

    input_ids: Many[int]
    token_type_ids: Many[int] | None = None
    label: int | float | Many[int] | Many[float] | None = None
    language_ids: Many[int] | None = None
    token_labels: Many[int] | None = None
    """A target for each token, `IGNORE_INDEX` where there is none."""
    continues: bool = False
    """Whether it is of the same example as the sequence before it, so that no batch may part the two."""
    source: "Sequence | None" = None
    """What it is a translation of, for a model with a decoder; its own source and labels are not read."""

    @property
    def num_tokens(self) -> int:
        """Its tokens and those of its source: what is to be computed."""
        return len(self.input_ids) + (0 if self.source is None else len(self.source.input_ids))


@dataclass(frozen=True)
class Batch:
    """Sequences laid end to end. Sequence `i` is `cu_seqlens[i]:cu_seqlens[i + 1]` of every token field."""

    input_ids: Int[Tensor, " tokens"]
    position_ids: Int[Tensor, " tokens"]
    cu_seqlens: Int32[Tensor, " boundaries"]
    max_seqlen: int
    token_type_ids: Int[Tensor, " tokens"] | None = None
    language_ids: Int[Tensor, " tokens"] | None = None
    labels: Int[Tensor, " scored"] | None = None
    """Targets of the scored tokens, in the order of `label_index`."""
    label_index: Int[Tensor, " scored"] | None = None
    """Indices (into the packed tokens) of the tokens that are scored; only these reach a vocabulary head."""
    sequence_labels: Shaped[Tensor, "sequences *classes"] | None = None
    """One target per sequence: a class index (int64), a number (float32) or several of one of these."""
    cu_examples: Int32[Tensor, " bounds"] | None = None
    """Example `i` is the sequences `cu_examples[i]:cu_examples[i + 1]`; None where each is an example of its own."""
    causal: bool = False
    """Whether a token sees only itself and the tokens before it in its sequence."""
    objective: str = "mlm"
    """What is learned from it, where there are several things to learn from text."""
    source: "Batch | None" = None
    """What the sequences are translations of: the encoder reads sequence `i` of it, the decoder sequence `i` here."""

    @property
    def num_tokens(self) -> int:
        return self.input_ids.shape[0]

    @property
    def num_sequences(self) -> int:
        return self.cu_seqlens.shape[0] - 1

    @property
    def first_tokens(self) -> Int32[Tensor, " sequences"]:
        """Index of the first token of each sequence."""
        return self.cu_seqlens[:-1]

    @property
    def example_bounds(self) -> Int32[Tensor, " bounds"]:
        """`cu_examples`, stated or not."""
        if self.cu_examples is not None:
            return self.cu_examples
        return torch.arange(self.num_sequences + 1, dtype=torch.int32, device=self.cu_seqlens.device)

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        moved: dict[str, Any] = {
            f.name: value.to(device, non_blocking=True)
            for f in fields(self)
            if isinstance(value := getattr(self, f.name), Tensor)
        }
        return replace(self, **moved, source=None if self.source is None else self.source.to(device))

    def seqlens(self) -> list[int]:
        """Length of each sequence, in tokens."""
        return self.cu_seqlens.diff().tolist()

    @property
    def work_bounds(self) -> Int32[Tensor, " boundaries"]:
        """`cu_seqlens` with the tokens of the sources counted in: what is to be computed up to each sequence."""
        return self.cu_seqlens if self.source is None else self.cu_seqlens + self.source.cu_seqlens

    def split(self, max_tokens: int) -> list["Batch"]:
        """Consecutive batches of whole examples, each at most `max_tokens` with those of its source (a longer example
        stands alone)."""
        examples = self.example_bounds.tolist()
        bounds = self.work_bounds[examples].tolist()
        starts = [0]
        for i in range(1, len(examples) - 1):
            if bounds[i + 1] - bounds[starts[-1]] > max_tokens:
                starts.append(i)
        if len(starts) == 1:
            return [self]
        cuts = [examples[i] for i in (*starts, -1)]
        return [self._slice(first, last) for first, last in pairwise(cuts)]

    def shares(self, count: int) -> list["Batch | None"]:
        """`count` consecutive shares of whole examples, of as many tokens each as their bounds allow, those of the
        source counted in; None for one without any."""
        if count == 1:
            return [self]
        examples = self.example_bounds.cpu().numpy()
        bounds = self.work_bounds.cpu().numpy()[examples]
        middles = (bounds[:-1] + bounds[1:]) / 2
        cuts = np.searchsorted(middles, np.arange(count + 1) * (bounds[-1] / count))
        pairs = pairwise(examples[cuts].tolist())
        return [self._slice(first, last) if first < last else None for first, last in pairs]

    def shortest_example(self) -> "Batch":
        """The example of the fewest tokens, the first of equal ones."""
        examples = self.example_bounds
        place = int(self.work_bounds[examples.long()].diff().argmin())
        return self._slice(int(examples[place]), int(examples[place + 1]))

    def _slice(self, first: int, last: int) -> "Batch":
        """The sequences `first:last` as a batch of their own."""
        bounds = self.cu_seqlens[first : last + 1]
        start, end = int(bounds[0]), int(bounds[-1])
        token_fields: dict[str, Any] = {
            name: None if (value := getattr(self, name)) is None else value[start:end]
            for name in ("input_ids", "position_ids", "token_type_ids", "language_ids")
        }
        labels, label_index = self.labels, self.label_index
        if label_index is not None:
            inside = (label_index >= start) & (label_index < end)
            label_index = label_index[inside] - start
            labels = None if labels is None else labels[inside]
        return replace(
            self,
            **token_fields,
            cu_seqlens=bounds - start,
            max_seqlen=int(bounds.diff().max()),
            labels=labels,
            label_index=label_index,
            sequence_labels=None if self.sequence_labels is None else self.sequence_labels[first:last],
            cu_examples=None if (cu := self.cu_examples) is None else cu[(cu >= first) & (cu <= last)] - first,
            source=None if self.source is None else self.source._slice(first, last),
        )

    def dense(self, pad_token_id: int) -> dict[str, Int[Tensor, "sequences max_seqlen"]]:
        """Padded, as tools outside expect it: `input_ids`, `attention_mask`, `token_type_ids`, `langs`."""
        lengths = self.cu_seqlens.diff()
        mask = torch.arange(self.max_seqlen, device=lengths.device) < lengths[:, None]
        padded = {"attention_mask": mask.long()}
        given = {"input_ids": self.input_ids, "token_type_ids": self.token_type_ids, "langs": self.language_ids}
        for name, value in given.items():
            if value is not None:
                fill = pad_token_id if name == "input_ids" else 0
                padded[name] = torch.full(mask.shape, fill, device=mask.device).masked_scatter(mask, value.long())
        return padded


def pack(sequences: Many[Sequence]) -> Batch:
    """Lay sequences end to end. All or none carry token types, all or none languages, labels, a source."""
    lengths = np.array([len(sequence.input_ids) for sequence in sequences], dtype=np.int64)
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    positions = np.arange(bounds[-1]) - np.repeat(bounds[:-1], lengths)
    labels = [s.label for s in sequences if s.label is not None]
    sources = [s.source for s in sequences if s.source is not None]
    assert len(labels) in (0, len(sequences))
    assert len(sources) in (0, len(sequences))
    token_labels = _end_to_end([s.token_labels for s in sequences])
    scored = None if token_labels is None else (token_labels != IGNORE_INDEX).nonzero()[:, 0]
    return Batch(
        input_ids=torch.from_numpy(np.concatenate([np.asarray(s.input_ids, np.int64) for s in sequences])),
        position_ids=torch.from_numpy(positions),
        cu_seqlens=torch.from_numpy(bounds.astype(np.int32)),
        max_seqlen=int(lengths.max()),
        token_type_ids=_end_to_end([s.token_type_ids for s in sequences]),
        language_ids=_end_to_end([s.language_ids for s in sequences]),
        labels=None if token_labels is None or scored is None else token_labels[scored],
        label_index=scored,
        sequence_labels=torch.tensor(labels) if labels else None,
        cu_examples=torch.tensor(example_bounds(sequences)).int() if any(s.continues for s in sequences) else None,
        source=pack(sources) if sources else None,
    )


def example_bounds(sequences: Many[Sequence]) -> list[int]:
    """Where each example begins among the sequences, and their number; what is first begins one in any case."""
    begins = [index for index, sequence in enumerate(sequences) if index == 0 or not sequence.continues]
    return [*begins, len(sequences)]


def _end_to_end(values: Many[Many[int] | None]) -> Int[Tensor, " tokens"] | None:
    given = [np.asarray(value, np.int64) for value in values if value is not None]
    assert len(given) in (0, len(values))
    return torch.from_numpy(np.concatenate(given)) if given else None


@dataclass(frozen=True)
class LossOutput:
    """What one batch contributes: sums only, so that a mean over any split of the work is exact.

    `losses` holds each term's loss summed over the items that term scores, its weight already applied; a term is
    divided once, by its count over the whole step. `metrics` maps a name to (sum, count) of plain numbers.
    """

    losses: Mapping[str, Shaped[Tensor, ""]]
    metrics: Mapping[str, tuple[float, float]] = field(default_factory=dict)
