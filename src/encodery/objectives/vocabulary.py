"""What an objective must know of the tokenizer. Its caller fills it in: objectives see ids, never text."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64


@dataclass(frozen=True)
class Vocabulary:
    """Ids with a meaning, and which tokens continue a word."""

    vocab_size: int
    cls_token_id: int
    sep_token_id: int
    mask_token_id: int
    pad_token_id: int
    special_ids: frozenset[int]
    """Every special token, the unknown token included: never masked, never a random replacement."""
    continues_word: Bool[np.ndarray, " vocab_size"]
    """Whether a token continues the word of the token before it (WordPiece: starts with `##`)."""
    ends_word: Bool[np.ndarray, " vocab_size"] | None = None
    """Whether a token closes its word, so that none continues it (XLM: ends in `</w>`); None: no token does."""

    def is_special(self) -> Bool[np.ndarray, " vocab_size"]:
        """The special tokens as a table over all ids."""
        table = np.zeros(self.vocab_size, bool)
        table[list(self.special_ids)] = True
        return table

    def regular_ids(self) -> Int64[np.ndarray, " regular"]:
        """All ids but the special ones."""
        return np.flatnonzero(~self.is_special())
