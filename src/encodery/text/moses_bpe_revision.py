"""XLM's vocabulary made smaller and larger; `revision` says what that means, and `Revisable` what each step promises.

Merges go on through symbols that are no tokens (`end_of_word_bpe`). So what a text needs is found in its symbols: all
merges on the way to each of them, whether it is a token or unknown.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from encodery.errors import UserError
from encodery.text.end_of_word_bpe import END_OF_WORD, EndOfWordBpe, Merge
from encodery.text.joining import join_neighbours
from encodery.text.merges import derivation, rank_merges
from encodery.text.revision import NewToken
from encodery.text.stored import by_id


@dataclass(frozen=True)
class Revised:
    """Tokens by id, merges, and for each token the old ids that it stands for."""

    tokens: Sequence[str]
    merges: Sequence[Merge]
    sources: tuple[tuple[int, ...], ...]
    added: range = range(0)


def trimmed(vocabulary: Mapping[str, int], bpe: EndOfWordBpe, words: Iterable[str], kept: set[str]) -> Revised:
    """Without the tokens and merges that these words do not need; `kept` are tokens that stay in any case."""
    ranks = rank_merges(bpe.merges)
    symbols = set(bpe.symbols(list(words)))
    needed = set().union(*(derivation(_characters(symbol), ranks) for symbol in symbols))
    merges = [pair for pair in bpe.merges if {*pair, "".join(pair)} <= needed]
    tokens = [token for token in by_id(vocabulary) if token in needed or token in kept]
    return Revised(tokens, merges, tuple((vocabulary[token],) for token in tokens))


def enlarged(
    vocabulary: Mapping[str, int], merges: Sequence[Merge], special_ids: frozenset[int], new: Sequence[NewToken]
) -> Revised:
    """More tokens, and merges behind those of today: text without the new tokens is cut as before."""
    added: dict[str, tuple[int, ...]] = {}
    for token in new:
        if token.token not in vocabulary:
            added.setdefault(token.token, tuple(vocabulary[piece] for piece in token.pieces))
    old = by_id(vocabulary)
    end = 1 + max((index for index in vocabulary.values() if index not in special_ids), default=len(old) - 1)
    sources = [(index,) for index in range(len(old))]
    return Revised(
        [*old[:end], *added, *old[end:]],
        list(dict.fromkeys((*merges, *((token.parts[0], token.parts[1]) for token in new)))),
        (*sources[:end], *added.values(), *sources[end:]),
        range(end, end + len(added)),
    )


def found_tokens(
    vocabulary: Mapping[str, int], counts: Mapping[tuple[str, ...], int], unknown: str, most: int, min_frequency: int
) -> list[NewToken]:
    """At most so many: those that training would find next, were it continued on these words."""
    words: Counter[tuple[str, ...]] = Counter()
    for pieces, count in counts.items():
        for known, run in groupby(pieces, lambda piece: piece != unknown):
            if known:
                words[tuple(run)] += count
    return join_neighbours(words, vocabulary.keys(), most, min_frequency)


def joined_from_the_left(word: str, pieces: tuple[str, ...], unknown: str) -> list[NewToken]:
    """What makes one token of a word: a merge takes two, so all that is met on the way is added, too.

    Raises:
        UserError: the word is one token already, or has characters that are none.
    """
    if pieces == (word + END_OF_WORD,):
        raise UserError(f"{word!r:.80} is one token already, {pieces[0]!r}; leave it out")
    if unknown in pieces:
        raise UserError(f"{word!r:.80} has characters that are no pieces; only known pieces can be joined")
    joined = ["".join(pieces[: length + 1]) for length in range(len(pieces))]
    return [
        NewToken(joined[last], pieces[: last + 1], (joined[last - 1], pieces[last])) for last in range(1, len(pieces))
    ]


def _characters(symbol: str) -> list[str]:
    """What the merges of a symbol begin with."""
    *first, last = list(symbol.removesuffix(END_OF_WORD) or symbol)
    return [*first, last + END_OF_WORD if symbol.endswith(END_OF_WORD) else last]
