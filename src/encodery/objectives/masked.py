"""Masked language modeling (Devlin et al., "BERT", 2019, sec. 3.1 and appendix A.1), masked anew each time."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Int64, UInt64
from pydantic import Field, model_validator

from encodery.config import Config
from encodery.data.keyed_random import below, extend, uniform
from encodery.data.layout import PackedText
from encodery.objectives.scored_tokens import ScoredTokens
from encodery.objectives.vocabulary import Vocabulary

_REPLACEMENT = 1

Probability = Annotated[float, Field(ge=0, le=1)]


class MaskedConfig(Config):
    """Which tokens are hidden, and what stands in their place."""

    mask_probability: float = Field(default=0.15, gt=0, le=1)
    """How many of the tokens are scored."""
    replace_probs: tuple[Probability, Probability, Probability] = (0.8, 0.1, 0.1)
    """Of those, how many become the mask token, a random token, or stay what they are."""
    whole_word: bool = False
    """Hide all tokens of a word, or none."""

    @model_validator(mode="after")
    def _replacements_are_a_distribution(self) -> "MaskedConfig":
        if abs(sum(self.replace_probs) - 1) > 1e-6:
            raise ValueError(f"replace_probs must sum to 1, not {sum(self.replace_probs):g}")
        return self


@dataclass(frozen=True)
class MaskedText:
    """The scored tokens: where they are among the packed tokens, what they are, and what the model sees instead."""

    label_index: Int64[np.ndarray, " scored"]
    labels: Int64[np.ndarray, " scored"]
    replacements: Int64[np.ndarray, " scored"]


class MaskedLM(ScoredTokens):
    """Hides tokens and scores how well they are guessed."""

    name: ClassVar[str] = "mlm"

    def __init__(self, config: MaskedConfig, vocabulary: Vocabulary) -> None:
        self._config = config
        self._mask_token_id = vocabulary.mask_token_id
        self._is_special = vocabulary.is_special()
        self._regular_ids = vocabulary.regular_ids()
        self._continues_word = vocabulary.continues_word
        self._ends_word = vocabulary.ends_word

    def corrupt(
        self,
        text: PackedText,
        streams: UInt64[np.ndarray, " sequences"],
        steps: Int64[np.ndarray, " steps"],
    ) -> MaskedText:
        """Choose at random what to hide; a draw is named by its sequence's stream and its position in the sequence.

        `steps` holds the first sequence of each step and the end of the last. Every token is chosen independently,
        but each step scores one token at least, so that its mean loss exists.
        """
        draws = extend(np.repeat(streams, np.diff(text.text_bounds)), text.position_ids[text.text_index])
        selectors = draws[self._first_of_word(text)] if self._config.whole_word else draws
        limit = np.uint64(min(int(self._config.mask_probability * 2**64), 2**64 - 1))
        chosen = self._regular(text, np.flatnonzero(selectors <= limit))
        ends = text.text_bounds[steps]
        for step in np.flatnonzero(np.diff(np.searchsorted(chosen, ends)) == 0):
            candidates = self._regular(text, np.arange(ends[step], ends[step + 1]))
            lowest = selectors[candidates] == selectors[candidates].min(initial=2**64 - 1)
            chosen = np.sort(np.concatenate([chosen, candidates[lowest]]))
        labels = text.text_ids[chosen]
        replacements = self._replace(labels, extend(draws[chosen], _REPLACEMENT))
        return MaskedText(text.text_index[chosen], labels, replacements)

    def _regular(self, text: PackedText, chosen: Int64[np.ndarray, " _"]) -> Int64[np.ndarray, " _"]:
        """Those of the chosen tokens that are not special (an unknown word is)."""
        return np.asarray(chosen[~self._is_special[text.text_ids[chosen]]])

    def _first_of_word(self, text: PackedText) -> Int64[np.ndarray, " text"]:
        """For each token the first token of its word; no word crosses from one part or sequence to another."""
        index = np.arange(len(text.text_ids))
        continues = self._continues_word[text.text_ids]
        continues &= np.diff(text.text_index, prepend=-1) == 1
        if self._ends_word is not None:
            continues[1:] &= ~self._ends_word[text.text_ids[:-1]]
        return np.asarray(np.maximum.accumulate(np.where(continues, 0, index)))

    def _replace(
        self, labels: Int64[np.ndarray, " scored"], draws: UInt64[np.ndarray, " scored"]
    ) -> Int64[np.ndarray, " scored"]:
        """What the model sees in place of the labels."""
        mask, random, _ = self._config.replace_probs
        place = uniform(draws)
        replaced = np.where(place < mask, self._mask_token_id, labels)
        is_random = (place >= mask) & (place < mask + random)
        replaced[is_random] = self._regular_ids[below(draws[is_random], len(self._regular_ids))]
        return replaced
