"""A bounded memory of words and their ids: text is made of words that have been there before.

Where words do not depend on each other (`independence`), the ids of a text are those of its words, and looking a word
up is many times faster than cutting it. What is not known yet is asked of the library, word by word.
"""

import threading
from collections.abc import Callable, Sequence
from itertools import chain, compress

import numpy as np
from jaxtyping import Int32, Int64, UInt8

from encodery.text.independence import LONGEST_WORD, Independence
from encodery.text.word_table import DEPENDENT, PADDING, UNKNOWN, Runs, WordTable

MAX_WORDS = 1 << 18
"""Of each of the two memories, which then begin anew. Full, that of batches takes about 25 MB, the other 70 MB."""
_FIRST_WORDS = 1 << 12
"""Room at the beginning; it doubles when it is full."""
_WORTH = 3
"""To cut a word on its own takes the library three times as long as within a text. So words are learned while less
than one in three is new, else only one in 16, and of a single text four: the rest of such text is the library's."""
_SLOWLY = 16
_NEW_PER_TEXT = 4
_FEW_WORDS = 256
"""From here on, a batch is faster than its texts one by one."""
_FIRST = b"\xff"
"""Before the first word of a text, if it is another one than within a text: no UTF-8 has this byte."""

Ids = Int32[np.ndarray, " _"]
Run = list[int] | None


