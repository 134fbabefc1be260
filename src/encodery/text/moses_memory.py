"""A bounded memory of words and what Moses makes of them: most get the same wherever they stand.

A word is what stands between two spaces (U+0020). Moses' rules run over whole texts, and few look over a space:

- a mark behind one or a bracket before one, which are moved (`_REACHING`);
- an apostrophe beside one, which some rules see only if there is a character on its other side, and which may take
  that away from the next apostrophe (`_REACHING`);
- in languages that move a full stop out of a quotation, a quote before one (`_QUOTE`);
- a full stop, which stays with its word before a small letter, and with "No." and the like before a digit: there the
  word is remembered with a letter or a digit behind it.

Text with any other is left to Moses as a whole, and so are words with characters that the rules replace or delete.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain
from typing import Generic, TypeVar

from encodery.text.independence import LONGEST_WORD
from encodery.text.moses import Moses, without_controls

MAX_WORDS = 1 << 18
"""The memory begins anew when it is full; then it takes about 60 MB."""
_WORDS_AT_ONCE = 1000
_APOSTROPHES = "'`‘’"
_REACHING = (
    r"\t",
    r"\( ",
    r" [.!:?;,%)…]",
    r"^[.!:?;,%)…]",
    rf"^ *[{_APOSTROPHES}]",
    rf"[{_APOSTROPHES}](?: *$| +[{_APOSTROPHES}])",
)
"""One by one: `re` finds the beginning of each in a fraction of the time that it takes for all in one."""
_QUOTE = rf'["“”„«»{_APOSTROPHES}](?: |$)'
_REPLACED_ALONE = frozenset("“”„«»‘’–—…")
"""Of what the rules replace: what depends on its neighbours within a word only."""
_BETWEEN = "|"
"""Set between words when they are learned; Moses makes a word of it, whatever is around."""

T = TypeVar("T")


class MosesMemory(Generic[T]):
    """What belongs to the words of texts, as far as these do not depend on each other. Threads may share it."""

    def __init__(
        self, moses: Moses, values: Callable[[list[list[str]]], list[list[T]]], max_words: int = MAX_WORDS
    ) -> None:
        """A memory without words.

        Args:
            values: gives what is remembered for each group of Moses' words.
        """
        assert not moses.is_segmented, "words that a program finds depend on all of the text"
        self._moses = moses
        self._values = values
        self._max_words = max_words
        patterns = (*_REACHING, _QUOTE) if moses.moves_full_stops else _REACHING
        self._reaching = tuple(re.compile(pattern).search for pattern in patterns)
        self._followed = tuple(
            (re.compile(rf"\.(?= +[{followers}])"), f".\t{shown}")
            for followers, shown in ((re.escape(moses.small_letters), "a"), ("0-9", "5"))
        )
        self._refused = moses.replaced - _REPLACED_ALONE | {_BETWEEN}
        self._known: dict[str, list[T] | None] = {"": []}

    def of(self, texts: Sequence[str]) -> list[list[T] | None]:
        """What belongs to each text's words, one after another; None where Moses has to see the whole text."""
        split = [self._words(text) for text in texts]
        found = [_joined(self._known, words) for words in split]
        if None not in found:
            return found
        words = dict.fromkeys(word for words in split if words for word in words if len(word) <= LONGEST_WORD)
        known = self._learn(words)
        return [_joined(known, words) for words in split]

    def _words(self, text: str) -> list[str] | None:
        """The words of a text, marked where it matters what follows; None if a rule may look over a space."""
        for reaching in self._reaching:
            if reaching(text):
                return None
        if ". " in text:
            for pattern, marked in self._followed:
                text = pattern.sub(marked, text)
        return text.split(" ")

    def _learn(self, words: Collection[str]) -> dict[str, list[T] | None]:
        """What is known, with these words."""
        known = self._known
        new = [word for word in words if word not in known]
        if len(known) + len(new) > self._max_words:
            known = {"": []}
            new = [word for word in words if word]
        known.update(dict.fromkeys(new))
        fit = [word for word in new if self._is_fit(word.partition("\t")[0])]
        for start in range(0, len(fit), _WORDS_AT_ONCE):
            group = fit[start : start + _WORDS_AT_ONCE]
            known.update(zip(group, self._values(self._groups(group)), strict=True))
        self._known = known
        return known

    def _is_fit(self, word: str) -> bool:
        if word.isascii() and word.isprintable():
            return _BETWEEN not in word
        return self._refused.isdisjoint(word) and not any(map(str.isspace, word)) and without_controls(word) == word

    def _groups(self, words: Sequence[str]) -> list[list[str]]:
        """Moses' words for each of these, found together."""
        groups: list[list[str]] = [[]]
        shown = (word.replace("\t", " ") for word in words)
        for found in self._moses.words(f" {_BETWEEN} ".join(["", *shown, ""])):
            if found == _BETWEEN:
                groups.append([])
            else:
                groups[-1].append(found)
        return [group[:-1] if "\t" in word else group for word, group in zip(words, groups[1:-1], strict=True)]


def _joined(known: Mapping[str, list[T] | None], words: list[str] | None) -> list[T] | None:
    if words is None:
        return None
    runs = [known.get(word) for word in words]
    return None if None in runs else list(chain.from_iterable(runs))  # type: ignore[arg-type]
