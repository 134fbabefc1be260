"""Languages in the shares of alpha's formula, each in epochs of its own, at any place at once."""

from pathlib import Path

import numpy as np
import pytest

from encodery.data import languages
from encodery.data.languages import LanguageTokens, LanguageWindows, OneByOne, SampledWindows, order_to_sample
from encodery.data.mixture import CYCLE
from encodery.data.schedule import Knots
from encodery.data.shards import Shards
from encodery.data.spans import Pieces, Windows
from encodery.errors import UserError
from tests.data.synthetic import documents, in_format_2, stored

SPAN = 61
NAMES = ("de", "sw", "ur")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    """Three languages of very different size, one of them smaller than a window."""
    corpus = documents(120, 13)
    names = ["sw"] * 100 + ["de"] * 19 + ["ur"]
    corpus[-1] = corpus[-1][:1]
    return stored(tmp_path_factory.mktemp("corpus") / "shards", corpus, languages=names)


def order(shards: Shards, jitter: bool = True) -> OneByOne:
    windows = Windows(shards, SPAN, 7, 0.1, jitter)
    tokens = LanguageTokens.of(windows)
    assert tokens is not None
    return OneByOne(windows, tokens)


def formula(shards: Shards, alpha: float) -> np.ndarray:
    sizes = np.array(list(shards.tokens_by_language().values()))
    raised = (sizes / sizes.sum()) ** alpha
    return np.asarray(raised / raised.sum())


def language_of(shards: Shards, pieces: Pieces) -> np.ndarray:
    return shards.language_of(shards.sentences.at(pieces.first))


def rows(pieces: Pieces) -> list[tuple[int, int, int, int]]:
    columns = (pieces.window, pieces.document, pieces.first, pieces.last)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.7])
def test_languages_have_the_shares_of_the_formula(shards: Shards, alpha: float) -> None:
    sampled = SampledWindows(order(shards), ((0, alpha),), 3, 1000)
    turns = sampled.turns_before(CYCLE) / CYCLE
    assert np.abs(turns - formula(shards, alpha)).max() < len(NAMES) / CYCLE
    pieces = sampled.pieces(0, 3001)
    first = np.unique(pieces.window, return_index=True)[1]
    read = np.bincount(language_of(shards, pieces)[first], minlength=3) / 3001
    assert np.abs(read - formula(shards, alpha)).max() < 0.002


def test_alpha_of_one_is_in_proportion(shards: Shards) -> None:
    sampled = SampledWindows(order(shards), ((0, 1.0),), 3, 1000)
    sizes = np.array(list(shards.tokens_by_language().values()))
    assert np.abs(sampled.turns_before(CYCLE) / CYCLE - sizes / sizes.sum()).max() < len(NAMES) / CYCLE


def test_a_window_has_one_language_and_none_is_empty(shards: Shards) -> None:
    pieces = SampledWindows(order(shards), ((0, 0.3),), 3, 1000).pieces(0, 1009)
    assert (pieces.last > pieces.first).all()
    assert (np.diff(pieces.window) >= 0).all()
    assert np.unique(pieces.window).tolist() == list(range(1009))
    found = language_of(shards, pieces)
    assert (found == shards.language_of(shards.sentences.at(pieces.last - 1))).all()
    assert all(len(set(found[pieces.window == window])) == 1 for window in range(0, 1009, 7))


@pytest.mark.parametrize("jitter", [True, False])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_each_language_is_read_once_an_epoch_of_its_own(shards: Shards, number: int, jitter: bool) -> None:
    own = LanguageWindows(order(shards, jitter), number)
    bounds = shards.first_documents()
    assert bounds is not None
    low, high = shards.documents.at(bounds[number : number + 2]).tolist()
    for epoch in range(3):
        pieces = own.pieces(epoch * own.num_windows, (epoch + 1) * own.num_windows)
        counts = np.zeros(shards.num_sentences, int)
        for first, last in zip(pieces.first, pieces.last, strict=True):
            counts[first:last] += 1
        # a window that would be empty repeats a sentence: only ever at the far end of the language here
        assert (counts[low : high - 1] == 1).all()
        assert counts[high - 1] >= 1
        assert not counts[:low].any()
        assert not counts[high:].any()


