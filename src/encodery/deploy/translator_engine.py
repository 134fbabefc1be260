"""An exported translator: its two graphs in an engine, and what lies between their calls."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor

from encodery.batch import Batch
from encodery.deploy.packed_engine import Compute, PackedEngine, Session
from encodery.deploy.step_graph import ACROSS, FAR, STEP_INPUTS
from encodery.deploy.tables import Tables
from encodery.errors import UserError
from encodery.model.config import EncoderConfig
from encodery.model.generation import step_limits
from encodery.model.search import GenerationConfig, Hypothesis, Targets, search

GROWTH = 16
"""Steps for which there is room at first, and which are added whenever it is used up."""


class TranslatorEngine:
    """A `Generating`; no `Forward`: its graphs give translations alone. Not for several threads at once."""

    def __init__(self, source: PackedEngine, step: Session, tables: Tables, config: EncoderConfig) -> None:
        """`source` computes keys and values of texts, `step` the next token, whose embeddings are in `tables`;
        `config` is that of the decoder."""
        self._source = source
        self._tables = tables
        self._config = config
        self._step: Compute = step.compile(dict(zip(STEP_INPUTS, _shapes(config), strict=True)))

    def warm_up(self, max_seqlen: int) -> None:
        """As `PackedEngine.warm_up`, for the texts that are read."""
        self._source.warm_up(max_seqlen)

    def generate(self, source: Batch, targets: Targets, config: GenerationConfig) -> list[list[Hypothesis]]:
        """As `Generating`."""
        limits = step_limits(source, config, self._config.num_positions)
        return search(self.begin(source, config.num_beams), targets, limits, config)

    def begin(self, source: Batch, beams: int) -> "EngineSteps":
        """Read the sources; what decodes their translations token by token."""
        across = self._source.logits(ACROSS, source)
        return EngineSteps(self._step, self._tables, self._config, across, source.seqlens(), beams)

    def hidden(self, batch: Batch, rows: Int[Tensor, " rows"] | None = None) -> Float[Tensor, "rows hidden"]:
        """Raises `UserError`: there is no graph for it."""
        raise UserError(
            "this bundle holds the graphs of a model that translates, and no vectors; export the model once more "
            "with --task feature-extraction"
        )

    def logits(
        self, head: str, batch: Batch, rows: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows outputs"]:
        """Raises `UserError`: translations are given whole."""
        raise UserError("this bundle holds the graphs of a model that translates, which gives whole translations")


class EngineSteps:
    """`Steps` over a graph. The beams of a sentence share one pool of past keys; a mask tells whose they are."""

    def __init__(
        self,
        compute: Compute,
        tables: Tables,
        config: EncoderConfig,
        across: Float[Tensor, "tokens outputs"],
        lengths: Sequence[int],
        beams: int,
    ) -> None:
        self._compute, self._tables, self._config = compute, tables, config
        self._beams, self._sentences, self._steps = beams, len(lengths), 0
        self._kept = (config.num_hidden_layers, 2, config.num_attention_heads)
        self._across, self._seen = self._padded(across.numpy(), lengths)
        self._past = self._room(0)
        self._own = np.full((self._sentences, beams, 0), FAR, np.float32)

    def logits(
        self, input_ids: Int[Tensor, " rows"], language_ids: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows vocabulary"]:
        """As `Steps`."""
        self._grow()
        count, beams, config = self._sentences, self._beams, self._config
        first = self._steps * beams
        inputs = (
            self._embedded(input_ids, language_ids),
            self._past[:count],
            self._own[:count],
            self._across[:count],
            self._seen[:count],
        )
        values = self._compute(dict(zip(STEP_INPUTS, inputs, strict=True)))
        made = values[:, config.vocab_size :].reshape(count, beams, *self._kept, config.head_dim)
        self._past[:count, ..., first : first + beams, :] = made.transpose(0, 2, 3, 4, 1, 5)
        each = np.arange(beams)
        self._own[:count, each, first + each] = 0.0
        self._steps += 1
        return torch.from_numpy(np.array(values[:, : config.vocab_size]))

    def follow(self, parents: Int[Tensor, "sentences beams"]) -> None:
        """As `Steps`."""
        if self._beams > 1:
            own = self._own[: self._sentences]
            own[:] = np.take_along_axis(own, parents.numpy()[:, :, None], 1)

    def leave(self, done: Bool[Tensor, " sentences"]) -> Int[Tensor, " left"]:
        """As `Steps`; the last ones take the places of those that leave."""
        gone = done.numpy()
        count = int((~gone).sum())
        order = np.arange(count)
        gaps, movers = np.flatnonzero(gone[:count]), np.flatnonzero(~gone[count:]) + count
        order[gaps] = movers
        for values in (self._past, self._own, self._across, self._seen):
            values[gaps] = values[movers]
        self._sentences = count
        return torch.from_numpy(order)

    def _grow(self) -> None:
        """Make room for the next step, and more for those behind it."""
        used = self._steps * self._beams
        if used < self._own.shape[2]:
            return
        more = GROWTH * self._beams
        self._past = np.concatenate([self._past, self._room(more)], axis=4)
        blank = np.full((*self._own.shape[:2], more), FAR, np.float32)
        self._own = np.concatenate([self._own, blank], axis=2)

    def _room(self, length: int) -> Float32[np.ndarray, "sentences layers 2 heads past size"]:
        return np.zeros((self._sentences_at_first, *self._kept, length, self._config.head_dim), np.float32)

    @property
    def _sentences_at_first(self) -> int:
        return len(self._seen)

    def _padded(
        self, across: Float32[np.ndarray, "tokens outputs"], lengths: Sequence[int]
    ) -> tuple[Float32[np.ndarray, "sentences layers 2 heads source size"], Float32[np.ndarray, "sentences source"]]:
        """Sentence by sentence, and what hides the padding."""
        longest = max(lengths)
        seen = np.where(np.arange(longest) < np.array(lengths)[:, None], 0.0, FAR).astype(np.float32)
        padded = np.zeros((len(lengths), *self._kept, longest, self._config.head_dim), np.float32)
        split = across.reshape(len(across), *self._kept, self._config.head_dim)
        start = 0
        for place, length in enumerate(lengths):
            padded[place, ..., :length, :] = split[start : start + length].transpose(1, 2, 3, 0, 4)
            start += length
        return padded, seen

    def _embedded(
        self, input_ids: Int[Tensor, " rows"], language_ids: Int[Tensor, " rows"] | None
    ) -> Float32[np.ndarray, "sentences beams hidden"]:
        rows = len(input_ids)
        bounds = torch.arange(rows + 1, dtype=torch.int32)
        batch = Batch(input_ids, torch.full_like(input_ids, self._steps), bounds, 1, language_ids=language_ids)
        total = np.empty((rows, self._config.hidden_size), np.float32)
        self._tables.add_up(batch, total)
        return total.reshape(self._sentences, self._beams, -1)


def _shapes(config: EncoderConfig) -> list[tuple[int, ...]]:
    """Of the graph's inputs; -1 is any number."""
    kept = (-1, config.num_hidden_layers, 2, config.num_attention_heads, -1, config.head_dim)
    return [(-1, -1, config.hidden_size), kept, (-1, -1, -1), kept, (-1, -1)]
