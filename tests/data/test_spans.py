"""Every sentence comes up once an epoch, in an order that is a function of the seed, beside its own document only."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from encodery.data.shards import Shards
from encodery.data.spans import Pieces, Windows, document_segments, whole_segments
from tests.data.synthetic import counting_documents, documents, stored


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return stored(tmp_path_factory.mktemp("corpus") / "shards", documents(61, 13))


@pytest.fixture(scope="module")
def three_documents(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return stored(tmp_path_factory.mktemp("three") / "shards", counting_documents([2, 1, 4], 7))


def rows(pieces: Pieces) -> list[tuple[int, int, int, int]]:
    columns = (pieces.window, pieces.document, pieces.first, pieces.last)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def visits(shards: Shards, pieces: Pieces) -> np.ndarray:
    """How often each sentence comes up."""
    counts = np.zeros(shards.num_sentences, int)
    for first, last in zip(pieces.first, pieces.last, strict=True):
        counts[first:last] += 1
    return counts


@pytest.mark.parametrize("span", [61, 125, 509, 100_003])
@pytest.mark.parametrize("jitter", [True, False])
@pytest.mark.parametrize("short", [0.0, 0.3])
def test_an_epoch_visits_every_sentence_once(shards: Shards, span: int, jitter: bool, short: float) -> None:
    windows = Windows(shards, span, 7, short, jitter)
    for epoch in range(3):
        counts = visits(shards, windows.pieces(epoch * windows.num_windows, (epoch + 1) * windows.num_windows))
        # a window that would be empty repeats a sentence: only ever at the far end of the corpus here
        assert (counts[:-1] == 1).all()
        assert counts[-1] <= 2


def test_pieces_are_within_one_document_and_follow_the_windows(shards: Shards) -> None:
    pieces = Windows(shards, 125, 7, 0.2).pieces(3, 50)
    assert (pieces.last > pieces.first).all()
    assert (shards.document_of(pieces.first) == pieces.document).all()
    assert (shards.document_of(pieces.last - 1) == pieces.document).all()
    assert np.unique(pieces.window).tolist() == list(range(3, 50))
    assert (np.diff(pieces.window) >= 0).all()


def test_a_window_holds_the_sentences_that_start_in_it(shards: Shards) -> None:
    windows = Windows(shards, 125, 7, jitter=False)
    pieces = windows.pieces(0, windows.num_windows)
    starts = shards.sentences.at(pieces.first)
    for place in range(windows.num_windows):
        inside = pieces.window == place
        begin = int(starts[inside].min()) // 125 * 125
        expected = np.arange(shards.num_sentences)
        expected = expected[(shards.sentences.at(expected) >= begin) & (shards.sentences.at(expected) < begin + 125)]
        assert (pieces.first[inside].min(), pieces.last[inside].max() - 1) == (expected[0], expected[-1])


@pytest.mark.parametrize("span", [7, 31])
def test_no_window_is_empty_even_inside_a_long_sentence(tmp_path: Path, span: int) -> None:
    shards = stored(tmp_path / "shards", documents(11, 5, max_tokens=63))
    windows = Windows(shards, span, 3)
    pieces = windows.pieces(0, 2 * windows.num_windows)
    assert np.unique(pieces.window).size == 2 * windows.num_windows
    assert (pieces.last > pieces.first).all()
    assert (visits(shards, pieces) >= 2).all()


def test_the_order_is_the_same_from_wherever_it_is_read(shards: Shards) -> None:
    windows = Windows(shards, 61, 7, 0.2)
    stop = 3 * windows.num_windows + 5
    whole = rows(windows.pieces(0, stop))
    parts = [rows(windows.pieces(start, min(start + 17, stop))) for start in reversed(range(0, stop, 17))]
    assert whole == [row for part in reversed(parts) for row in part]


def test_epochs_and_seeds_differ_in_order_and_in_where_windows_begin(shards: Shards) -> None:
    windows = Windows(shards, 125, 7)
    num = windows.num_windows
    orders = [
        rows(replace(windows, seed=seed).pieces(epoch * num, (epoch + 1) * num))
        for seed, epoch in ((7, 0), (7, 1), (8, 0))
    ]
    cuts = [{row[2] for row in order} for order in orders]
    assert cuts[0] != cuts[1] != cuts[2] != cuts[0]
    assert [row[1:] for row in orders[0]] != sorted(row[1:] for row in orders[0])


def test_without_jitter_every_epoch_has_the_same_windows(shards: Shards) -> None:
    windows = Windows(shards, 125, 7, jitter=False)
    num = windows.num_windows
    first, second = rows(windows.pieces(0, num)), rows(windows.pieces(num, 2 * num))
    assert sorted(row[1:] for row in first) == sorted(row[1:] for row in second)
    assert [row[1:] for row in first] != [row[1:] for row in second]


def test_pieces_are_cut_short_as_often_as_asked(shards: Shards) -> None:
    whole, cut = (Windows(shards, 251, 7, short) for short in (0.0, 0.25))
    before, after = (windows.pieces(0, 53 * whole.num_windows) for windows in (whole, cut))
    can_be_cut = int((before.last - before.first > 1).sum())
    assert can_be_cut > 3000
    deviation = np.sqrt(can_be_cut * 0.25 * 0.75)
    assert abs(len(after) - len(before) - can_be_cut * 0.25) < 4 * deviation


def test_shards_make_no_difference(tmp_path: Path) -> None:
    corpus = documents(61, 13)
    one = Windows(stored(tmp_path / "one", corpus), 125, 7, 0.2)
    many = replace(one, shards=stored(tmp_path / "many", corpus, max_tokens_per_shard=211))
    assert rows(one.pieces(0, 200)) == rows(many.pieces(0, 200))


def test_whole_segments_are_the_text_of_the_pieces_up_to_the_limit(shards: Shards) -> None:
    pieces = Windows(shards, 125, 7).pieces(0, 31)
    segments = whole_segments(shards, pieces, 53)
    starts, ends = shards.sentences.at(pieces.first), shards.sentences.at(pieces.last)
    assert segments.starts.tolist() == [[start] for start in starts]
    assert segments.lengths.tolist() == [[min(end - start, 53)] for start, end in zip(starts, ends, strict=True)]
    assert segments.lengths.max() == 53


@pytest.mark.parametrize("crosses", [False, True])
def test_copies_come_in_turn_each_cut_in_its_own_way(shards: Shards, crosses: bool) -> None:
    windows = Windows(shards, 61, 7, 0.3, crosses_documents=crosses, num_copies=3)
    num = windows.num_windows
    epochs = [rows(windows.pieces(epoch * num, (epoch + 1) * num)) for epoch in range(7)]
    texts = [sorted(row[1:] for row in epoch) for epoch in epochs]
    assert texts[0] == texts[3] == texts[6]
    assert texts[1] == texts[4]
    assert len({str(text) for text in texts}) == 3
    assert [row[1:] for row in epochs[0]] != [row[1:] for row in epochs[3]]
    keys = [windows.pieces(epoch * num, (epoch + 1) * num).key for epoch in range(4)]
    assert set(keys[0].tolist()) == set(keys[3].tolist()) == set(range(num))
    assert not set(keys[0].tolist()) & set(keys[1].tolist())


def test_without_copies_the_key_is_the_place(shards: Shards) -> None:
    pieces = Windows(shards, 61, 7, 0.3).pieces(5, 300)
    assert pieces.key.tolist() == pieces.window.tolist()


@pytest.mark.parametrize("max_sentences", [1, 2, 5])
@pytest.mark.parametrize("jitter", [True, False])
def test_pieces_of_a_few_sentences_are_the_whole_text(shards: Shards, max_sentences: int, jitter: bool) -> None:
    windows = Windows(shards, 251, 7, jitter=jitter, max_sentences=max_sentences)
    pieces = windows.pieces(0, windows.num_windows)
    counts = visits(shards, pieces)
    assert (counts[:-1] == 1).all()
    sizes = pieces.last - pieces.first
    assert set(sizes.tolist()) == set(range(1, max_sentences + 1))
    assert (shards.document_of(pieces.first) == shards.document_of(pieces.last - 1)).all()
    # only the last of a document in a window is smaller
    smaller = np.flatnonzero(sizes[:-1] < max_sentences)
    ahead, behind = pieces.document[smaller], pieces.document[smaller + 1]
    assert ((ahead != behind) | (pieces.window[smaller] != pieces.window[smaller + 1])).all()


@pytest.mark.parametrize("short", [0.0, 0.4])
def test_windows_across_documents_become_parts_of_one_document_each(shards: Shards, short: float) -> None:
    windows = Windows(shards, 251, 7, short, crosses_documents=True)
    pieces = windows.pieces(0, windows.num_windows)
    assert (visits(shards, pieces)[:-1] == 1).all()
    segments = document_segments(shards, pieces, 10**6)
    starts, ends = shards.sentences.at(pieces.first), shards.sentences.at(pieces.last)
    assert segments.lengths.sum(1).tolist() == (ends - starts).tolist()
    assert (segments.starts[:, 0] == starts).all()
    assert not segments.are_pairs
    documents_in = shards.document_of(pieces.last - 1) - shards.document_of(pieces.first) + 1
    assert (segments.lengths > 0).sum(1).tolist() == documents_in.tolist()
    assert documents_in.max() > 2


@pytest.mark.parametrize("max_tokens", range(1, 56))
def test_parts_and_what_stands_between_them_fit(three_documents: Shards, max_tokens: int) -> None:
    windows = Windows(three_documents, 100, 7, jitter=False, crosses_documents=True)
    cut = document_segments(three_documents, windows.pieces(0, 1), max_tokens)
    left, expected = max_tokens, []
    for size in (14, 7, 28):
        expected.append(max(0, min(size, left)))
        left -= size + 1
    assert cut.lengths.tolist() == [expected]
    assert cut.starts.tolist() == [[0, 14, 21]]
