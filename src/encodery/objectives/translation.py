"""Translation language modeling (Conneau and Lample, "XLM", 2019, sec. 3.4): a sentence and its translation in one
sequence, tokens of both hidden, so that a gap in one language is told from the other.

A pair is laid out as `[CLS] first [SEP] [CLS] second [SEP]`. Positions begin anew with the second side, and each side
has its own language, its special tokens included; in models with token types the second side is of type 1. That is
the layout of XLM's code (`concat_batches` with `reset_positions`), where `</s>` opens and closes a sentence: each
side looks as a text alone does. Which language comes first is drawn for each pair.

Two things differ from that code. A pair that is too long loses tokens at the ends of its longer side, where the code
leaves the pair out: nothing has to be looked up then to find the pair of any place. Special tokens are never hidden.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from encodery.batch import Batch, LossOutput
from encodery.data.keyed_random import extend, keyed_uint64, uniform
from encodery.data.languages import AS_IT_IS
from encodery.data.layout import lay_out
from encodery.data.pairs import Pairs, Sides
from encodery.data.shards import Shards
from encodery.data.spans import Segments
from encodery.errors import UserError
from encodery.model.heads import Model
from encodery.objectives.masked import MaskedConfig
from encodery.objectives.objective import masked_lm, packed_batch
from encodery.objectives.pair_order import PairOrder
from encodery.objectives.scored_tokens import score
from encodery.objectives.sentence import truncate_pairs
from encodery.objectives.vocabulary import Vocabulary

NAME = "tlm"
PAIRS = "pairs"
SPECIAL_TOKENS = 4
_TRAINING, _VALIDATION = range(2)
_ORDER, _PAIRS = range(2)
_SIDES, _SWAP = range(2)


@dataclass(frozen=True)
class _Stream:
    """One endless, fixed order of pairs."""

    order: PairOrder
    """Shuffled anew each epoch."""
    pairs: int
    """Names the draws within the pairs."""


class Translation:
    """Masked language modeling over pairs of sentences; the order of pairs is shuffled anew each epoch."""

    def __init__(
        self,
        config: MaskedConfig,
        shards: Shards,
        vocabulary: Vocabulary,
        max_seqlen: int,
        tokens_per_step: int,
        seed: int,
        lang2id: Mapping[str, int] | None = None,
        num_steps: int = 1,
        alpha: float = AS_IT_IS,
    ) -> None:
        """Batches of about `tokens_per_step` tokens, in sequences of at most `max_seqlen`; with the languages of both
        sides if `lang2id` numbers them. `num_steps` is how long the mask rate has to change; `alpha` samples pairs by
        their languages, see `PairOrder`. Held-out pairs are taken as they come.

        Raises:
            UserError: the shards hold no pairs or belong to another vocabulary, the lengths leave no room for text,
                a side names no language of `lang2id`, or there are no languages to sample.
        """
        if shards.vocab_size != vocabulary.vocab_size:
            raise UserError(
                f"the shards of parallel text were written with a vocabulary of {shards.vocab_size:,}, this one has "
                f"{vocabulary.vocab_size:,}; write them again with the tokenizer that the model uses"
            )
        self._room = max_seqlen - SPECIAL_TOKENS
        if self._room < 2:
            raise UserError(
                f"max_seqlen = {max_seqlen}: must be at least {SPECIAL_TOKENS + 2} for tlm, for {SPECIAL_TOKENS} "
                "special tokens and a token of each side"
            )
        self._pairs = Pairs(shards)
        self._vocabulary = vocabulary
        self._language_ids = None if lang2id is None else self._pairs.numbered(lang2id)
        self._num_steps = num_steps
        self._masked_lm = masked_lm(config, vocabulary, shards, num_steps)
        self._training, self._validation = (
            _Stream(
                PairOrder(self._pairs, sampled, int(keyed_uint64(seed, purpose, _ORDER))),
                int(keyed_uint64(seed, purpose, _PAIRS)),
            )
            for purpose, sampled in ((_TRAINING, alpha), (_VALIDATION, AS_IT_IS))
        )
        self._tokens_per_pair = self._mean_tokens(self._validation.order)
        self._pairs_per_step = max(1, round(tokens_per_step / self._mean_tokens(self._training.order)))

    def _mean_tokens(self, order: PairOrder) -> float:
        """Of a sequence of that order, its special tokens included."""
        ends = zip(order.first.tolist(), order.counts.tolist(), strict=True)
        means = [self._pairs.kept(self._room, first, first + count)[0] / count for first, count in ends]
        return float(np.dot(order.shares, means)) + SPECIAL_TOKENS

    def batch(self, step: int) -> Batch:
        """The batch of a training step: packed, corrupted, a function of (seed, step) alone."""
        first = step * self._pairs_per_step
        return self._read(self._training, np.arange(first, first + self._pairs_per_step), step)

    def validation_batches(self, max_tokens: int) -> Iterator[Batch]:
        """About `max_tokens` of the pairs (or all of them), always the same ones with the same masks."""
        stop = min(max(1, round(max_tokens / self._tokens_per_pair)), len(self._pairs))
        for first in range(0, stop, self._pairs_per_step):
            places = np.arange(first, min(first + self._pairs_per_step, stop))
            yield self._read(self._validation, places, self._num_steps - 1)

    def validation_batches_by_language(self, max_tokens: int) -> dict[str, Iterator[Batch]]:
        """All pairs under one name: each is in two languages."""
        return {PAIRS: self.validation_batches(max_tokens)}

    def epochs_by_language(self, start: int, stop: int) -> dict[str, float]:
        """None: each pair is in two languages, see `epochs_by_pair`."""
        return {}

    def epochs_by_pair(self, start: int, stop: int) -> dict[str, float]:
        """How often the steps `start : stop` read the pairs of each two languages."""
        return self._training.order.epochs(start * self._pairs_per_step, stop * self._pairs_per_step)

    def counts(self, batch: Batch) -> dict[str, int]:
        """How many tokens the loss scores, known before the model has seen the batch."""
        assert batch.labels is not None
        return {NAME: len(batch.labels)}

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """Sum of the cross entropy over the hidden tokens of both sides. The model needs the head `mlm`."""
        return score(model, batch, {NAME: self._masked_lm}, self.counts(batch))

    def _read(self, stream: _Stream, places: Int64[np.ndarray, " pairs"], step: int) -> Batch:
        """The pairs at these places of the endless order, corrupted as in `step`."""
        sides = self._pairs.sides(stream.order.at(places))
        draws = keyed_uint64(stream.pairs, places)
        swapped = uniform(extend(draws, _SWAP)) < 0.5
        turned = np.stack([swapped, ~swapped], axis=1).astype(np.int64)  # which side comes first, which second
        starts, lengths = (np.take_along_axis(values, turned, 1) for values in (sides.starts, sides.lengths))
        kept = np.stack(truncate_pairs(lengths[:, 0], lengths[:, 1], self._room), axis=1)

        # each side is first a sequence of its own, with its own positions and its own draws for what is hidden
        halves = Segments(starts.reshape(-1, 1), kept.reshape(-1, 1))
        ids, by_words = self._vocabulary, self._masked_lm.hides_words
        text = lay_out(self._pairs.shards, halves, ids.cls_token_id, ids.sep_token_id, with_sentences=by_words)
        side_draws = extend(draws[:, None], _SIDES, np.arange(2)[None]).ravel()
        masked = self._masked_lm.corrupt(text, side_draws, np.array([0, 2 * len(places)]), step)
        text.input_ids[masked.label_index] = masked.replacements

        sizes = np.diff(text.bounds)
        pairs = replace(
            text,
            bounds=text.bounds[::2],
            text_bounds=text.text_bounds[::2],
            token_type_ids=np.repeat(np.tile(np.arange(2), len(places)), sizes),
            language_ids=self._languages(sides, turned, sizes),
        )
        return replace(packed_batch(pairs, masked, None, 0, len(places)), objective=NAME)

    def _languages(
        self, sides: Sides, turned: Int64[np.ndarray, "pairs 2"], sizes: Int64[np.ndarray, " sides"]
    ) -> Int64[np.ndarray, " tokens"] | None:
        if self._language_ids is None:
            return None
        ids = self._language_ids[self._pairs.shards.language_of(sides.starts[:, 0])]
        return np.repeat(np.take_along_axis(ids, turned, 1).ravel(), sizes)
