"""Interpolated modified Kneser-Ney smoothing (Chen and Goodman, 1998, section 3; Heafield et al., 2013, "Scalable
Modified Kneser-Ney Language Model Estimation", which is `lmplz`), in NumPy and in bounded memory.

The model is lmplz's, to the precision of its numbers. Runs of words lie on disk in parts, by their last word, and a
part fits into memory; what looks at runs that end alike is at home in a part. Sums over runs that begin alike need
one exchange between parts: `_Exchange`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from encodery.corpus.lm.arpa import ArpaWriter
from encodery.corpus.lm.counting import PAIR, Table, as_pairs, count, file_grams
from encodery.corpus.lm.grams import BEGIN, UNKNOWN, Grams, joined

TOKENS_OF_A_PART = 1 << 22
"""A part takes some 400 MB of memory; more where one word alone is a larger share of the text than a part."""
_FALLBACK = (0.0, 0.5, 1.0, 1.5)
"""lmplz's `--discount_fallback`, for orders of which too few runs are known to compute discounts."""
_RECORD = np.dtype([*PAIR.descr, ("count", "<i8")])
_ANSWER = np.dtype([("probability", "<f8"), ("backoff", "<f8")])


def estimate(
    tokens: Path, words: Sequence[str], order: int, folder: Path, into: Path, part_tokens: int = TOKENS_OF_A_PART
) -> None:
    """Write an n-gram model as an ARPA file.

    Args:
        tokens: numbers of words (`<u4`), `</s>` behind each line.
        words: the names of these numbers; the first three are `<unk>`, `<s>`, `</s>`.
        folder: room for what does not fit into memory: about 60 bytes a token and order; empty.
        into: the file.
    """
    num_parts = -(-tokens.stat().st_size // 4 // part_tokens) or 1
    raw = [folder / f"{part}.grams" for part in range(num_parts)]
    file_grams(tokens, order, raw)
    estimator = _Estimator(folder, order, num_parts)
    for part, path in enumerate(raw):
        estimator.count(part, path)
        path.unlink()
    estimator.exchange()
    with ArpaWriter(into, words, estimator.sizes) as writer:
        for part in range(num_parts):
            estimator.write(part, writer)


class _Estimator:
    def __init__(self, folder: Path, order: int, num_parts: int) -> None:
        self._folder = folder
        self._order = order
        self._num_parts = num_parts
        self._exchanges = {size: _Exchange(folder / f"{size}", num_parts) for size in range(2, order + 1)}
        self._counts_of_counts = np.zeros((order + 1, 6), np.int64)
        """Of each size how many runs have a count of 0, 1, ..., 4, more."""
        self._total = 0
        """The sum of the counts of words."""
        self._discounts: list[Float64[np.ndarray, " counts"]] = []

    @property
    def sizes(self) -> list[int]:
        """How many runs of one word, two, ... there are."""
        return [int(numbers.sum()) for numbers in self._counts_of_counts[1:]]

    def count(self, part: int, grams: Path) -> None:
        specials = [word for word in (UNKNOWN, BEGIN) if word % self._num_parts == part]
        for size, table in enumerate(count(grams, self._order, specials), start=1):
            self._counts_of_counts[size] += np.bincount(np.minimum(table.counts, 5), minlength=6)
            table.save(self._table(part, size))
            if size == 1:
                self._total += int(table.counts.sum())
            else:
                self._exchanges[size].ask(table)

    def exchange(self) -> None:
        """Let each part sum what begins with its runs."""
        self._discounts = [np.zeros(4), *map(discounts, self._counts_of_counts[1:, :5])]
        for size in range(2, self._order + 1):
            for part in range(self._num_parts):
                below = Table.load(self._table(part, size - 1)).grams
                backoff = self._exchanges[size].answer(part, below, self._discounts[size])
                np.save(self._backoff(part, size - 1), backoff)

    def write(self, part: int, writer: ArpaWriter) -> None:
        """The probabilities of a part's runs, each mixed with that of the run without its first word."""
        numbers = self._counts_of_counts[1]
        per_count = [0, numbers[1], numbers[2], numbers[3:].sum()]
        uniform = float(self._discounts[1] @ per_count) / self._total / (numbers.sum() - 1)  # `<s>` never follows
        below = np.empty(0)
        for size in range(1, self._order + 1):
            table = Table.load(self._table(part, size))
            if size == 1:
                share = (table.counts - self._discounts[1][np.minimum(table.counts, 3)]) / self._total
                probability = share + uniform
                probability[table.grams.word(1) == BEGIN] = 1.0  # as lmplz has it: nobody asks for it
            else:
                answer = self._exchanges[size].answers(part, table)
                probability = answer["probability"] + answer["backoff"] * below[table.lower]
            backoff = np.load(self._backoff(part, size)) if size < self._order else None
            writer.write(size, table.grams, probability, backoff)
            below = probability

    def _table(self, part: int, size: int) -> Path:
        return self._folder / f"{part}.{size}.npz"

    def _backoff(self, part: int, size: int) -> Path:
        return self._folder / f"{part}.{size}.backoff.npy"


@dataclass
class _Exchange:
    """Questions of parts to parts, for runs of one size: what does my run have of the sum over all runs that begin
    like it? The part asked is that of the last word before the end of the run, whose tables have that beginning."""

    folder: Path
    num_parts: int
    lengths: list[Int64[np.ndarray, " parts"]] = field(default_factory=list)
    """Of each part that has asked: how many questions to each part."""

    def __post_init__(self) -> None:
        self.folder.mkdir()

    def ask(self, table: Table) -> None:
        """The next part's questions."""
        contexts = table.grams.contexts()
        records = np.empty(len(table.counts), _RECORD)
        for name in PAIR.names or ():
            records[name] = as_pairs(contexts)[name]
        records["count"] = table.counts
        asked = self._asked(contexts)
        for part in range(self.num_parts):
            with (self.folder / f"{part}.asked").open("ab") as file:
                file.write(records[asked == part].tobytes())
        self.lengths.append(np.bincount(asked, minlength=self.num_parts))

    def answer(
        self, part: int, below: Grams, discount: Float64[np.ndarray, " counts"]
    ) -> Float64[np.ndarray, " grams"]:
        """Answer what a part was asked: each run's discounted share of what begins like it, and the weight of shorter
        runs there. The latter also by row of the part's own table of such beginnings; NaN where nothing begins so."""
        asked = np.fromfile(self.folder / f"{part}.asked", _RECORD)
        contexts = Grams(asked["high"].copy(), asked["low"].copy())
        row = _rows(below, contexts)
        kind = np.minimum(asked["count"], 3)
        total = np.bincount(row, asked["count"], len(below.high))
        with np.errstate(invalid="ignore"):
            backoff = np.bincount(row, discount[kind], len(below.high)) / total
        answers = np.empty(len(asked), _ANSWER)
        answers["probability"] = (asked["count"] - discount[kind]) / total[row]
        answers["backoff"] = backoff[row]
        answers.tofile(self.folder / f"{part}.answers")
        return backoff

    def answers(self, part: int, table: Table) -> np.ndarray:
        """What a part was answered, a record for each of its runs."""
        asked = self._asked(table.grams.contexts())
        answers = np.empty(len(asked), _ANSWER)
        for other in range(self.num_parts):
            before = sum(int(lengths[other]) for lengths in self.lengths[:part])
            count = int(self.lengths[part][other])
            path = self.folder / f"{other}.answers"
            answers[asked == other] = np.fromfile(path, _ANSWER, count, offset=before * _ANSWER.itemsize)
        return answers

    def _asked(self, contexts: Grams) -> Int64[np.ndarray, " grams"]:
        return (contexts.word(1) % np.uint64(self.num_parts)).astype(np.int64)


def discounts(counts_of_counts: Int64[np.ndarray, " counts"]) -> Float64[np.ndarray, " discounts"]:
    """What is taken from counts of 0, 1, 2 and more (Chen and Goodman, equation 26), as lmplz does with
    `--discount_fallback`.

    Args:
        counts_of_counts: how many runs have a count of 0, 1, 2, 3, 4.
    """
    _, *n = counts_of_counts.tolist()
    if not all(n[:3]):
        return np.array(_FALLBACK)
    y = n[0] / (n[0] + 2 * n[1])
    amounts = [0.0, *(j - (j + 1) * y * n[j] / n[j - 1] for j in (1, 2, 3))]
    sensible = all(0 <= amount <= j for j, amount in enumerate(amounts))
    return np.array(amounts if sensible else _FALLBACK)


def _rows(table: Grams, sought: Grams) -> Int64[np.ndarray, " sought"]:
    """The row of a sorted table where each of some runs stands; all are there."""
    both = joined(table, sought)
    order = both.order()
    rows = np.empty(len(order), np.int64)
    rows[order] = np.cumsum(both.take(order).starts()) - 1
    return rows[len(table.high) :]
