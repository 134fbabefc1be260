"""The best way to cut words: `tokenizers` is the oracle, ties and all."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import models

from encodery.text import unigram_paths
from encodery.text.library import LibraryKind
from encodery.text.tokenizer import train_tokenizer
from encodery.text.unigram import Unigram, UnigramSpec
from encodery.text.unigram_paths import UnigramPaths
from encodery.text.word_table import Runs
from tests.text.scripts import SENTENCES

LETTERS = "ab¡é"
SCORES = st.sampled_from([-1.0, -2.0, -3.0, -0.1, -0.2, -0.3, -1e-17])  # whose sums are equal, or nearly
PIECES = st.dictionaries(st.text(LETTERS + "▁", min_size=2, max_size=5), SCORES, max_size=29)
WORDS = st.lists(st.text(LETTERS, max_size=13), min_size=1, max_size=23)


def same(text: str) -> str:
    return text


def lists(found: Runs) -> list[list[int] | None]:
    runs = np.split(found.ids, np.cumsum(found.counts))[:-1]
    return [run.tolist() if known else None for run, known in zip(runs, found.known, strict=True)]


def paths(scores: Mapping[str, float], added: Sequence[str] = ()) -> UnigramPaths:
    return UnigramPaths(scores, {piece: index for index, piece in enumerate(scores)}, added, same)


@given(PIECES, st.lists(SCORES, min_size=5, max_size=5), WORDS)
def test_any_model_cuts_as_the_librarys(pieces: dict[str, float], single: list[float], words: list[str]) -> None:
    scores = {"<unk>": 0.0, **dict(zip("▁" + LETTERS, single, strict=True)), **pieces}
    library = models.Unigram(list(scores.items()), unk_id=0, byte_fallback=False)
    want = [[token.id for token in library.tokenize("▁" + word)] if word else None for word in words]
    assert lists(paths(scores).solve([word.encode() for word in words])) == want


@given(PIECES, WORDS)
def test_edges_that_collide_are_all_found(pieces: dict[str, float], words: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unigram_paths, "_MIX", np.uint64(0))  # every edge belongs into the first slot
        test_any_model_cuts_as_the_librarys.hypothesis.inner_test(pieces, [-1.0] * 5, words)  # type: ignore[attr-defined]


def test_of_equal_ways_the_last_piece_is_the_longest() -> None:
    scores = {"▁": -1.0, "a": -1.0, "b": -1.0, "ab": -2.0, "▁a": -2.0}
    assert lists(paths(scores).solve([b"ab"])) == [[0, 3]]


@pytest.mark.parametrize("word", ["", "c", "ac", "a😀", "a\u0301", "a▁", "a\nb", "x<m>"])
def test_words_that_are_left_to_the_library(word: str) -> None:
    scores = dict.fromkeys(("▁", "a", "b", "x", "<", "m", ">", "a😀", "\u0301", "\n", "<m>"), -1.0)
    found = lists(paths(scores, added=["<m>"]).solve([b"ab", word.encode(), b"ba"]))
    assert found == [[0, 1, 2], None, [0, 2, 1]]


def test_what_the_normaliser_changes_is_not_plain() -> None:
    scores = dict.fromkeys(("▁", "a", "€"), -1.0)
    changed = UnigramPaths(scores, {piece: index for index, piece in enumerate(scores)}, [], str.upper)
    assert lists(changed.solve([b"a", "€".encode()])) == [None, [0, 2]]


def test_without_a_piece_for_the_beginning_of_words_nothing_is_solved() -> None:
    assert lists(paths({"a": -1.0, "▁a": -1.0}).solve([b"a"])) == [None]


def test_most_words_of_many_scripts_are_solved() -> None:
    kind = train_tokenizer(UnigramSpec(vocab_size=421, character_coverage=0.99), SENTENCES).kind
    assert isinstance(kind, Unigram)
    assert isinstance(kind, LibraryKind)
    words = sorted({word for line in SENTENCES for word in line.split(" ") if word})
    found = lists(kind._solve([word.encode() for word in words]))
    want = [kind.backend.encode(word, add_special_tokens=False).ids for word in words]
    assert [run for run in found if run] == [run for run, known in zip(want, found, strict=True) if known]
    assert sum(run is not None for run in found) > len(words) / 2
