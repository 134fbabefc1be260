"""The best way to cut each of many words by a unigram model (Kudo 2018, sec. 3.1), all words in step, in arrays.

`tokenizers` takes 7 to 10 µs for a new word, most of it for what it builds around its ids. This gives the same ids
for words of plain characters: letters, digits and signs that the normaliser leaves as they are. The sums are those of
the library, in its order, in double precision; ways of equal score are decided as there: of the last pieces, the one
that begins first stays. A character that is no piece costs as much as there, and of several side by side one stays.
"""

import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from itertools import pairwise

import numpy as np
import tokenizers
from jaxtyping import Bool, Float64, Int64

from encodery.text.piece_trie import PieceTrie
from encodery.text.word_arrays import Runs, Words

WORD_START = "▁"
_CATEGORIES = ("Lu", "Ll", "Nd", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc")
"""None of these is ever joined to a neighbour as a mark is, so that what one character becomes is told by itself."""
_BASIC = 1 << 16
"""Characters above are never plain."""
_UNKNOWN_PENALTY = 10.0
"""By so much an unknown character is worth less than the piece that is worth least."""
_LEFT = 1e300
"""In place of the score of a piece with which a word is left to the library: it shows in the score of the word."""

Places = Int64[np.ndarray, " _"]
Scores = Float64[np.ndarray, " _"]


class UnigramPaths:
    """A model's pieces in a trie, their scores and ids by its nodes."""

    def __init__(
        self,
        scores: Mapping[str, float],
        ids: Mapping[str, int],
        added: Iterable[str],
        normalize: Callable[[str], str],
        unknown: str | None = None,
    ) -> None:
        """The pieces of a model.

        Args:
            added: the tokens that are cut off a text before; a word with one of them is not solved.
            unknown: the token of characters that are no pieces; without one, a word with one of them is not solved.
        """
        known = {_spaced(piece): (ids[piece], score) for piece, score in scores.items() if " " not in piece}
        known |= dict.fromkeys(added, (0, _LEFT))
        plain = {character for character in _single_characters() if normalize(character) == character}
        self._unknown = -1
        lowest = min(scores.values())
        if unknown is not None:
            self._unknown = ids[unknown]
            known[_spaced(unknown)] = (0, _LEFT)
            if lowest <= 0:  # else two unknown characters might be worth more than a piece of both
                known = dict.fromkeys(plain, (self._unknown, lowest - _UNKNOWN_PENALTY)) | known
        alphabet = [*sorted(plain & known.keys()), " "]
        self._classes = np.zeros(_BASIC, np.int64)
        self._classes[list(map(ord, alphabet))] = np.arange(1, len(alphabet) + 1)
        spelt = set(alphabet)
        pieces = [piece for piece in known if piece and spelt.issuperset(piece)]
        self._trie = PieceTrie(pieces, self._classes)
        self._ids = np.zeros(self._trie.num_nodes, np.int32)
        self._ids[self._trie.nodes] = [known[piece][0] for piece in pieces]
        self._scores = np.zeros(self._trie.num_nodes)
        self._scores[self._trie.nodes] = [known[piece][1] for piece in pieces]
        self.starts = WORD_START in scores

    @classmethod
    def of(cls, backend: tokenizers.Tokenizer, normalize: Callable[[str], str]) -> "UnigramPaths":
        """Those of a tokenizer."""
        model = json.loads(backend.to_str())["model"]
        added = [token.content for token in backend.get_added_tokens_decoder().values()]
        unknown = None if model["unk_id"] is None else model["vocab"][model["unk_id"]][0]
        return cls(dict(model["vocab"]), backend.get_vocab(with_added_tokens=True), added, normalize, unknown)

    def solve(self, words: Words) -> Runs:
        """The ids of words (no space in any), none for those that are not plain."""
        classes, first = self._spread(words)
        last = np.append(first[1:], len(classes)) - 1
        plain = np.add.reduceat(classes == 0, first, dtype=np.int64) == 1  # what is behind the word
        nodes, places, sizes = self._trie.find(classes)
        within = np.arange(len(classes)) - np.repeat(first, last + 1 - first)
        steps = within.astype(np.uint16).take(places)
        order = np.argsort(steps, kind="stable")
        bounds = np.bincount(steps).cumsum().tolist()
        nodes, places, sizes = nodes.take(order), places.take(order), sizes.take(order)
        best: Scores = np.full(len(classes), -np.inf)
        best[first] = 0.0
        arrivals = _arrivals(best, self._scores.take(nodes), places, places + sizes, [0, *bounds])
        solved = plain & (last - first > 1) & (best[last] < _LEFT / 2) & self.starts
        return self._runs(nodes, arrivals, _passed(arrivals, places, last[solved]), first, solved)

    def _spread(self, words: Words) -> tuple[Places, Places]:
        """The classes of words one after another, each with that of a space before and 0 behind it; where each
        begins."""
        sizes = words.lengths + 2
        ends = np.cumsum(sizes)
        places = np.arange(ends[-1]) + np.repeat(words.starts - 1 - (ends - sizes), sizes)
        text = words.text.take(places, mode="clip")
        text[ends - sizes], text[ends - 1] = ord(" "), ord("\n")
        codes = np.frombuffer(text.tobytes().decode().encode("utf-32-le"), "<u4")
        if codes.max() >= _BASIC:
            codes = np.where(codes < _BASIC, codes, 0)
        return self._classes.take(codes), (codes == ord(" ")).nonzero()[0]

    def _runs(
        self,
        nodes: Places,
        arrivals: Places,
        passed: Bool[np.ndarray, " places"],
        first: Places,
        solved: Bool[np.ndarray, " words"],
    ) -> Runs:
        """The ids of the pieces that end at the places passed; of unknown ones side by side, one stays."""
        ends = passed.nonzero()[0]
        ids = self._ids.take(nodes.take(arrivals.take(ends)))
        unknown = ids == self._unknown
        if unknown.any():
            again = np.append(False, unknown[1:] & unknown[:-1])  # never in another word: none begins with one
            passed[ends[again]] = False
            ids = ids[~again]
        return Runs(ids, np.add.reduceat(passed, first, dtype=np.int64), solved)


def _arrivals(best: Scores, scores: Scores, places: Places, targets: Places, bounds: list[int]) -> Places:
    """For each place, the number of the piece by which the best way arrives there, whose score becomes `best`.

    All ways to the places at which a step's pieces begin end with pieces of the steps before it.
    """
    arrivals = np.full(len(best), -1, np.int64)
    for start, end in pairwise(bounds):
        to = targets[start:end]
        values = best.take(places[start:end])
        values += scores[start:end]
        better = (values > best.take(to)).nonzero()[0]
        to = to.take(better)
        best[to] = values.take(better)
        better += start
        arrivals[to] = better
    return arrivals


def _passed(arrivals: Places, places: Places, last: Places) -> Bool[np.ndarray, " places"]:
    """At which places the pieces on the ways to these last ones end."""
    passed = np.zeros(len(arrivals), np.bool_)
    at = last
    while len(at):
        passed[at] = True
        at = places.take(arrivals.take(at))
        at = at.compress(arrivals.take(at) >= 0)  # nothing arrives where a word begins
    return passed


def _spaced(piece: str) -> str:
    """With a space where a word begins; a mark inside matches nothing that is plain."""
    return " " + piece[1:] if piece.startswith(WORD_START) else piece


@cache
def _single_characters() -> list[str]:
    """Those that no neighbour is ever joined to."""
    ascii_signs = [character for character in map(chr, range(128)) if character.isprintable() and character != " "]
    others = map(chr, range(128, _BASIC))
    return ascii_signs + [character for character in others if unicodedata.category(character) in _CATEGORIES]
