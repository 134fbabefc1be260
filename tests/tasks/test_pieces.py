"""Texts in pieces for a model that translates: nothing is lost, nothing is there twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.tasks.pieces import Piece, cut_pieces, joined
from encodery.text.byte_bpe import ByteBpeSpec
from encodery.text.encoding import Cut
from encodery.text.tokenizer import Tokenizer, train_tokenizer
from encodery.text.unigram import UnigramSpec
from tests.tasks.conftest import WORDS, make_tokenizer

TEXT = [
    "A river sees the city. The baker, who is dull, finds the river! 河が町を見る。「犬」。 Ünter früh? 3 cats."
] * 7
PLAIN = make_tokenizer()
TOKENIZERS = (
    PLAIN,
    train_tokenizer(UnigramSpec(vocab_size=47), TEXT),
    train_tokenizer(ByteBpeSpec(vocab_size=300, min_frequency=1), TEXT),
)
PARTS = st.sampled_from(
    [*WORDS, ".", "! ", "\n", "\n\n", " ", "\t", "\u2028", "dogs", "Ünter", "河が町", "。", "🐕", "x" * 23]
)


def bare(text: str) -> str:
    return "".join(text.split())


def texts(text: str, room: int, tokenizer: Tokenizer = PLAIN) -> list[str]:
    return [piece.breaks + piece.text for piece in cut_pieces(tokenizer, text, room)]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@given(st.lists(PARTS, max_size=29).map(" ".join), st.integers(5, 17))
def test_nothing_is_lost_and_nothing_is_too_long(tokenizer: Tokenizer, text: str, room: int) -> None:
    pieces = cut_pieces(tokenizer, text, room)
    assert bare("".join(piece.text for piece in pieces)) == bare(text)
    assert all(0 < len(piece.cut.ids) <= room for piece in pieces)
    assert all(piece.cut.ids == tokenizer.cut(piece.text).ids for piece in pieces)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_a_line_of_ten_thousand_words(tokenizer: Tokenizer) -> None:
    words = [WORDS[number % 7] for number in range(10_000)]
    pieces = cut_pieces(tokenizer, " ".join(words), 61)
    assert [word for piece in pieces for word in piece.text.split()] == words
    assert all(len(piece.cut.ids) <= 61 for piece in pieces)
    assert len(pieces) < 10 * min(len(cut_pieces(PLAIN, " ".join(words), 61)), 2_000)


def test_what_fits_is_one_piece_and_lines_are_apart() -> None:
    assert texts("The river. The city! ", 11) == ["The river. The city!"]
    assert texts("\n the river \r\n\n the city \n", 11) == ["the river", "\r\n\nthe city"]


def test_a_line_that_is_too_long_is_read_by_sentences() -> None:
    text = "The river sees. The city sees. The baker finds a city. The farmer?"
    assert texts(text, 7) == ["The river sees.", "The city sees.", "The baker finds a city.", "The farmer?"]


def test_a_sentence_that_is_too_long_is_parted_between_words() -> None:
    assert texts("the river sees the city and not the baker", 5) == ["the river sees the city", "and not the baker"]
    assert texts("x" * 211, 5, TOKENIZERS[2])[0] == "xxxx"  # the space that it stands behind takes one


@pytest.mark.parametrize("text", ["", " \n\t ", "\u200b"])
def test_a_text_without_tokens_has_no_pieces(text: str) -> None:
    assert cut_pieces(PLAIN, text, 5) == []


def test_a_character_of_more_tokens_than_there_is_room_for_is_not_parted() -> None:
    (piece,) = cut_pieces(TOKENIZERS[2], "🐕", 3)
    assert len(piece.cut.ids) == 5


@pytest.mark.parametrize(
    ("breaks", "translations", "text"),
    [
        (["", ""], ["Ein Hund.", "Zwei Katzen."], "Ein Hund. Zwei Katzen."),
        (["", "\n"], ["Ein Hund.", "Zwei Katzen."], "Ein Hund.\nZwei Katzen."),
        (["", ""], ["犬がいる。", "猫も。"], "犬がいる。猫も。"),
        (["", ""], ["犬がいる。", "OK"], "犬がいる。 OK"),
        (["", "", ""], ["Ein Hund.", "", "Zwei."], "Ein Hund. Zwei."),
        ([], [], ""),
    ],
)
def test_translations_are_joined(breaks: list[str], translations: list[str], text: str) -> None:
    pieces = [Piece("x", Cut([1], list), before) for before in breaks]
    assert joined(pieces, translations) == text
