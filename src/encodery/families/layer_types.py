"""What the layers are, as a list of words in a `config.json` and as the one number that is behind it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class EveryNth:
    """A list of theirs with a word for each layer, `first` at every n-th and `other` elsewhere: `key` holds n."""

    key: str
    first: str
    other: str

    def number(self, words: Any, stated: Any) -> int | None:
        """The n of a list, `stated` if that fits too; None if the list is not of this form."""
        if not isinstance(words, list) or not words:
            return None
        next_first = words.index(self.first, 1) if self.first in words[1:] else len(words)
        for every in (stated, next_first):
            if isinstance(every, int) and every > 0 and words == self.words(every, len(words)):
                return every
        return None

    def words(self, every: int, count: int) -> list[str]:
        """The list for `count` layers."""
        return [self.other if place % every else self.first for place in range(count)]
