"""Words among packed tokens, for what hides them whole."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from encodery.data.layout import PackedText
from encodery.objectives.vocabulary import Vocabulary


@dataclass(frozen=True)
class Words:
    """The words of packed text. None reaches from one sentence, part or sequence into another."""

    starts: Int64[np.ndarray, " words"]
    """The first token of each word, counted among the tokens of the corpus."""
    sizes: Int64[np.ndarray, " words"]
    """How many tokens a word has."""
    opens_part: Bool[np.ndarray, " words"]
    """Whether it is the first of a part, which stands between special tokens."""

    def to_tokens(self, values: np.ndarray) -> np.ndarray:
        """What each word has, for each of its tokens."""
        return np.repeat(values, self.sizes)


def find_words(text: PackedText, vocabulary: Vocabulary) -> Words:
    """The words, by what the vocabulary says of its tokens; one that is unknown goes on with no word."""
    opens_part = np.diff(text.text_index, prepend=-1) != 1
    begins = ~vocabulary.continues_word[text.text_ids]
    begins |= opens_part
    if text.sentence_starts is not None:
        begins[text.sentence_starts] = True
    if vocabulary.ends_word is not None:
        begins[1:] |= vocabulary.ends_word[text.text_ids[:-1]]
    starts = np.flatnonzero(begins)
    return Words(starts, np.diff(starts, append=len(begins)), opens_part[starts])
