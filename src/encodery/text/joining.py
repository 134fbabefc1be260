"""New tokens from pairs of neighbours: byte-pair encoding (Sennrich et al. 2016) begun at an existing vocabulary.

The trainer of `tokenizers` joins characters. So each token is one character to it, taken from where no text has any.
"""

import json
from collections.abc import Collection, Mapping

import tokenizers
from tokenizers import models, pre_tokenizers, trainers

from encodery.text.revision import NewToken
from encodery.text.word_counts import repeated

_FIRST_CHARACTER = 0x10000
"""From here on, a million code points are single characters and none is white space."""

Pieces = tuple[str, ...]


def join_neighbours(
    words: Mapping[Pieces, int], known: Collection[str], num_tokens: int, min_frequency: int
) -> list[NewToken]:
    """At most `num_tokens` tokens that are not in `known`, the pair that occurs most often first, again and again.

    `words` are counted sequences of tokens; a pair that occurs less than `min_frequency` times is not joined. A join
    that is known already is among the results: later ones may be made of it.
    """
    pieces = sorted({piece for word in words for piece in word})
    characters = {piece: chr(_FIRST_CHARACTER + index) for index, piece in enumerate(pieces)}
    counts = {"".join(characters[piece] for piece in word): count for word, count in words.items()}
    most = num_tokens
    while True:
        merges = _train(counts, list(characters.values()), most, min_frequency)
        joined = [_new_token(first, second, pieces) for first, second in merges]
        new = {token.token for token in joined}.difference(known)
        if len(new) >= num_tokens or len(merges) < most:
            return _until(joined, known, num_tokens)
        most += num_tokens - len(new)


def _train(counts: Mapping[str, int], alphabet: list[str], merges: int, min_frequency: int) -> list[tuple[str, str]]:
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + merges,
        min_frequency=min_frequency,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    backend.train_from_iterator(repeated(counts), trainer)
    return [(first, second) for first, second in json.loads(backend.to_str())["model"]["merges"]]


def _new_token(first: str, second: str, pieces: list[str]) -> NewToken:
    left, right = (tuple(pieces[ord(character) - _FIRST_CHARACTER] for character in part) for part in (first, second))
    return NewToken("".join(left + right), left + right, ("".join(left), "".join(right)))


def _until(joined: list[NewToken], known: Collection[str], num_tokens: int) -> list[NewToken]:
    """The first joins, up to the one that makes the last of so many new tokens."""
    seen: set[str] = set()
    for index, token in enumerate(joined):
        if token.token not in known:
            seen.add(token.token)
        if len(seen) == num_tokens:
            return joined[: index + 1]
    return joined