class WordMemory:
    """The ids of texts, as far as these are made of independent words. Threads may share it."""

    def __init__(
        self,
        independence: Independence,
        cut: Callable[[list[str]], list[list[int]]],
        max_words: int = MAX_WORDS,
        solve: Callable[[Sequence[bytes]], Runs] | None = None,
    ) -> None:
        """A memory without words.

        Args:
            cut: gives the ids of texts, each on its own.
            solve: gives those of words alone in less time, as far as it can; no space belongs to a word then.
        """
        self._independence = independence
        self._solve = solve
        self._cut = cut
        self._max_words = max_words
        self._known: dict[str, Run] = {}
        self._table = WordTable(min(_FIRST_WORDS, max_words))
        self._lock = threading.Lock()

    def encode(self, text: str) -> Run:
        """The ids of a text; None if the library has to tell them."""
        words = self._words(text)
        known = self._known
        runs = [known.get(word) for word in words]
        if None in runs:
            known = self._learn([word for word in dict.fromkeys(words) if word not in known][:_NEW_PER_TEXT])
            runs = [known.get(word) for word in words]
        return None if None in runs else list(chain.from_iterable(runs))  # type: ignore[arg-type]

    def encode_batch(self, texts: Sequence[str]) -> list[Ids | None]:
        """The same for many texts."""
        counts = [text.count(" ") + 1 for text in texts]
        found: list[Ids | None] = [None] * len(texts)
        chosen = [index for index, text in enumerate(texts) if self._promises(text, counts[index])]
        selected = [texts[index] for index in chosen]
        if sum(counts[index] for index in chosen) < _FEW_WORDS:
            runs = map(self.encode, selected)
            ids = [None if run is None else np.array(run, np.int32) for run in runs]
        else:
            ids = self._look_up(selected)
        for index, new in zip(chosen, ids, strict=True):
            found[index] = new
        return found

    def _promises(self, text: str, count: int) -> bool:
        """Whether a text of so many words may be made of known ones. Of long words few occur twice, so that texts in
        languages without spaces are the library's; and no space between two others is part of a word."""
        short = 2 * len(text) <= LONGEST_WORD * count
        return short and not (self._independence.space_belongs_to_word and "  " in text)

    def _words(self, text: str) -> list[str]:
        """A text cut at its spaces; the first word begins with one if it is another than within a text."""
        if self._independence.newline_is_space:
            return text.replace("\n", " ").split(" ")
        words = text.split(" ")
        if self._independence.space_belongs_to_word:
            words[0] = " " + words[0]
        return words

    def _learn(self, words: list[str]) -> dict[str, Run]:
        """The single words that are known, with these."""
        known = self._known if len(self._known) + len(words) <= self._max_words else {}
        known.update(zip(words, self._runs(words), strict=True))
        self._known = known
        return known

    def _runs(self, words: list[str]) -> list[Run]:
        """The ids of words, first words marked as in `_words`; None for those that depend on what is around them."""
        holds = self._independence.holds
        if self._independence.space_belongs_to_word:
            alone = [word == " " or holds(word.removeprefix(" ")) for word in words]
            asked = [word.removeprefix(" ") if word.startswith(" ") else " " + word for word in words]
        else:
            alone, asked = [holds(word) for word in words], words
        runs = iter(self._cut([word for word, good in zip(asked, alone, strict=True) if good]))
        return [next(runs) if good else None for good in alone]

    def _look_up(self, texts: list[str]) -> list[Ids | None]:
        """The ids of texts, all words looked up together."""
        data = self._joined(texts)
        text: UInt8[np.ndarray, " bytes"] = np.frombuffer(data + PADDING, np.uint8)
        ends = np.append(np.flatnonzero(text[: len(data)] == ord(" ")), len(data))
        starts = np.append(0, ends[:-1] + 1)
        table = self._table
        before = table.numbering
        numbers = table.find(text, starts, ends - starts)
        unknown = np.flatnonzero(numbers == UNKNOWN)
        if len(unknown):
            bounds = zip(starts[unknown].tolist(), ends[unknown].tolist(), strict=True)
            table = self._learn_together([data[start:end] for start, end in bounds], len(numbers))
            again = unknown if table.numbering is before else slice(None)
            numbers[again] = table.find(text, starts[again], (ends - starts)[again])
        ids, id_ends = table.gather(np.maximum(numbers, DEPENDENT))
        return _divided(texts, numbers, ids, id_ends, self._independence.newline_is_space)

    def _joined(self, texts: list[str]) -> bytes:
        if self._independence.space_belongs_to_word:
            return _FIRST + (b" " + _FIRST).join(text.encode() for text in texts)
        joined = " ".join(texts)
        return (joined.replace("\n", " ") if self._independence.newline_is_space else joined).encode()

    def _learn_together(self, unknown: list[bytes], num_words: int) -> WordTable:
        """The table with these words of so many, as far as they are worth it; another one if it was full."""
        words = list(dict.fromkeys(unknown))[: self._max_words]
        solved = self._solve(words) if self._solve else Runs.of([None] * len(words))
        others = list(compress(words, ~solved.known))
        if _WORTH * len(others) > num_words:
            del others[num_words // _SLOWLY :]
        runs = Runs.of(self._runs([word.replace(_FIRST, b" ").decode() for word in others]))
        with self._lock:
            table = self._with_room(len(words))
            table.add(list(compress(words, solved.known)), solved.only_known())
            table.add(others, runs)
            self._table = table
            return table

    def _with_room(self, num_words: int) -> WordTable:
        """The table with room for so many more: twice as large, or a new one if it must not be larger."""
        table = self._table
        while len(table) + num_words > table.max_words:
            if table.max_words == self._max_words:
                table = WordTable(min(_FIRST_WORDS, self._max_words))
            else:
                table = table.enlarged(min(2 * table.max_words, self._max_words))
        return table


def _divided(
    texts: list[str],
    numbers: Int64[np.ndarray, " words"],
    ids: Ids,
    id_ends: Int64[np.ndarray, " words"],
    newline_is_space: bool,
) -> list[Ids | None]:
    """The ids of each text; None for a text with a word that has none."""
    separators = " \n" if newline_is_space else " "
    counts = np.array([1 + sum(map(text.count, separators)) for text in texts])
    last = np.cumsum(counts) - 1
    unusable = np.logical_or.reduceat(numbers <= DEPENDENT, last + 1 - counts)
    ends = id_ends[last].tolist()
    starts = [0, *ends[:-1]]
    return [None if bad else ids[start:end] for bad, start, end in zip(unusable.tolist(), starts, ends, strict=True)]
