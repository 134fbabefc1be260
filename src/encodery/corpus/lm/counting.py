"""What Kneser-Ney smoothing counts, part by part: a part has the runs of words whose last word has a certain number
modulo the number of parts."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64, UInt32

from encodery.corpus.lm.grams import BEGIN, END, Grams, grams_of, joined

TOKENS_AT_ONCE = 1 << 20
PAIR = np.dtype([("high", "<u8"), ("low", "<u8")])


@dataclass(frozen=True)
class Table:
    """The runs of one length in a part, sorted."""

    grams: Grams
    counts: Int64[np.ndarray, " grams"]
    """How many different words stand before a run (Chen and Goodman's adjusted counts); for runs that begin with
    `<s>` and for the longest how often they occur."""
    lower: Int64[np.ndarray, " grams"]
    """Which row of the table below is the run without its first word."""

    def save(self, path: Path) -> None:
        """Write it down."""
        with path.open("wb") as file:
            np.savez(file, high=self.grams.high, low=self.grams.low, counts=self.counts, lower=self.lower)

    @classmethod
    def load(cls, path: Path) -> "Table":
        """What `save` wrote."""
        with np.load(path) as arrays:
            return cls(Grams(arrays["high"], arrays["low"]), arrays["counts"], arrays["lower"])


def file_grams(tokens: Path, order: int, parts: Sequence[Path]) -> None:
    """Sort the runs of a file of numbers, in which `</s>` ends each line, into files of parts."""
    with ExitStack() as opened:
        files = [opened.enter_context(part.open("wb")) for part in parts]
        for lines in _whole_lines(tokens):
            grams = grams_of(_windows(lines, order))
            part = grams.word(1) % np.uint64(len(parts))
            for number, file in enumerate(files):
                file.write(as_pairs(grams.take(part == number)).tobytes())


def count(part: Path, order: int, specials: Sequence[int]) -> list[Table]:
    """The tables of a part, of runs of one word, two, ...

    Args:
        specials: `<unk>` and `<s>`, as far as they belong to this part: they never end a run, but are words.
    """
    pairs = np.fromfile(part, PAIR)
    grams = Grams(pairs["high"], pairs["low"])
    grams = grams.take(grams.order())
    starts = grams.starts()
    counts = np.diff(np.flatnonzero(starts), append=len(starts))
    grams = grams.take(starts)
    tables: list[Table] = []
    for size in range(order, 1, -1):
        starts = grams.suffixes(size - 1).starts()
        group = np.cumsum(starts) - 1
        below = grams.suffixes(size - 1).take(starts)
        number_below = np.cumsum(_is_real(below, size - 1)) - 1 + (len(specials) if size == 2 else 0)
        real = _is_real(grams, size)
        tables.append(Table(grams.take(real), counts[real], number_below[group[real]]))
        occurrences = np.bincount(group, counts, len(below.high)).astype(np.int64)
        words_before = np.bincount(group, minlength=len(below.high))
        grams, counts = below, np.where(below.word(size - 1) == BEGIN, occurrences, words_before)
    words = joined(grams_of(np.array(specials, np.int64)[:, None]), grams)
    counts = np.concatenate([np.zeros(len(specials), np.int64), counts])
    return [Table(words, counts, np.zeros_like(counts)), *reversed(tables)]


def as_pairs(grams: Grams) -> np.ndarray:
    """For a file."""
    pairs = np.empty(len(grams.high), PAIR)
    pairs["high"], pairs["low"] = grams
    return pairs


def _is_real(grams: Grams, size: int) -> Bool[np.ndarray, " grams"]:
    """Lines are padded with `<s>`; what has more than one of these is no run of the text."""
    if size == 1:
        return np.ones(len(grams.high), bool)
    return np.asarray((grams.word(size) != BEGIN) | (grams.word(size - 1) != BEGIN))


def _windows(tokens: UInt32[np.ndarray, " tokens"], order: int) -> Int64[np.ndarray, "tokens order"]:
    """The run that ends with each token, with as many `<s>` before a line as it takes."""
    ends = tokens == END
    line = np.cumsum(ends) - ends
    places = np.arange(len(tokens)) + (order - 1) * (line + 1)
    padded = np.full(len(tokens) + (order - 1) * int(ends.sum()), BEGIN, np.int64)
    padded[places] = tokens
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, order)[places - (order - 1)])


def _whole_lines(path: Path) -> Iterator[UInt32[np.ndarray, " tokens"]]:
    rest = np.empty(0, np.uint32)
    with path.open("rb") as file:
        while len(tokens := np.fromfile(file, np.uint32, TOKENS_AT_ONCE)):
            tokens = np.concatenate([rest, tokens])
            ends = np.flatnonzero(tokens == END)
            whole = int(ends[-1]) + 1 if len(ends) else 0
            if whole:
                yield tokens[:whole]
            rest = tokens[whole:]
