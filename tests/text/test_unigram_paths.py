"""The best way to cut words: `tokenizers` is the oracle, ties and all."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import models

from encodery.text.library import LibraryKind
from encodery.text.tokenizer import train_tokenizer
from encodery.text.unigram import Unigram, UnigramSpec
from encodery.text.unigram_paths import UnigramPaths
from encodery.text.word_arrays import Runs, Words
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


def paths(scores: Mapping[str, float], added: Sequence[str] = (), unknown: str | None = None) -> UnigramPaths:
    return UnigramPaths(scores, {piece: index for index, piece in enumerate(scores)}, added, same, unknown)


def solve(found: UnigramPaths, words: Sequence[str]) -> list[list[int] | None]:
    return lists(found.solve(Words.of([word.encode() for word in words])))


def by_library(scores: Mapping[str, float], unknown: str, words: Sequence[str]) -> list[list[int]]:
    library = models.Unigram(list(scores.items()), unk_id=list(scores).index(unknown), byte_fallback=False)
    return [[token.id for token in library.tokenize("▁" + word)] if word else [] for word in words]


@given(PIECES, st.lists(SCORES, min_size=5, max_size=5), WORDS)
def test_any_model_cuts_as_the_librarys(pieces: dict[str, float], single: list[float], words: list[str]) -> None:
    scores = {"<unk>": 0.0, **dict(zip("▁" + LETTERS, single, strict=True)), **pieces}
    want = [run or None for run in by_library(scores, "<unk>", words)]
    assert solve(paths(scores), words) == want
    assert solve(paths(scores, unknown="<unk>"), words) == want


@given(PIECES, st.sets(st.sampled_from(LETTERS)), SCORES, WORDS)
def test_unknown_characters_are_cut_as_the_librarys(
    pieces: dict[str, float], single: set[str], score: float, words: list[str]
) -> None:
    scores = {"<unk>": 0.0, **dict.fromkeys(["▁", *sorted(single)], score), **pieces}
    want = [run or None for run in by_library(scores, "<unk>", words)]
    assert solve(paths(scores, unknown="<unk>"), words) == want


def test_unknown_neighbours_become_one_token_in_each_word() -> None:
    scores = {"?": 0.0, "▁": -1.0, "a": -1.0}
    words = ["xx", "x", "axxxa", "xaxx", "xΩy"]
    want = [[1, 0], [1, 0], [1, 2, 0, 2], [1, 0, 2, 0], [1, 0]]
    assert by_library(scores, "?", words) == want
    assert solve(paths(scores, unknown="?"), words) == want


@given(st.dictionaries(st.text("ab", min_size=1, max_size=4), SCORES, max_size=7), WORDS)
def test_words_in_which_the_unknown_token_is_spelt_are_left(pieces: dict[str, float], words: list[str]) -> None:
    """There the library may take neighbours for unknown, too, and even find a piece that they make."""
    scores = {**pieces, "▁": -1.0, "¡": -1.0, "é": -1.0, "ab": -2.0}
    found = solve(paths(scores, unknown="ab"), words)
    for word, run, want in zip(words, found, by_library(scores, "ab", words), strict=True):
        assert run == (want if word and "ab" not in word else None)


def test_scores_above_zero_leave_unknown_characters_to_the_library() -> None:
    """A piece of two may be worth less than both unknown."""
    scores = {"?": 30.0, "▁": 30.0, "a": 31.0, "xx": 30.0}
    assert solve(paths(scores, unknown="?"), ["a", "ax", "xx"]) == [[1, 2], None, None]


def test_of_equal_ways_the_last_piece_is_the_longest() -> None:
    scores = {"▁": -1.0, "a": -1.0, "b": -1.0, "ab": -2.0, "▁a": -2.0}
    assert solve(paths(scores), ["ab"]) == [[0, 3]]


@pytest.mark.parametrize("word", ["", "c", "ac", "a😀", "a\u0301", "a▁", "a\nb", "x<m>"])
def test_words_that_are_left_to_the_library(word: str) -> None:
    scores = dict.fromkeys(("▁", "a", "b", "x", "<", "m", ">", "a😀", "\u0301", "\n", "<m>"), -1.0)
    found = solve(paths(scores, added=["<m>"]), ["ab", word, "ba"])
    assert found == [[0, 1, 2], None, [0, 2, 1]]


def test_what_the_normaliser_changes_is_not_plain() -> None:
    scores = dict.fromkeys(("▁", "a", "€"), -1.0)
    changed = UnigramPaths(scores, {piece: index for index, piece in enumerate(scores)}, [], str.upper)
    assert solve(changed, ["a", "€"]) == [None, [0, 2]]


def test_without_a_piece_for_the_beginning_of_words_nothing_is_solved() -> None:
    assert solve(paths({"a": -1.0, "▁a": -1.0}), ["a"]) == [None]


def test_most_words_of_many_scripts_are_solved() -> None:
    kind = train_tokenizer(UnigramSpec(vocab_size=421, character_coverage=0.99), SENTENCES).kind
    assert isinstance(kind, Unigram)
    assert isinstance(kind, LibraryKind)
    words = sorted({word for line in SENTENCES for word in line.split(" ") if word})
    found = lists(kind._solve(Words.of([word.encode() for word in words])))
    want = [kind.backend.encode(word, add_special_tokens=False).ids for word in words]
    assert [run for run in found if run] == [run for run, known in zip(want, found, strict=True) if known]
    assert sum(run is not None for run in found) > len(words) / 2
