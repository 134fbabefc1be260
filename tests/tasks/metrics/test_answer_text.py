"""Answers as they are compared, language by language."""

import re
import string
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.tasks.metrics.answer_text import ARTICLES, mlqa_text, squad_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Cat, an a-cat!", "cat acat"),
        ("a", ""),
        ("  U.S.\tArmy\n", "us army"),
        ("theatre an-d", "theatre and"),
        ("«Ärger» — the „Test“", "«ärger» — „test“"),  # only ASCII's punctuation goes
        ("", ""),
    ],
)
def test_squad(text: str, expected: str) -> None:
    assert squad_text(text) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "The „Test“ — an A", "test"),
        ("de", "Der Hund, einem «Ding»", "hund ding"),
        ("es", "¿Los gatos y una casa?", "gatos y casa"),
        ("vi", "Những con mèo của tôi", "con mèo tôi"),
        ("hi", "एक बिल्ली।", "एक बिल्ली"),
        ("ar", "القط الكبير", "قط كبير"),
        ("zh", "在1999年，iPhone 4", "在 1999 年 iphone 4"),
    ],
)
def test_mlqa(language: str, text: str, expected: str) -> None:
    assert mlqa_text(text, language) == expected


def test_a_language_without_rules_is_refused() -> None:
    with pytest.raises(UserError) as error:
        mlqa_text("paka", "sw")
    assert str(error.value) == (
        "language = 'sw': MLQA has rules for ar, de, en, es, hi, vi, zh; leave the language out to compare by SQuAD's"
    )


def segmented(text: str) -> list[str]:
    """Chinese characters alone, the rest at white space: character by character."""
    words, word = [], ""
    for character in text:
        if "\u4e00" <= character <= "\u9fa5":
            words += [*word.split(), character]
            word = ""
        else:
            word += character
    return [*words, *word.split()]


@settings(max_examples=101)
@given(st.text(max_size=23), st.sampled_from(sorted(ARTICLES)))
def test_the_steps_in_the_order_of_the_official_script(text: str, language: str) -> None:
    punctuation = {*string.punctuation} | {c for c in set(text.lower()) if unicodedata.category(c)[0] == "P"}
    left = "".join(character for character in text.lower() if character not in punctuation)
    articles = ARTICLES[language]
    left = re.sub(articles, " ", left) if articles else left
    words = segmented(left) if language == "zh" else left.split()
    assert mlqa_text(text, language) == " ".join(words)


def test_the_last_code_point_is_no_punctuation() -> None:
    """The official script never looks at it."""
    assert unicodedata.category(chr(sys.maxunicode))[0] != "P"
