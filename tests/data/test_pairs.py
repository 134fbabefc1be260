"""Shards of aligned sentences: two sides a document, of any length."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.data import pairs as pairs_module
from encodery.data.pairs import Pairs, pair_label
from encodery.data.shard_writer import MAX_SENTENCE_TOKENS
from tests.objectives.pairs import pairs, stored_pairs


@pytest.mark.parametrize("max_tokens_per_shard", [2**27, 97])
def test_sides_are_found_in_any_order(tmp_path: Path, max_tokens_per_shard: int) -> None:
    corpus = pairs(53)
    shards = stored_pairs(tmp_path / "shards", corpus, max_tokens_per_shard=max_tokens_per_shard)
    found = Pairs(shards)
    assert len(found) == 53
    index = np.random.default_rng(1).permutation(53)
    sides = found.sides(index)
    for number, starts, lengths in zip(index, sides.starts, sides.lengths, strict=True):
        for side in range(2):
            ids = shards.take_ranges(starts[side : side + 1], lengths[side : side + 1])
            assert ids.tolist() == corpus[number][side].tolist()


def test_a_long_side_is_not_cut_into_sentences(tmp_path: Path) -> None:
    long = 3 * MAX_SENTENCE_TOKENS + 1
    corpus = [[np.full(long, 11), np.array([601])], [np.array([13]), np.full(long, 607)]]
    sides = Pairs(stored_pairs(tmp_path / "shards", corpus)).sides(np.arange(2))
    assert sides.lengths.tolist() == [[long, 1], [1, long]]


def test_what_is_kept_is_counted_in_any_number_of_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = pairs(53)
    sizes = np.array([len(source) + len(target) for source, target in corpus])
    found = Pairs(stored_pairs(tmp_path / "shards", corpus))
    for at_once in (7, 1 << 16):
        monkeypatch.setattr(pairs_module, "_PAIRS_AT_ONCE", at_once)
        assert found.kept(29) == (int(np.minimum(sizes, 29).sum()), int((sizes > 29).sum()))
        assert found.kept(10**6) == (int(sizes.sum()), 0)


def test_languages_are_those_of_all_labels(tmp_path: Path) -> None:
    found = Pairs(stored_pairs(tmp_path / "shards", pairs(5), ["en/de", "de/sw", "en/de", "zh-Hant/en", "en/de"]))
    assert found.languages == ("de", "en", "sw", "zh-Hant")
    table = found.numbered({"de": 0, "en": 1, "sw": 2, "zh-Hant": 3})
    assert table.tolist() == [[0, 2], [1, 0], [3, 1]]
    assert Pairs(stored_pairs(tmp_path / "unnamed", pairs(5), "")).languages == ("",)


@given(st.text(min_size=1).filter(lambda name: "/" not in name), st.text(min_size=1))
def test_a_label_names_both(source: str, target: str) -> None:
    assert pair_label(source, target).split("/", 1) == [source, target]
    assert pair_label(source, None) == pair_label(None, target) == ""
