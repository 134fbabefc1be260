"""How a tokenizer cuts a text: lengths, unknown tokens, and how much of the vocabulary is used."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from jaxtyping import Int64

from encodery.text.tokenizer import Tokenizer

_TEXTS_AT_ONCE = 1024


@dataclass
class TextStatistics:
    """Counts over some text; special tokens around it are not among them."""

    vocab_size: int
    texts: int = 0
    characters: int = 0
    utf8_bytes: int = 0
    words: int = 0
    """Between white space, in all languages: of one that writes none, a word is a whole line."""
    unknown: int = 0
    occurrences: Int64[np.ndarray, " vocab_size"] = field(init=False)
    """Of each token, by id."""

    def __post_init__(self) -> None:
        self.occurrences = np.zeros(self.vocab_size, dtype=np.int64)

    @property
    def tokens(self) -> int:
        return int(self.occurrences.sum())

    @property
    def tokens_per_word(self) -> float:
        """Fertility."""
        return self.tokens / self.words if self.words else 0.0

    @property
    def tokens_per_character(self) -> float:
        return self.tokens / self.characters if self.characters else 0.0

    @property
    def characters_per_token(self) -> float:
        return self.characters / self.tokens if self.tokens else 0.0

    @property
    def bytes_per_token(self) -> float:
        return self.utf8_bytes / self.tokens if self.tokens else 0.0

    @property
    def unknown_rate(self) -> float:
        """Share of the tokens that say that something is not in the vocabulary."""
        return self.unknown / self.tokens if self.tokens else 0.0

    @property
    def coverage(self) -> float:
        """Share of the vocabulary that occurs."""
        return int((self.occurrences > 0).sum()) / self.vocab_size

    def add(self, other: "TextStatistics") -> None:
        """Count another text, cut by the same tokenizer, too."""
        for name in ("texts", "characters", "utf8_bytes", "words", "unknown"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.occurrences += other.occurrences


def measure(tokenizer: Tokenizer, texts: Iterable[str]) -> TextStatistics:
    """The counts over these texts, each cut as a whole."""
    found = TextStatistics(tokenizer.vocab_size)
    stream = iter(texts)
    while group := list(islice(stream, _TEXTS_AT_ONCE)):
        found.texts += len(group)
        for text, ids in zip(group, tokenizer.encode_batch(group), strict=True):
            found.characters += len(text)
            found.utf8_bytes += len(text.encode("utf-8", "replace"))
            found.words += len(text.split())
            found.occurrences += np.bincount(ids, minlength=tokenizer.vocab_size)
    found.unknown = int(found.occurrences[tokenizer.unk_token_id])
    return found
