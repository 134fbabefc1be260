"""Masked language modeling (Devlin et al., "BERT", 2019, sec. 3.1 and appendix A.1).

Masked anew each time (Liu et al., "RoBERTa", 2019, sec. 4.1), unless the caller names the draws as it did before: so
masks are static.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt64
from pydantic import Field, model_validator

from encodery.config import Config
from encodery.data.keyed_random import below, extend, uniform
from encodery.data.layout import PackedText
from encodery.data.schedule import Schedule, rates_at
from encodery.objectives.scored_tokens import ScoredTokens
from encodery.objectives.smoothing import Smoothing
from encodery.objectives.span_masks import SpanTable, first_spans, within_budget
from encodery.objectives.vocabulary import Vocabulary
from encodery.objectives.words import Words, find_words

_REPLACEMENT = 1
_REPLACEMENT_OF_SPAN = 3

Probability = Annotated[float, Field(ge=0, le=1)]


class MaskedConfig(Config):
    """Which tokens are hidden, and what stands in their place."""

    mask_probability: Schedule = 0.15
    """How many of the tokens are scored: a number, `{ start, end }`, or a list of `[step, number]`."""
    replace_probs: tuple[Probability, Probability, Probability] = (0.8, 0.1, 0.1)
    """Of those, how many become the mask token, a random token, or stay what they are."""
    whole_word: bool = False
    """Hide all tokens of a word, or none."""
    span: SpanTable | None = Field(default=None, exclude_if=lambda table: table is None)
    """Hide spans of whole words, each replaced in one way (Joshi et al. 2020, "SpanBERT", sec. 3.1)."""
    sample_alpha: float = Field(default=0.0, ge=0, le=1, exclude_if=lambda alpha: alpha == 0)
    """Hide a token in proportion to its frequency^-alpha (Lample and Conneau 2019, "XLM", sec. 3.3: 0.5)."""
    duplication_factor: int = Field(default=0, ge=0, le=1_000_000, exclude_if=lambda factor: factor == 0)
    """Static masks: as many fixed copies of the text, each cut and masked in its own way (BERT: 10); 0 is dynamic."""

    @model_validator(mode="after")
    def _replacements_are_a_distribution(self) -> "MaskedConfig":
        if abs(sum(self.replace_probs) - 1) > 1e-6:
            raise ValueError(f"replace_probs must sum to 1, not {sum(self.replace_probs):g}")
        return self

    @model_validator(mode="after")
    def _chosen_in_one_way(self) -> "MaskedConfig":
        ways = {"whole_word": self.whole_word, "span": self.span is not None, "sample_alpha": self.sample_alpha > 0}
        if sum(ways.values()) > 1:
            raise ValueError(
                f"{' and '.join(name for name, on in ways.items() if on)} are different ways to choose what is "
                "hidden (words, spans of whole words, tokens by frequency); keep one"
            )
        return self

    @model_validator(mode="after")
    def _static_masks_have_one_rate(self) -> "MaskedConfig":
        if self.duplication_factor and not isinstance(self.mask_probability, float):
            raise ValueError(
                f"duplication_factor = {self.duplication_factor} fixes the masks, and mask_probability changes over "
                "the steps; give one number, or set duplication_factor = 0"
            )
        return self


@dataclass(frozen=True)
class MaskedText:
    """The scored tokens: where they are among the packed tokens, what they are, and what the model sees instead."""

    label_index: Int64[np.ndarray, " scored"]
    labels: Int64[np.ndarray, " scored"]
    replacements: Int64[np.ndarray, " scored"]


@dataclass(frozen=True)
class _Choice:
    """What is hidden, before special tokens are left out."""

    chosen: Bool[np.ndarray, " text"]
    selectors: UInt64[np.ndarray, " text"]
    """A step that would hide nothing hides what has the lowest of these."""
    together: UInt64[np.ndarray, " text"] | None = None
    """Names what is replaced in one way, where that is more than a token."""


class MaskedLM(ScoredTokens):
    """Hides tokens and scores how well they are guessed."""

    name: ClassVar[str] = "mlm"

    def __init__(
        self,
        config: MaskedConfig,
        vocabulary: Vocabulary,
        num_steps: int = 1,
        token_counts: Int64[np.ndarray, " vocab_size"] | None = None,
    ) -> None:
        """`num_steps` is how long `mask_probability` has to change; `token_counts`, how often each id occurs, are
        needed for `sample_alpha`."""
        self._config = config
        self._vocabulary = vocabulary
        self._num_steps = num_steps
        self._is_special = vocabulary.is_special()
        self._regular_ids = vocabulary.regular_ids()
        self._smoothing = None
        if config.sample_alpha:
            assert token_counts is not None
            self._smoothing = Smoothing(token_counts, self._is_special, config.sample_alpha)

    @property
    def hides_words(self) -> bool:
        """Whether the text must say where sentences begin, as words do there, too."""
        return self._config.whole_word or self._config.span is not None

    def corrupt(
        self,
        text: PackedText,
        streams: UInt64[np.ndarray, " sequences"],
        steps: Int64[np.ndarray, " steps"],
        first_step: int = 0,
    ) -> MaskedText:
        """Choose at random what to hide; a draw is named by its sequence's stream and its position in the sequence.

        `steps` holds the first sequence of each step and the end of the last; `first_step` is the number of the
        first of them, which the mask rate may follow. Every token (word, span) is chosen independently, but each step
        scores one token at least, so that its mean loss exists.
        """
        draws = extend(np.repeat(streams, np.diff(text.text_bounds)), text.position_ids[text.text_index])
        numbers = np.arange(first_step, first_step + len(steps) - 1)
        rates = rates_at(self._config.mask_probability, numbers, self._num_steps)
        choice = self._choose(text, draws, streams, steps, rates)
        chosen = self._regular(text, np.flatnonzero(choice.chosen))
        ends = text.text_bounds[steps]
        for step in np.flatnonzero(np.diff(np.searchsorted(chosen, ends)) == 0):
            candidates = self._regular(text, np.arange(ends[step], ends[step + 1]))
            lowest = choice.selectors[candidates] == choice.selectors[candidates].min(initial=2**64 - 1)
            chosen = np.sort(np.concatenate([chosen, candidates[lowest]]))
        labels = text.text_ids[chosen]
        replacements = self._replace(labels, draws[chosen], None if (of := choice.together) is None else of[chosen])
        return MaskedText(text.text_index[chosen], labels, replacements)

    def _regular(self, text: PackedText, chosen: Int64[np.ndarray, " _"]) -> Int64[np.ndarray, " _"]:
        """Those of the chosen tokens that are not special (an unknown word is)."""
        return np.asarray(chosen[~self._is_special[text.text_ids[chosen]]])

    def _choose(
        self,
        text: PackedText,
        draws: UInt64[np.ndarray, " text"],
        streams: UInt64[np.ndarray, " sequences"],
        steps: Int64[np.ndarray, " steps"],
        rates: Float64[np.ndarray, "*rates"],
    ) -> _Choice:
        """The one way of the configuration; `rates` of each step, or of all."""
        if self._config.span:
            words = find_words(text, self._vocabulary)
            return self._choose_spans(self._config.span, text, words, draws, streams, _spread(rates, np.diff(steps)))
        if self._smoothing:
            rates = self._smoothing.factors(rates)
        rates = _spread(rates, np.diff(text.text_bounds[steps]))
        if self._smoothing:
            return _Choice(draws <= _limits(rates * self._smoothing.weights[text.text_ids]), draws)
        if self._config.whole_word:
            words = find_words(text, self._vocabulary)
            draws = words.to_tokens(draws[words.starts])
        return _Choice(draws <= _limits(rates), draws)

    def _choose_spans(
        self,
        table: SpanTable,
        text: PackedText,
        words: Words,
        draws: UInt64[np.ndarray, " text"],
        streams: UInt64[np.ndarray, " sequences"],
        rates: Float64[np.ndarray, "*rates"],
    ) -> _Choice:
        """Spans until each sequence has its share of regular tokens hidden; `rates` of each sequence, or of all."""
        regular = np.append(0, np.cumsum(~self._is_special[text.text_ids]))
        budgets = rates * np.diff(regular[text.text_bounds])
        counts = np.diff(regular[np.append(words.starts, len(text.text_ids))])
        first_words = np.searchsorted(words.starts, text.text_bounds)
        reached = first_spans(table, words, draws[words.starts])
        hidden = within_budget(reached, counts, first_words, budgets, streams)
        of_tokens = words.to_tokens(reached)
        return _Choice(words.to_tokens(hidden), of_tokens, extend(of_tokens, _REPLACEMENT_OF_SPAN))

    def _replace(
        self,
        labels: Int64[np.ndarray, " scored"],
        draws: UInt64[np.ndarray, " scored"],
        together: UInt64[np.ndarray, " scored"] | None,
    ) -> Int64[np.ndarray, " scored"]:
        """What the model sees in place of the labels; what has the same draw in `together` is replaced in one way."""
        mask, random, _ = self._config.replace_probs
        draws = extend(draws, _REPLACEMENT)
        place = uniform(draws if together is None else together)
        replaced = np.where(place < mask, self._vocabulary.mask_token_id, labels)
        is_random = (place >= mask) & (place < mask + random)
        replaced[is_random] = self._regular_ids[below(draws[is_random], len(self._regular_ids))]
        return replaced


def _spread(
    rates: Float64[np.ndarray, "*rates"], counts: Int64[np.ndarray, " steps"]
) -> Float64[np.ndarray, "*spread"]:
    """What each step has, `counts` times; one for all stays one for all."""
    return np.repeat(rates, counts) if rates.ndim else rates


def _limits(probabilities: Float64[np.ndarray, "*shape"]) -> UInt64[np.ndarray, "*shape"]:
    """The draws up to which something with these probabilities happens."""
    below_one = np.minimum(probabilities, 1 - 2.0**-53) * 2.0**64
    return np.where(probabilities >= 1, np.uint64(2**64 - 1), below_one.astype(np.uint64))