def test_the_turns_of_a_language_go_through_its_own_order(shards: Shards) -> None:
    sampled = SampledWindows(order(shards), ((0, 0.3),), 3, 1000)
    pieces = sampled.pieces(0, 997)
    found = language_of(shards, pieces)
    for number in range(3):
        mine = [row[1:] for row, language in zip(rows(pieces), found, strict=True) if language == number]
        place, _ = sampled.locate(np.arange(997))
        alone = order(shards).windows  # the seed of the cuts is that of the place: compare whole windows alone
        assert alone.short_sequence_probability
        own = LanguageWindows(order(shards), number).pieces(0, int((place == number).sum()))
        assert {row[0] for row in mine} == set(own.document.tolist())


@pytest.mark.parametrize("knots", [((0, 0.3),), ((0, 1.0), (400, 0.0))])
def test_any_place_is_found_without_those_before_it(shards: Shards, knots: Knots) -> None:
    whole = rows(SampledWindows(order(shards), knots, 3, 400).pieces(0, 2003))
    for start in (0, 1, 17, 600, 1199, 1200, 1201, 1990):
        alone = rows(SampledWindows(order(shards), knots, 3, 400).pieces(start, start + 13))
        assert alone == [row for row in whole if start <= row[0] < start + 13]
    far = SampledWindows(order(shards), knots, 3, 400)
    assert rows(far.pieces(10**9, 10**9 + 5)) == rows(far.pieces(10**9, 10**9 + 5))
    assert far.pieces(10**9, 10**9 + 5).window[0] == 10**9


def test_annealing_follows_the_knots(shards: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "_TURNS_PER_LANGUAGE", 7)
    steps, size = 2000, 5
    sampled = SampledWindows(order(shards), ((0, 1.0), (1000, 0.2), (2000, 0.2)), size, steps)
    turns = np.stack([sampled.turns_before(place) for place in range(0, steps * size + 1, 1000)])
    assert turns.sum(axis=1).tolist() == list(range(0, steps * size + 1, 1000))
    shares = np.diff(turns, axis=0) / 1000
    for number, alpha in enumerate([0.92, 0.76, 0.60, 0.44, 0.28, 0.2, 0.2, 0.2, 0.2, 0.2]):
        assert np.abs(shares[number] - formula(shards, alpha)).max() < 0.02
    assert (np.diff(shares[:5, NAMES.index("ur")]) > 0).all()


def test_own_places_go_on_over_the_stretches(shards: Shards) -> None:
    sampled = SampledWindows(order(shards), ((0, 1.0), (300, 0.1)), 11, 300)
    language, own = sampled.locate(np.arange(5003))
    for number in range(3):
        assert own[language == number].tolist() == list(range(int((language == number).sum())))
    for place in (0, 1, 191, 192, 193, 3299, 3300, 5003):
        assert sampled.turns_before(place).tolist() == [int((language[:place] == n).sum()) for n in range(3)]


def test_epochs_are_windows_read_by_windows_there_are(shards: Shards) -> None:
    one = order(shards)
    sampled = SampledWindows(one, ((0, 0.3),), 3, 1000)
    turns = sampled.turns_before(901) - sampled.turns_before(100)
    expected = dict(zip(NAMES, (turns / one.num_windows).tolist(), strict=True))
    assert sampled.epochs(100, 901) == expected


def test_there_is_nothing_to_sample_at_one_or_with_one_language(tmp_path: Path, shards: Shards) -> None:
    assert order_to_sample(Windows(shards, SPAN, 7), ((0, 1.0), (9, 1.0))) is None
    alone = stored(tmp_path / "shards", documents(5, 7), languages=["sw"] * 5)
    assert order_to_sample(Windows(alone, SPAN, 7), ((0, 0.3),)) is None
    assert order_to_sample(Windows(shards, SPAN, 7), ((0, 1.0), (9, 0.9))) is not None


def test_shards_in_no_order_of_languages_cannot_be_sampled(tmp_path: Path) -> None:
    stored(tmp_path / "shards", documents(4, 7))
    in_format_2(tmp_path / "shards", ["sw", "de", "sw", "de"])
    with pytest.raises(UserError) as error:
        order_to_sample(Windows(Shards.open(tmp_path / "shards"), SPAN, 7), ((0, 0.3),))
    assert str(error.value) == (
        "alpha = 0.3 samples languages, but the token shards are not sorted by language: they were written before, "
        "or name none; write them again: encodery run RECIPE shards --force shards"
    )


def test_more_languages_than_a_cycle_has_room_for(shards: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "_TURNS_PER_LANGUAGE", CYCLE // 2)
    with pytest.raises(
        UserError, match=r"^alpha = 0.3: the corpus has 3 languages, of which at most 2 can be sampled"
    ):
        order_to_sample(Windows(shards, SPAN, 7), ((0, 0.3),))
