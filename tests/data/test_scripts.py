"""Where words end: scripts with spaces, and scripts without."""

import pytest

from encodery.data.scripts import is_in_word, is_mark, is_unspaced


@pytest.mark.parametrize("text", ["東京", "ひらがな", "カタカナ", "กรุงเทพ", "ຫລວງ", "ភ្នំពេញ", "မြန်မာ"])
def test_scripts_without_spaces(text: str) -> None:
    assert all(map(is_unspaced, text))
    assert not any(is_in_word(text, place) for place in range(len(text) + 1))


@pytest.mark.parametrize("text", ["Köln", "Москва", "القاهرة", "दिल्ली", "서울", "Αθήνα", "e\u0301a", "k9"])
def test_scripts_with_spaces(text: str) -> None:
    assert not any(map(is_unspaced, text))
    assert [is_in_word(text, place) for place in range(len(text) + 1)] == [False, *[True] * (len(text) - 1), False]


@pytest.mark.parametrize("text", ["a b", "a-b", "a.", "(a", "京a", "a京"])
def test_no_word_goes_on_here(text: str) -> None:
    assert not is_in_word(text, 1)


def test_marks() -> None:
    assert [is_mark(character) for character in "e\u0301ப்"] == [False, True, False, True]
