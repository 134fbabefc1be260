"""Learning to translate from text of each language alone: denoising and back-translation in one step, and pairs of
sentences with them where there are some.

Lample et al. 2018 ("Phrase-based & neural unsupervised machine translation", algorithm 2) and Conneau and Lample 2019
(section 4): the model tells sentences as they were before noise, which teaches the decoder each language; and turns
its own translations back into the text that they came from, which teaches it to translate. XLM weighs the losses of
steps of their own (`--lambda_ae 0:1,100000:0.1,300000:0`). Here a weight is a share of every step's tokens: the same
gradient in the mean, less of it to compute where a weight is small, and what a term says never has to be scaled.
"""

from collections.abc import Mapping
from collections.abc import Sequence as Many
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float64, Int64
from pydantic import model_validator

from encodery.batch import Batch, LossOutput, Sequence, pack
from encodery.config import Config
from encodery.data.keyed_random import keyed_uint64
from encodery.data.schedule import Share, knots_of, values_at
from encodery.data.shards import Shards
from encodery.data.translation_sequences import source_sequence, taught_sequence
from encodery.errors import UserError
from encodery.model.heads import Model
from encodery.model.translator import Translator
from encodery.objectives.back_translation import Sharing, back_translated
from encodery.objectives.denoise import NoiseConfig, noisy
from encodery.objectives.sentences import Sentences, Shuffled
from encodery.objectives.vocabulary import Vocabulary

Term = Literal["denoise", "back_translation", "pairs"]
TERMS: tuple[Term, ...] = get_args(Term)
DENOISE, BACK, PAIRS = TERMS
TOKENS = "tokens"
_NOISE = 1


class UnsupervisedConfig(Config):
    """What is learned from text of each language alone, and what from pairs beside it."""

    denoise: Share = ((0, 1.0), (100_000, 0.1), (300_000, 0.0))
    """What denoising weighs, a share of each step's tokens: a number, `{ start, end }` over the steps, or
    `[[step, weight], ...]`; that of XLM (`--lambda_ae 0:1,100000:0.1,300000:0`)."""
    back_translation: Share = 1.0
    pairs: Share = 1.0
    """Of the pairs of `train`, where there are some."""
    noise: NoiseConfig = NoiseConfig()

    @model_validator(mode="after")
    def _something_is_learned(self) -> "UnsupervisedConfig":
        for name in ("denoise", "back_translation"):
            weights = [weight for _, weight in knots_of(getattr(self, name), 1)]
            if any(weights):
                return self
        raise ValueError("denoise and back_translation weigh nothing: give one of them a weight above 0")


@dataclass(frozen=True)
class Part:
    """One of the things that a step is made of. `source` and `target` are numbers of languages."""

    term: Term
    text: Sentences | Many[Sequence]
    order: Shuffled
    tokens: float
    """Of one sequence, with those of its source, in the mean."""
    source: int | None = None
    target: int | None = None
    seed: int = 0


