"""Where in a text its tokens stand, from memory: a word has its tokens at the same places wherever it stands.

The library takes ten times as long to tell offsets as it takes us to look words up. As in `word_memory`, what is not
known yet is asked of it, word by word, and text that is mostly new is left to it.
"""

from collections.abc import Callable, Sequence

import tokenizers

from encodery.text.alignment import Span
from encodery.text.independence import Independence, independence_of

MAX_WORDS = 1 << 16
"""Then the memory begins anew. Full, it takes about 30 MB."""
_NEW_PER_TEXT = 4

Run = tuple[list[int], list[Span]] | None
"""The ids of a word and their offsets in it; None if they depend on what is around it."""


class WordOffsets:
    """Ids and offsets of texts of independent words, none of which has a space. Threads may share it."""

    def __init__(
        self,
        independence: Independence,
        cut: Callable[[Sequence[str]], list[tuple[list[int], list[Span]]]],
        max_words: int = MAX_WORDS,
    ) -> None:
        """`cut` gives ids and offsets of texts, each on its own."""
        assert independence.newline_is_space
        assert not independence.space_belongs_to_word
        self._independence = independence
        self._cut = cut
        self._max_words = max_words
        self._known: dict[str, Run] = {}

    def encode(self, text: str) -> Run:
        """Ids and offsets of a text; None if the library has to tell them."""
        words = text.replace("\n", " ").split(" ")
        known = self._known
        new = [word for word in dict.fromkeys(words) if word not in known]
        if new:
            known = self._learn(new[:_NEW_PER_TEXT])
            if len(new) > _NEW_PER_TEXT:
                return None
        ids: list[int] = []
        offsets: list[Span] = []
        at = 0
        for word in words:
            run = known.get(word)
            if run is None:
                return None
            ids += run[0]
            offsets += [(at + start, at + end) for start, end in run[1]]
            at += len(word) + 1
        return ids, offsets

    def _learn(self, words: list[str]) -> dict[str, Run]:
        """The words that are known, with these."""
        known = self._known if len(self._known) + len(words) <= self._max_words else {}
        alone = [word for word in words if self._independence.holds(word)]
        known.update(dict.fromkeys(words))
        known.update(zip(alone, self._cut(alone), strict=True))
        self._known = known
        return known


def offsets_of(backend: tokenizers.Tokenizer) -> WordOffsets | None:
    """A memory for a tokenizer; None if its words are not known to be independent."""

    def cut(words: Sequence[str]) -> list[tuple[list[int], list[Span]]]:
        encodings = backend.encode_batch(list(words), add_special_tokens=False)
        return [(encoding.ids, encoding.offsets) for encoding in encodings]

    independence = independence_of(backend)
    return None if independence is None else WordOffsets(independence, cut)
