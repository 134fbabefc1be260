"""Cutting long text: nothing lost, offsets right, bounded pieces."""

from hypothesis import given
from hypothesis import strategies as st

from encodery.text.pieces import MARKS, PIECE_CHARS, cut, in_calls


def test_a_short_text_is_one_piece() -> None:
    assert list(cut("")) == [(0, "")]
    assert list(cut("a b")) == [(0, "a b")]
    assert list(cut("a " * (PIECE_CHARS // 2))) == [(0, "a " * (PIECE_CHARS // 2))]


def test_a_stretch_without_a_boundary_stays_whole() -> None:
    text = "x" * (2 * PIECE_CHARS + 1)
    assert list(cut(text)) == [(0, text)]
    assert [start for start, _ in cut("b " + text + " c" * PIECE_CHARS)] == [
        0,
        2 * PIECE_CHARS + 4,
        3 * PIECE_CHARS + 4,
    ]


@given(st.integers(1, 97), st.sampled_from(" .\n。,"))
def test_pieces_join_to_the_text_and_end_at_boundaries(length: int, boundary: str) -> None:
    text = ("x" * length + boundary) * (3 * PIECE_CHARS // (length + 1))
    pieces = list(cut(text))
    assert "".join(piece for _, piece in pieces) == text
    assert len(pieces) > 1
    for start, piece in pieces:
        assert text.startswith(piece, start)
        assert piece.endswith(boundary)
        assert len(piece) <= PIECE_CHARS + length + 1


@given(st.lists(st.integers(0, 13), max_size=17), st.integers(1, 29))
def test_calls_hold_all_texts_in_order_and_hardly_more_than_asked(sizes: list[int], call_chars: int) -> None:
    texts = ["x" * size for size in sizes]
    calls = list(in_calls(texts, MARKS, call_chars))
    assert [pair for call in calls for pair in call] == list(enumerate(texts))
    for call in calls:
        assert sum(len(piece) for _, piece in call[:-1]) < call_chars
    assert all(sum(len(piece) for _, piece in call) >= call_chars for call in calls[:-1])


def test_calls_hold_the_pieces_of_long_texts() -> None:
    text = "word " * PIECE_CHARS
    calls = list(in_calls(["a", text, "b"], MARKS, PIECE_CHARS))
    assert len(calls) > 3
    pairs = [pair for call in calls for pair in call]
    assert (pairs[0], pairs[-1]) == ((0, "a"), (2, "b"))
    assert "".join(piece for index, piece in pairs if index == 1) == text
    assert len(pairs) == 2 + len(list(cut(text)))