class Unsupervised:
    """Batches of several terms, each a share of their tokens; the batch's `sequence_labels` say which part a sequence
    is of."""

    def __init__(
        self,
        config: UnsupervisedConfig,
        shards: Shards,
        directions: Many[tuple[str, str]],
        language_ids: Mapping[str, int],
        vocabulary: Vocabulary,
        max_seqlen: int,
        tokens_per_step: int,
        num_steps: int,
        seed: int,
        lessons: Many[Sequence] = (),
        label_smoothing: float = 0.0,
    ) -> None:
        """Batches of about `tokens_per_step` tokens, those of the sources counted, for `num_steps` steps. Text is
        back-translated along each of `directions`, from its second language into its first. `lessons` are pairs.

        Raises:
            UserError: the shards have no text of a language, or at some step nothing has a weight.
        """
        self._config, self._vocabulary, self._max_seqlen = config, vocabulary, max_seqlen
        self._label_smoothing = label_smoothing
        languages = sorted({language for pair in directions for language in pair})
        text = {language: _sentences(shards, language, max_seqlen) for language in languages}
        self._parts: list[Part] = []
        for language in languages:
            self._add(DENOISE, text[language], seed, (language_ids[language], language_ids[language]))
        for source, target in directions:
            self._add(BACK, text[target], seed, (language_ids[source], language_ids[target]))
        if lessons:
            self._add(PAIRS, lessons, seed)
        self._ends = self._sizes(tokens_per_step, num_steps)

    def _add(
        self,
        term: Term,
        text: Sentences | Many[Sequence],
        seed: int,
        pair: tuple[int | None, int | None] = (None, None),
    ) -> None:
        own = int(keyed_uint64(seed, len(self._parts)))
        if isinstance(text, Sentences):
            tokens = 2 * (text.mean_length + 1.5)
        else:
            tokens = sum(each.num_tokens for each in text) / len(text)
        self._parts.append(Part(term, text, Shuffled(len(text), own), tokens, pair[0], pair[1], own))

    def _sizes(self, tokens_per_step: int, num_steps: int) -> Int64[np.ndarray, "parts bounds"]:
        """How many sequences each part has had before each step."""
        steps = np.arange(num_steps, dtype=np.float64)
        counts = {term: sum(part.term == term for part in self._parts) for term in TERMS}
        weights: Float64[np.ndarray, "parts steps"] = np.array(
            [
                values_at(knots_of(getattr(self._config, part.term), max(1, num_steps - 1)), steps)
                / counts[part.term]
                for part in self._parts
            ]
        )
        total = weights.sum(0)
        if not total.all():
            raise UserError(
                f"monolingual: nothing has a weight at step {int(np.flatnonzero(total == 0)[0])} of {num_steps}; "
                "raise denoise or back_translation there"
            )
        means = np.array([part.tokens for part in self._parts])[:, None]
        sizes = np.where(weights > 0, np.maximum(1, np.rint(weights / total * tokens_per_step / means)), 0)
        return np.concatenate([np.zeros((len(sizes), 1), np.int64), np.cumsum(sizes.astype(np.int64), 1)], 1)

    def batch(self, step: int) -> Batch:
        """The batch of a step, a function of (seed, step) alone, but for the sources that the model is to make."""
        found: list[Sequence] = []
        for number, part in enumerate(self._parts):
            start, stop = self._ends[number, step : step + 2].tolist()
            found += [replace(sequence, label=number) for sequence in self._read(part, start, stop)]
        return pack(found)

    def _read(self, part: Part, start: int, stop: int) -> list[Sequence]:
        """The sequences of a part at these places of its order; a source to be made is the text itself."""
        if start == stop:
            return []
        if not isinstance(part.text, Sentences):
            return [part.text[item] for item in part.order.items(start, stop).tolist()]
        ids, bounds = part.text.read(part.order.items(start, stop))
        texts = np.split(ids, bounds[1:-1])
        read = texts
        if part.term == DENOISE:
            streams = keyed_uint64(part.seed, _NOISE, np.arange(start, stop))
            read = noisy(ids, streams, bounds, self._config.noise, self._vocabulary)
        opens, closes = self._vocabulary.cls_token_id, self._vocabulary.sep_token_id
        return [
            taught_sequence(
                source_sequence([opens, *shown.tolist(), closes], [0] * (len(shown) + 2), part.target),
                text.tolist(),
                opens,
                closes,
                part.target,
            )
            for shown, text in zip(read, texts, strict=True)
        ]

    def prepare(self, model: Model, batch: Batch, ranks: Sharing | None = None) -> Batch:
        """The batch with the text that is to be back-translated translated, a share by each of `ranks`."""
        assert isinstance(model, Translator)
        assert batch.sequence_labels is not None
        parts = [self._parts[number] for number in batch.sequence_labels.tolist()]
        into = [part.source if part.term == BACK else None for part in parts]
        return back_translated(model, batch, into, self._vocabulary, self._max_seqlen, ranks)

    def counts(self, batch: Batch) -> dict[str, int]:
        """Every token of what is to be told is scored, whatever term it is of."""
        assert batch.labels is not None
        return {TOKENS: len(batch.labels)}

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """Cross entropy summed over the tokens, and its part in each of the terms."""
        assert isinstance(model, Translator)
        assert batch.labels is not None
        assert batch.label_index is not None
        hidden = model.hidden(batch, batch.label_index)
        terms = self._terms(batch)
        total, metrics = hidden.new_zeros((), dtype=torch.float32), {}
        for number, term in enumerate(TERMS):
            rows = (terms == number).nonzero()[:, 0]
            if not len(rows):
                continue
            loss, correct = model.head.loss(hidden[rows], batch.labels[rows], self._label_smoothing)
            total = total + loss
            metrics[f"{term}_loss"] = (loss.item(), float(len(rows)))
            metrics[f"{term}_accuracy"] = (float(correct), float(len(rows)))
        return LossOutput({TOKENS: total}, metrics)

    def _terms(self, batch: Batch) -> torch.Tensor:
        """The number of the term of each scored token."""
        assert batch.sequence_labels is not None
        assert batch.label_index is not None
        numbers = torch.tensor([TERMS.index(part.term) for part in self._parts], device=batch.input_ids.device)
        owner = torch.bucketize(batch.label_index, batch.cu_seqlens[1:].long(), right=True)
        return numbers[batch.sequence_labels[owner]]


def _sentences(shards: Shards, language: str, max_seqlen: int) -> Sentences:
    if language not in shards.languages:
        there = ", ".join(filter(None, shards.languages)) or "no language is named"
        raise UserError(
            f"monolingual: there is no text in {language!r:.80} to learn from ({there}); add some to corpus.inputs, "
            f"with language = {language!r:.80}"
        )
    found = Sentences(shards, language, max_seqlen - 2)
    if not len(found):
        raise UserError(
            f"monolingual: every sentence in {language!r:.80} is longer than task.max_seqlen = {max_seqlen}; raise it"
        )
    return found


def both_ways(pairs: Many[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Each pair of languages there and back, each direction once."""
    return tuple(dict.fromkeys(way for pair in pairs for way in (pair, (pair[1], pair[0]))))
