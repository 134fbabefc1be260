"""A bounded memory of words and their ids: text is made of words that have been there before.

Where words do not depend on each other (`independence`), the ids of a text are those of its words, and looking a word
up is many times faster than cutting it. What is not known yet is asked of the library, word by word.
"""

import threading
from collections.abc import Callable, Sequence
from itertools import chain, compress

import numpy as np
from jaxtyping import Bool, Int32, Int64, UInt8

from encodery.text.independence import LONGEST_WORD, Independence
from encodery.text.word_arrays import PADDING, Runs, Words
from encodery.text.word_table import UNKNOWN, WordTable

MAX_WORDS = 1 << 18
"""Of each of the two memories, which then begin anew. Full, that of batches takes about 20 MB, the other 70 MB."""
_FIRST_WORDS = 1 << 12
_GROWTH = 4
"""Room for words at the beginning; by how much it grows when it is full."""
_WORTH = 3
"""To cut a word on its own takes the library three times as long as within a text. So words are learned while less
than one in three is new, else only one in 16, and of a single text four: the rest of such text is the library's."""
_SLOWLY = 16
_NEW_PER_TEXT = 4
_FEW_WORDS = 256
"""From here on, a batch is faster than its texts one by one."""
_END = "\0"
"""Between two texts. One that has it in it is the library's."""

Places = Int64[np.ndarray, " _"]
Ids = Int32[np.ndarray, " _"]
Run = list[int] | None


class WordMemory:
    """The ids of texts, as far as these are made of independent words. Threads may share it."""

    def __init__(
        self,
        independence: Independence,
        cut: Callable[[list[str]], list[list[int]]],
        max_words: int = MAX_WORDS,
        solve: Callable[[Words], Runs] | None = None,
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
        if len(texts) < _FEW_WORDS:
            counts = np.array([text.count(" ") + 1 for text in texts], np.int64)
            if counts.sum() < _FEW_WORDS:
                pairs = zip(texts, self._promise(texts, counts), strict=True)
                runs = [self.encode(text) if promising else None for text, promising in pairs]
                return [None if run is None else np.array(run, np.int32) for run in runs]
        return self._look_up(texts)

    def _promise(self, texts: Sequence[str], num_words: Places) -> Bool[np.ndarray, " texts"]:
        """Which texts may be made of known words. Of long words few occur twice, so that texts in languages without
        spaces are the library's; and no space between two others is part of a word."""
        promising = 2 * np.fromiter(map(len, texts), np.int64, len(texts)) <= LONGEST_WORD * num_words
        if self._independence.space_belongs_to_word:
            promising &= ["  " not in text for text in texts]
        return promising

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

    def _look_up(self, texts: Sequence[str]) -> list[Ids | None]:
        """The ids of texts, all words looked up together."""
        if not texts:
            return []
        words, ends = self._in_arrays(texts)
        if len(ends) != len(texts):  # one has the separator in it
            return self._look_up_some(texts, [_END not in text for text in texts])
        promising = self._promise(texts, np.diff(ends, prepend=0))
        if not promising.all():
            return self._look_up_some(texts, promising.tolist())
        table = self._table
        before = table.numbering
        numbers = table.find(words)
        unknown = (numbers == UNKNOWN).nonzero()[0]
        if len(unknown):
            table = self._learn_together(words.take(unknown), len(words))
            again = unknown if table.numbering is before else np.arange(len(words))
            numbers[again] = table.find(words.take(again))
        return _divided(table.gather(numbers), ends)

    def _look_up_some(self, texts: Sequence[str], chosen: list[bool]) -> list[Ids | None]:
        found = iter(self._look_up(list(compress(texts, chosen))))
        return [next(found) if one else None for one in chosen]

    def _in_arrays(self, texts: Sequence[str]) -> tuple[Words, Places]:
        """The words of texts one after another, and how many there are up to the end of each text."""
        data = f"{_END}{_END.join(texts)}{_END}".encode()
        text: UInt8[np.ndarray, " bytes"] = np.frombuffer(data + PADDING, np.uint8)
        between = text == ord(" ")
        if self._independence.newline_is_space:
            between |= text == ord("\n")
        between |= text == ord(_END)
        between[len(data) :] = False
        places = between.nonzero()[0]
        starts, lengths = places[:-1] + 1, np.diff(places) - 1
        ends = (text.take(places[1:]) == ord(_END)).nonzero()[0] + 1
        if self._independence.space_belongs_to_word:  # the first word of a text is marked by what is before it
            first = np.append(0, ends[:-1])
            starts[first] -= 1
            lengths[first] += 1
        return Words(text, starts, lengths), ends

    def _learn_together(self, unknown: Words, num_words: int) -> WordTable:
        """The table with these words of so many, as far as they are worth it; another one if it was full."""
        words = unknown.different()
        words = words.take(np.arange(min(len(words), self._max_words)))
        solved = self._solve(words) if self._solve else Runs.of([None] * len(words))
        others = words.take((~solved.known).nonzero()[0])
        if _WORTH * len(others) > num_words:
            others = others.take(np.arange(num_words // _SLOWLY))
        runs = Runs.of(self._runs([word.decode().replace(_END, " ") for word in others.listed()]))
        with self._lock:
            table = self._with_room(len(words))
            table.add(words.take(solved.known.nonzero()[0]), solved.only_known())
            table.add(others, runs)
            self._table = table
            return table

    def _with_room(self, num_words: int) -> WordTable:
        """The table with room for so many more: a larger one, or a new one if it must not be larger."""
        table = self._table
        while len(table) + num_words > table.max_words:
            if table.max_words == self._max_words:
                table = WordTable(min(_FIRST_WORDS, self._max_words))
            else:
                table = table.enlarged(min(_GROWTH * table.max_words, self._max_words))
        return table


def _divided(runs: Runs, ends: Places) -> list[Ids | None]:
    """The ids of each text, whose words end there; None for a text with a word that has none."""
    first = np.append(0, ends[:-1])
    last = np.cumsum(np.add.reduceat(runs.counts, first)).tolist()
    usable = np.logical_and.reduceat(runs.known, first).tolist()
    bounds = zip(usable, [0, *last], last, strict=False)
    return [runs.ids[start:end] if good else None for good, start, end in bounds]
