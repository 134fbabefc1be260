"""Clusters over parts of the input, against plain union-find."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encodery.corpus.dedup import clusters
from encodery.corpus.dedup.clusters import join, later_copies

PAIRS = st.lists(st.tuples(st.integers(0, 22), st.integers(0, 22)), max_size=40)
SIZES = [7, 0, 13, 3]
OWNERS = [(part << 32) + number for part, size in enumerate(SIZES) for number in range(size)]


def firsts(pairs: list[tuple[int, int]]) -> dict[int, int]:
    """The first of each node's cluster, by plain union-find."""
    parents: dict[int, int] = {}

    def root(node: int) -> int:
        while parents.setdefault(node, node) != node:
            node = parents[node]
        return node

    for a, b in pairs:
        first, second = sorted((root(a), root(b)))
        parents[second] = first
    return {node: root(node) for node in parents}


def blocks(pairs: list[tuple[int, int]], size: int) -> list[np.ndarray]:
    named = np.array([[OWNERS[a], OWNERS[b]] for a, b in pairs], np.uint64).reshape(-1, 2)
    return [named[first : first + size] for first in range(0, len(named), size)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=PAIRS, size=st.integers(1, 7), at_once=st.integers(1, 9), seed=st.integers(0, 99))
def test_all_but_the_first_of_each_cluster_go_in_any_order_of_pairs(
    tmp_path: Path, pairs: list[tuple[int, int]], size: int, at_once: int, seed: int
) -> None:
    expected: list[list[int]] = [[] for _ in SIZES]
    for node, first in sorted(firsts(pairs).items()):
        if node != first:
            expected[OWNERS[node] >> 32].append(OWNERS[node] & (2**32 - 1))
    shuffled = random.Random(seed).sample(pairs, len(pairs))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clusters, "AT_ONCE", at_once)
        found = later_copies(blocks(shuffled, size), SIZES, tmp_path / "parents")
        assert [own.tolist() for own in found] == expected
    assert not list(tmp_path.iterdir())


@given(PAIRS)
def test_parents_lead_to_the_first_of_the_cluster(pairs: list[tuple[int, int]]) -> None:
    parents = np.arange(23)
    for pair in pairs:
        join(parents, np.array([pair]))
    expected = firsts(pairs)
    for node in range(23):
        root = node
        while parents[root] != root:
            assert parents[root] < root
            root = int(parents[root])
        assert root == expected.get(node, node)


def test_a_long_chain_is_one_cluster(tmp_path: Path) -> None:
    chain = np.stack([np.arange(1, 4999), np.arange(4998)], axis=1)
    rows = random.Random(1).sample(chain.tolist(), len(chain))
    (found,) = later_copies([np.array(rows, np.uint64)], [5003], tmp_path / "parents")
    assert found.tolist() == list(range(1, 4999))


def test_no_documents(tmp_path: Path) -> None:
    assert list(later_copies([], [], tmp_path / "parents")) == []
    assert [own.tolist() for own in later_copies([], [0, 2], tmp_path / "parents")] == [[], []]


def test_the_file_is_removed_when_pairs_fail(tmp_path: Path) -> None:
    with pytest.raises(IndexError):
        list(later_copies([np.array([[0, 5]], np.uint64)], [3], tmp_path / "parents"))
    assert not list(tmp_path.iterdir())
