"""Cutting long text: nothing lost, offsets right, bounded pieces."""

from hypothesis import given
from hypothesis import strategies as st

from encodery.text.pieces import PIECE_CHARS, cut


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
