"""Pretraining as one thing: which text comes when, what is hidden in it, and what the model must tell.

Steps are planned many at a time and read a few at a time: for a few thousand tokens, NumPy's cost per call would be
most of the work. That does not show from outside: a batch is a function of (seed, step) alone, whatever was asked for
before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Int64, UInt64

from encodery.batch import Batch, LossOutput
from encodery.data.block_shuffle import BlockShuffle
from encodery.data.keyed_random import keyed_uint64
from encodery.data.languages import (
    AS_IT_IS,
    LanguageTokens,
    LanguageWindows,
    OneByOne,
    SampledWindows,
    order_to_sample,
)
from encodery.data.layout import PackedText, lay_out, num_special_tokens
from encodery.data.lookahead import Lookahead
from encodery.data.schedule import Knots, value_at
from encodery.data.shards import Shards
from encodery.data.spans import Segments, Windows
from encodery.model.heads import Model
from encodery.objectives.causal import CausalLM
from encodery.objectives.checks import check_text, numbered_languages
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.inputs import shape_windows, single_segments
from encodery.objectives.masked import MaskedConfig, MaskedLM, MaskedText
from encodery.objectives.scored_tokens import Scorer, score
from encodery.objectives.sentence import NextSentence
from encodery.objectives.vocabulary import Vocabulary

_BLOCK_TOKENS = 1 << 15
_BLOCKS_PER_PLAN = 8
_PLANS_AHEAD = 64
"""So many plans before it is read, text that lies elsewhere is fetched: some 16 million tokens."""
_MEASURED_WINDOWS = 512
_TRAINING, _VALIDATION = range(2)
_WINDOWS, _SEQUENCES = range(2)
_COPIES = 0xC0B1E5  # names the draws of text that comes again apart from those of steps
_AS_THE_TEXT_COMES: Knots = ((0, AS_IT_IS),)


@dataclass(frozen=True)
class _Stream:
    """One endless, fixed order of text: training has one, validation another."""

    windows: Windows | SampledWindows | LanguageWindows
    seed: int
    """Names the draws within the sequences."""
    num_copies: int = 0
    """How many epochs differ in more than their order; 0: all."""


@dataclass(frozen=True)
class _Sequences:
    """The sequences of some steps, before their text is read."""

    segments: Segments
    labels: Int64[np.ndarray, " sequences"] | None
    streams: UInt64[np.ndarray, " sequences"]
    steps: Int64[np.ndarray, " steps"]
    """First sequence of each step, and the end of the last."""

    def of_steps(self, first: int, last: int) -> "_Sequences":
        """Those of the steps `first : last`, counted from the first one here."""
        steps = self.steps[first : last + 1]
        inside = slice(steps[0], steps[-1])
        return _Sequences(
            replace(self.segments, starts=self.segments.starts[inside], lengths=self.segments.lengths[inside]),
            None if self.labels is None else self.labels[inside],
            self.streams[inside],
            steps - steps[0],
        )


class Pretraining:
    """Masked language modeling, with next sentence prediction or without, or causal LM, over token shards."""

    def __init__(
        self,
        config: ObjectiveConfig,
        shards: Shards,
        vocabulary: Vocabulary,
        max_seqlen: int,
        tokens_per_step: int,
        seed: int,
        lang2id: Mapping[str, int] | None = None,
        num_steps: int = 1,
        causal: bool = False,
        alpha: Knots | None = None,
        shuffle: BlockShuffle | None = None,
    ) -> None:
        """Batches of about `tokens_per_step` tokens, in sequences of at most `max_seqlen`; with the languages of the
        text if `lang2id` numbers them, sampled with `alpha`. `num_steps` is how long the training is, over which the
        mask rate and alpha may change. `causal`: each next token is asked for, and no tokens are hidden. `shuffle`
        reads the text in blocks.

        Raises:
            UserError: the shards belong to another vocabulary, the corpus has too few documents for NSP, the lengths
                leave no room for text, or languages are to be sampled and the shards are not sorted by them.
        """
        self._special_tokens = num_special_tokens(2 if config.nsp else 1)
        check_text(shards, vocabulary, max_seqlen, tokens_per_step, self._special_tokens)
        self._shards = shards
        self._vocabulary = vocabulary
        self._language_ids = None if lang2id is None else numbered_languages(shards, lang2id)
        self._span = max_seqlen - self._special_tokens
        self._num_steps = num_steps
        self._scored = CausalLM() if causal else masked_lm(config.mlm, vocabulary, shards, num_steps)
        self._inputs = config.input_format
        self._next_sentence = NextSentence(shards, self._inputs == "sentence-pair") if config.nsp else None
        windows = Windows(shards, self._span, 0, config.short_sequence_probability, shuffle=shuffle)
        windows = shape_windows(windows, self._inputs)
        self._windows = _seeded(replace(windows, num_copies=config.mlm.duplication_factor), seed, _TRAINING)
        self._held_out = _seeded(replace(windows, jitter=False), seed, _VALIDATION)
        self._training = _stream(self._windows, seed, _TRAINING)
        self._validation = measured = _stream(self._held_out, seed, _VALIDATION)
        alpha = alpha or _AS_THE_TEXT_COMES
        if languages := order_to_sample(self._windows, alpha):
            middle = ((0, value_at(alpha, num_steps / 2)),)
            measured = replace(self._training, windows=SampledWindows(languages, middle, 1, 1))
        self._windows_per_step = 1  # until it is known how many tokens a window becomes
        self._tokens_per_window = self._measure_window(measured)
        self._windows_per_step = max(1, round(tokens_per_step / self._tokens_per_window))
        if languages:
            sampled = SampledWindows(languages, alpha, self._windows_per_step, num_steps)
            self._training = replace(self._training, windows=sampled)
        self._steps_per_block = max(1, _BLOCK_TOKENS // tokens_per_step)
        self._ahead = Lookahead(self._fetch_plan) if shards.lie_elsewhere else None
        self._plan = lru_cache(maxsize=1)(self._make_plan)
        self._block = lru_cache(maxsize=1)(self._make_block)

    @property
    def steps_per_epoch(self) -> float:
        """Steps in which every window of the corpus comes up once."""
        return self._training.windows.num_windows / self._windows_per_step

    def epochs_by_language(self, start: int, stop: int) -> dict[str, float]:
        """How often the steps `start : stop` read the text of each language; empty where shards are not sorted by
        language."""
        text = LanguageTokens.of(self._windows)
        order, size = self._training.windows, self._windows_per_step
        if isinstance(order, SampledWindows):
            return order.epochs(start * size, stop * size)
        return dict.fromkeys(text.names if text else (), (stop - start) / self.steps_per_epoch)

    def epochs_by_pair(self, start: int, stop: int) -> dict[str, float]:
        """None: there are no aligned sentences in this text."""
        return {}

    def batch(self, step: int) -> Batch:
        """The batch of a training step: packed, corrupted, a function of (seed, step) alone."""
        number, place = divmod(step, self._steps_per_block)
        return self._block(number)[place]

    def validation_batches(self, max_tokens: int) -> Iterator[Batch]:
        """About `max_tokens` of the corpus (or all of it), always the same ones with the same masks."""
        return self._first_of(self._validation, max_tokens)

    def validation_batches_by_language(self, max_tokens: int) -> dict[str, Iterator[Batch]]:
        """The same for each language, which share `max_tokens` evenly; empty where shards are not sorted by it."""
        text = LanguageTokens.of(self._held_out)
        if text is None:
            return {}
        order, share = OneByOne(self._held_out, text), max_tokens // len(text.names)
        return {
            name: self._first_of(replace(self._validation, windows=LanguageWindows(order, number)), share)
            for number, name in enumerate(text.names)
        }

    def _first_of(self, stream: _Stream, max_tokens: int) -> Iterator[Batch]:
        """About the first `max_tokens` of a stream, or an epoch of it."""
        wanted = max(1, round(max_tokens / self._tokens_per_window))
        stop = min(wanted, stream.windows.num_windows)
        sequences = self._sequences(stream, 0, stop)
        for step in range(len(sequences.steps) - 1):
            yield from self._read(sequences.of_steps(step, step + 1), self._num_steps - 1)

    def counts(self, batch: Batch) -> dict[str, int]:
        """How many items each term of the loss scores, known before the model has seen the batch."""
        assert batch.labels is not None
        counts = {self._scored.name: len(batch.labels)}
        if self._next_sentence:
            counts["nsp"] = batch.num_sequences
        return counts

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """Sums of the terms over the batch. The model needs the heads `mlm` and, for NSP, `nsp`."""
        scorers: dict[str, Scorer] = {self._scored.name: self._scored}
        if self._next_sentence:
            scorers["nsp"] = self._next_sentence
        return score(model, batch, scorers, self.counts(batch))

    def _measure_window(self, stream: _Stream) -> float:
        """Mean tokens that a window becomes, special tokens and random next sentences included."""
        num_windows = min(_MEASURED_WINDOWS, stream.windows.num_windows)
        lengths = self._sequences(stream, 0, num_windows).segments.lengths
        return float(lengths.sum() + len(lengths) + (lengths > 0).sum()) / num_windows

    def _sequences(self, stream: _Stream, start: int, stop: int) -> _Sequences:
        """The sequences of the windows `start : stop`, where `start` begins a step."""
        pieces = stream.windows.pieces(start, stop)
        step = pieces.window // self._windows_per_step
        steps = np.searchsorted(step, np.arange(step[0], step[-1] + 2))
        if stream.num_copies:
            index = np.arange(len(pieces)) - np.searchsorted(pieces.window, pieces.window)
            streams = keyed_uint64(stream.seed, _COPIES, pieces.key, index)
        else:
            index = np.arange(len(pieces)) - steps[step - step[0]]
            streams = keyed_uint64(stream.seed, step, index)
        if self._next_sentence:
            segments, labels = self._next_sentence.prepare(pieces, streams, self._span)
            return _Sequences(segments, labels, streams, steps)
        segments = single_segments(self._shards, pieces, self._span, self._inputs)
        return _Sequences(segments, None, streams, steps)

    def _make_plan(self, number: int) -> _Sequences:
        """The sequences of several blocks of training steps."""
        if self._ahead:
            self._ahead.ask(number + _PLANS_AHEAD)
        return self._planned(number)

    def _fetch_plan(self, number: int) -> None:
        """Read a token of each sequence of a plan: its shard is here then."""
        segments = self._planned(number).segments
        there = segments.lengths.ravel() > 0
        starts = segments.starts.ravel()[there]
        self._shards.take_ranges(starts, np.ones_like(starts))

    def _planned(self, number: int) -> _Sequences:
        windows = self._windows_per_step * self._steps_per_block * _BLOCKS_PER_PLAN
        return self._sequences(self._training, number * windows, (number + 1) * windows)

    def _make_block(self, number: int) -> list[Batch]:
        """The batches of a block of training steps."""
        plan, place = divmod(number, _BLOCKS_PER_PLAN)
        first = place * self._steps_per_block
        sequences = self._plan(plan).of_steps(first, first + self._steps_per_block)
        return self._read(sequences, number * self._steps_per_block)

    def _read(self, sequences: _Sequences, first_step: int) -> list[Batch]:
        """Finished batches: the text of the sequences, laid out and corrupted as from `first_step` on."""
        ids, scored = self._vocabulary, self._scored
        text = lay_out(
            self._shards,
            sequences.segments,
            ids.cls_token_id,
            ids.sep_token_id,
            self._language_ids,
            with_sentences=scored.hides_words,
        )
        masked = scored.corrupt(text, sequences.streams, sequences.steps, first_step)
        text.input_ids[masked.label_index] = masked.replacements
        steps = sequences.steps.tolist()
        batches = [packed_batch(text, masked, sequences.labels, first, last) for first, last in pairwise(steps)]
        return [replace(batch, causal=scored.causal, objective=scored.name) for batch in batches]


def masked_lm(config: MaskedConfig, vocabulary: Vocabulary, shards: Shards, num_steps: int) -> MaskedLM:
    """Masked LM over the shards, whose tokens are counted where the choice depends on that."""
    return MaskedLM(config, vocabulary, num_steps, shards.token_counts if config.sample_alpha else None)


def packed_batch(
    text: PackedText, masked: MaskedText, labels: Int64[np.ndarray, " sequences"] | None, first: int, last: int
) -> Batch:
    """The sequences `first : last` as a batch."""
    bounds = text.bounds[first : last + 1]
    tokens = slice(bounds[0], bounds[-1])
    scored = slice(*np.searchsorted(masked.label_index, bounds[[0, -1]]))
    types, languages = text.token_type_ids, text.language_ids
    return Batch(
        input_ids=torch.from_numpy(text.input_ids[tokens]),
        position_ids=torch.from_numpy(text.position_ids[tokens]),
        cu_seqlens=torch.from_numpy((bounds - bounds[0]).astype(np.int32)),
        max_seqlen=int(np.diff(bounds).max()),
        token_type_ids=None if types is None else torch.from_numpy(types[tokens]),
        language_ids=None if languages is None else torch.from_numpy(languages[tokens]),
        labels=torch.from_numpy(masked.labels[scored]),
        label_index=torch.from_numpy(masked.label_index[scored] - bounds[0]),
        sequence_labels=None if labels is None else torch.from_numpy(labels[first:last]),
    )


def _seeded(windows: Windows, seed: int, purpose: int) -> Windows:
    """The windows in an order for one purpose."""
    return replace(windows, seed=int(keyed_uint64(seed, purpose, _WINDOWS)))


def _stream(windows: Windows, seed: int, purpose: int) -> _Stream:
    """The order of text for one purpose."""
    return _Stream(windows, int(keyed_uint64(seed, purpose, _SEQUENCES)), windows.num_copies)
