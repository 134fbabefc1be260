"""Which stretch of which language is read when: languages take turns, each in an endless order of its own.

Every language has windows and epochs of its own, as `spans.Windows` has over a whole corpus, and a `Mixture` chooses
whose turn a place is. Where alpha changes over the steps, the places are cut into stretches of whole cycles of a
mixture, each with the alpha at its middle: how many turns every language had before a stretch is a sum, so any place
is still found at once.

A language with a share q of the tokens is read with a share p ∝ q ** alpha (Conneau and Lample 2019, sec. 3.1): 1
reads the text as it is, 0 reads all languages equally often.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float64, Int64

from encodery.data.keyed_random import below, keyed_uint64
from encodery.data.mixture import CYCLE, Mixture
from encodery.data.schedule import Knots, values_at
from encodery.data.spans import Pieces, Windows
from encodery.errors import UserError

AS_IT_IS = 1.0
"""The alpha that reads the text as it comes."""
STRETCHES = 64
"""Parts with one alpha each, where it changes."""
_TURNS_PER_LANGUAGE = 64
_ORDER, _JITTER, _TURNS = range(3)

Places = Int64[np.ndarray, " places"]


def sampling_shares(tokens: Int64[np.ndarray, " languages"], alpha: float) -> Float64[np.ndarray, " languages"]:
    """The share of each language in what is read; `tokens` are above zero."""
    raised = (tokens / tokens.sum()) ** alpha
    return np.asarray(raised / raised.sum())


@dataclass(frozen=True)
class LanguageTokens:
    """Where the text of each language that has any lies among the tokens of the corpus."""

    names: tuple[str, ...]
    first: Int64[np.ndarray, " languages"]
    end: Int64[np.ndarray, " languages"]

    @classmethod
    def of(cls, windows: Windows) -> "LanguageTokens | None":
        """None where the documents are not grouped by language."""
        shards = windows.shards
        documents = shards.first_documents()
        if documents is None:
            return None
        bounds = shards.sentences.at(shards.documents.at(documents))
        there = np.flatnonzero(np.diff(bounds))
        return cls(tuple(shards.languages[number] for number in there), bounds[there], bounds[there + 1])

    @property
    def sizes(self) -> Int64[np.ndarray, " languages"]:
        """Tokens of each."""
        return np.asarray(self.end - self.first)


def order_to_sample(windows: Windows, alpha: Knots) -> "OneByOne | None":
    """The languages of a corpus, if there are several and alpha changes how often they are read: it is not 1 all the
    time. Where windows are shuffled in blocks, which are of one language, languages take turns whatever alpha is.

    Raises:
        UserError: the documents are not grouped by language, or there are more languages than turns in a cycle.
    """
    as_they_come = all(value == AS_IT_IS for _, value in alpha)
    if as_they_come and windows.shuffle is None:
        return None
    tokens = LanguageTokens.of(windows)
    if tokens is None and as_they_come:
        return None
    if tokens is None:
        raise UserError(
            f"alpha = {alpha[0][1]} samples languages, but the token shards are not sorted by language: they were "
            "written before, or name none; write them again: encodery run RECIPE shards --force shards"
        )
    if len(tokens.names) > CYCLE // _TURNS_PER_LANGUAGE:
        raise UserError(
            f"alpha = {alpha[0][1]}: the corpus has {len(tokens.names):,} languages, of which at most "
            f"{CYCLE // _TURNS_PER_LANGUAGE:,} can be sampled; set alpha = 1 or join some"
        )
    return OneByOne(windows, tokens) if len(tokens.names) > 1 else None


class OneByOne:
    """The endless order of windows of each language alone."""

    def __init__(self, windows: Windows, tokens: LanguageTokens) -> None:
        self.windows = windows
        self.tokens = tokens
        slack = windows.span - 1 if windows.jitter else 0
        self.num_windows: Int64[np.ndarray, " languages"] = -(-(tokens.sizes + slack) // windows.span)
        """Of each language, an epoch of its own."""
        self._first_key = np.cumsum(self.num_windows) - self.num_windows

    def pieces(self, place: Places, language: Places, own: Places) -> Pieces:
        """The pieces of the windows at `place`, each the window `own` in the order of its language."""
        seed, span = self.windows.seed, self.windows.span
        count, first = self.num_windows[language], self.tokens.first[language]
        epoch, index = np.divmod(own, count)
        index = self.windows.shuffled(index, count, keyed_uint64(seed, _ORDER, epoch, language))
        begin, copy = first + index * span, self.windows.copy_of(epoch)
        if self.windows.jitter:
            begin -= below(keyed_uint64(seed, _JITTER, copy, language), span)
        key = copy * self.num_windows.sum() + self._first_key[language] + index if self.windows.num_copies else place
        return self.windows.pieces_at(place, key, begin, first, self.tokens.end[language])


@dataclass(frozen=True)
class LanguageWindows:
    """The endless order of windows of one language, as `Windows` is over the whole corpus."""

    order: OneByOne
    language: int

    @property
    def num_windows(self) -> int:
        """Windows per epoch."""
        return int(self.order.num_windows[self.language])

    def pieces(self, start: int, stop: int) -> Pieces:
        """The pieces of the windows at places `start : stop`, in that order."""
        place = np.arange(start, stop)
        return self.order.pieces(place, np.full_like(place, self.language), place)


class SampledWindows:
    """The endless order of windows over all languages, sampled with an alpha that may change over the steps."""

    def __init__(self, order: OneByOne, knots: Knots, windows_per_step: int, steps: int) -> None:
        """`steps` is the length of the training: beyond it alpha stays. Languages are at most as many as a cycle of
        a `Mixture` has turns."""
        self._order = order
        self._seed = int(keyed_uint64(order.windows.seed, _TURNS))
        places = steps * windows_per_step
        changes = len({value for _, value in knots}) > 1
        wanted = -(-places // STRETCHES) if changes else CYCLE
        self._cycle = min(CYCLE, max(wanted, _TURNS_PER_LANGUAGE * len(order.tokens.names)))
        self._cycles = -(-wanted // self._cycle)
        """Of each stretch but the last, which has no end."""
        stretches = max(1, -(-places // self._stretch)) if changes else 1
        middles = (np.arange(stretches) + 0.5) * self._stretch / windows_per_step
        self.shares: Float64[np.ndarray, "stretches languages"] = np.stack(
            [sampling_shares(order.tokens.sizes, alpha) for alpha in values_at(knots, middles).tolist()]
        )
        turns = np.stack([self._mixture(number).turns for number in range(stretches)])
        before = np.cumsum(turns * self._cycles, axis=0)
        self._before = np.concatenate([np.zeros_like(before[:1]), before[:-1]])
        """Turns of each language before each stretch."""
        self._recent = lru_cache(maxsize=2)(self._mixture)

    @property
    def num_windows(self) -> int:
        """Windows in which the text of every language comes up once."""
        return int(self._order.num_windows.sum())

    def pieces(self, start: int, stop: int) -> Pieces:
        """The pieces of the windows at places `start : stop` of the endless order, in that order."""
        place = np.arange(start, stop)
        language, own = self.locate(place)
        return self._order.pieces(place, language, own)

    def locate(self, place: Places) -> tuple[Places, Places]:
        """The language of each place, and the place within the order of that language."""
        language, own = np.empty_like(place), np.empty_like(place)
        stretch = np.minimum(place // self._stretch, len(self._before) - 1)
        for number in np.unique(stretch).tolist():
            inside = stretch == number
            part, turn = self._recent(number).locate(place[inside] - number * self._stretch)
            language[inside], own[inside] = part, self._before[number, part] + turn
        return language, own

    def epochs(self, start: int, stop: int) -> dict[str, float]:
        """How often the windows at places `start : stop` read the text of each language."""
        turns = self.turns_before(stop) - self.turns_before(start)
        return dict(zip(self._order.tokens.names, (turns / self._order.num_windows).tolist(), strict=True))

    def turns_before(self, place: int) -> Int64[np.ndarray, " languages"]:
        """How many windows of each language come before a place."""
        number = min(place // self._stretch, len(self._before) - 1)
        cycle, rest = divmod(place - number * self._stretch, self._cycle)
        mixture = self._recent(number)
        part, _ = mixture.locate(cycle * self._cycle + np.arange(rest))
        inside = np.bincount(part, minlength=len(mixture))
        return np.asarray(self._before[number] + cycle * mixture.turns + inside)

    @property
    def _stretch(self) -> int:
        """Places of a stretch."""
        return self._cycle * self._cycles

    def _mixture(self, number: int) -> Mixture:
        """Whose turn it is in a stretch."""
        return Mixture(self.shares[number].tolist(), int(keyed_uint64(self._seed, number)), self._cycle)
