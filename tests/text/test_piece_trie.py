"""Pieces found in a text: looking for each at each place is the oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.text import piece_trie
from encodery.text.piece_trie import PieceTrie

LETTERS = "abcd"
PIECES = st.lists(st.text(LETTERS, min_size=2, max_size=7), max_size=29, unique=True)
TEXT = st.text(LETTERS + " ", max_size=41)


def classes_of(text: str) -> np.ndarray:
    return np.array([LETTERS.find(character) + 1 for character in text], np.int64)


def trie_of(pieces: list[str]) -> PieceTrie:
    by_code = np.zeros(128, np.int64)
    by_code[list(map(ord, LETTERS))] = range(1, 5)
    return PieceTrie(pieces, by_code)


@given(PIECES, TEXT)
def test_every_piece_is_found_wherever_it_stands(pieces: list[str], text: str) -> None:
    pieces = [*LETTERS, *pieces]
    trie = trie_of(pieces)
    assert len(set(trie.nodes.tolist())) == len(pieces)
    assert trie.nodes.max() < trie.num_nodes
    piece_of = dict(zip(trie.nodes.tolist(), pieces, strict=True))
    nodes, places, sizes = (found.tolist() for found in trie.find(classes_of(text)))
    found = sorted((place, piece_of[node], size) for node, place, size in zip(nodes, places, sizes, strict=True))
    want = [(place, piece, len(piece)) for piece in pieces for place in range(len(text))]
    assert found == sorted(one for one in want if text.startswith(one[1], one[0]))


@given(PIECES, TEXT)
def test_edges_that_collide_are_all_found(pieces: list[str], text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(piece_trie, "_MIX", np.uint64(0))  # every edge belongs into the first slot
        test_every_piece_is_found_wherever_it_stands.hypothesis.inner_test(pieces, text)  # type: ignore[attr-defined]


def test_of_each_place_shorter_pieces_come_first() -> None:
    nodes, places, sizes = trie_of([*LETTERS, "abc", "ab"]).find(classes_of("abc"))
    assert places.tolist() == [0, 1, 2, 0, 0]
    assert sizes.tolist() == [1, 1, 1, 2, 3]
    assert len(nodes) == 5


def test_a_beginning_that_is_no_piece_is_not_found() -> None:
    _, places, sizes = trie_of(["a", "bcd", "cd"]).find(classes_of("abcdb"))
    assert list(zip(places.tolist(), sizes.tolist(), strict=True)) == [(0, 1), (2, 2), (1, 3)]
