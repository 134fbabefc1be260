"""The merges of byte-pair encoding: pairs of tokens in the order in which they are tried."""

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import tokenizers

from encodery.errors import UserError
from encodery.text.stored import read_text

Merge = tuple[str, str]


def read_merges(path: Path, vocabulary: Mapping[str, int]) -> list[tuple[str, str]]:
    """The pairs of a `merges.txt`, the first the most frequent.

    Raises:
        UserError: it is missing or a line is no pair of tokens whose join is a token.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; vocab.json needs merges.txt beside it")
    merges = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line or (number == 1 and line.startswith("#version")):
            continue
        first, _, second = line.partition(" ")
        for token in (first, second, first + second):
            if token not in vocabulary:
                raise UserError(
                    f"{path}:{number}: {line!r:.80} needs the token {token!r:.80}, which vocab.json lacks; "
                    "the two files belong to different tokenizers"
                )
        merges.append((first, second))
    return merges


def merges_of(backend: tokenizers.Tokenizer) -> list[tuple[str, str]]:
    """The merges of a BPE model in order."""
    return [(first, second) for first, second in json.loads(backend.to_str())["model"]["merges"]]


def rank_merges(merges: Sequence[Merge]) -> dict[Merge, int]:
    """The place of each merge; the lowest is tried first."""
    return {merge: rank for rank, merge in enumerate(merges)}


def derivation(token: Sequence[str], ranks: Mapping[Merge, int]) -> set[str]:
    """Every token on the way from the characters of `token` to what the merges make of them.

    It is also what happens inside any text of which `token` is a token: no merge reaches over its ends there, and
    those between them are chosen by rank, then from the left, in both cases.
    """
    parts = list(token)
    met = set(parts)
    while True:
        pairs = [(ranks[pair], index) for index, pair in enumerate(pairwise(parts)) if pair in ranks]
        if not pairs:
            return met
        _, index = min(pairs)
        parts[index : index + 2] = [parts[index] + parts[index + 1]]
        met.add(parts[index])
