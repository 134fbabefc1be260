"""Counts of words, against counting them one by one."""

import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.dedup.words import words_of
from encodery.corpus.languages import language_code
from encodery.corpus.page import Page
from encodery.corpus.scripts import BLOCKS_WITHOUT_SPACES
from encodery.corpus.steps.punctuation import PUNCTUATION, TERMINAL
from encodery.corpus.steps.words import has_words, split_words, word_counts


def slowly(text: str) -> list[int]:
    words = text.split()
    real = [word for word in words if not set(word) <= PUNCTUATION]
    return [len(words), len(real), sum(map(len, real)), sum(any(map(str.isalpha, word)) for word in words)]


@given(st.lists(st.text(st.sampled_from("aZ漢1 .!\n\t\x1f\u3000\u2028…،") | st.characters(codec="utf-8"))))
def test_counts(texts: list[str]) -> None:
    counts = word_counts(texts)
    assert [[int(values[i]) for values in counts] for i in range(len(texts))] == [slowly(text) for text in texts]


@given(st.lists(st.text(st.sampled_from("aZ漢1 .!\n\t\x1f\u3000\u2028…،\x85") | st.characters())))
def test_split(texts: list[str]) -> None:
    found = split_words(texts)
    numbers: dict[int, str] = {}
    for text, first, behind in zip(texts, found.starts[:-1], found.starts[1:], strict=True):
        words = text.encode("utf-8", "replace").decode().split()
        assert found.lengths[first:behind].tolist() == [len(word) for word in words]
        for number, word in zip(found.numbers[first:behind].tolist(), words, strict=True):
            assert numbers.setdefault(number, word) == word
    assert len(set(numbers.values())) == len(numbers)


def test_half_a_pair() -> None:
    assert [values.tolist() for values in word_counts(["\udc80 a"])] == [[2], [2], [2], [1]]


def test_which_texts_have_words() -> None:
    thai, english = "นี่คือบ้านหลังเล็ก", "a small house"
    assert not has_words(Page(thai, "a"))
    assert has_words(Page(english, "a"))
    assert has_words(Page("이것은 작은 집입니다", "a"))
    assert has_words(Page(thai, "a", language="en"))
    assert not has_words(Page(english, "a", language="th"))
    assert has_words(Page("123 ...", "a"))
    assert has_words(Page("", "a"))


def test_rules_on_words_and_near_duplicates_mean_the_same_scripts() -> None:
    """Each letter that is a word by itself there is in a text without words here, in whatever language."""
    edges = {edge + step for block in BLOCKS_WITHOUT_SPACES for edge in block for step in (-1, 0, 1)}
    codes = sorted(edges.union(range(0, 0x110000, 11)))
    letters = [chr(code) for code in codes if unicodedata.category(chr(code))[0] == "L"]
    alone = words_of(letters).alone
    assert 8_000 < alone.sum() < len(letters) - 2_000
    assert [has_words(Page(letter, "a")) for letter in letters] == (~alone).tolist()


@pytest.mark.parametrize("code", ["bod", "cmn_hans", "cmn_hant", "dzo", "iii", "jpn", "khm", "lao", "mya", "tha"])
def test_the_languages_whose_declarations_have_no_spaces_between_words(shared_data: Path, code: str) -> None:
    with zipfile.ZipFile(shared_data / "text" / "udhr" / "udhr2.zip") as archive:
        text = archive.read(f"udhr2/{code}.txt").decode()
    assert not has_words(Page(text, "a"))
    assert not has_words(Page(text, "a", language=language_code(code)))


def test_punctuation_is_datatrove_s() -> None:
    text = pytest.importorskip("datatrove.utils.text")
    assert text.TERMINAL_PUNCTUATION == TERMINAL
    assert text.PUNCTUATION_SET == PUNCTUATION
