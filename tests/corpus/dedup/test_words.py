"""Words and runs of words as hashes, against words as strings."""

import numpy as np
import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from encodery.corpus.dedup.words import Words, ngrams, words_of

TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
MIXED = st.text(st.sampled_from("aAbB1 .,\n漢字ไทคか가éÉ'́"), max_size=40)
ALONE = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")


def strings(text: str) -> list[str]:
    """The words of a text in scripts that the pattern knows, slowly."""
    found = regex.findall(rf"{ALONE.pattern}|(?:(?!{ALONE.pattern})[\p{{L}}\p{{M}}\p{{N}}])+", text)
    return ["".join(c.lower() if len(c.lower()) == 1 else c for c in word) for word in found]


def tokens(words: Words, texts: list[str]) -> list[list[str]]:
    """The first characters of each word, to see where it was found."""
    pairs = zip(words.text_starts[:-1], words.text_starts[1:], strict=True)
    return [[text[p] for p in words.positions[a:b]] for text, (a, b) in zip(texts, pairs, strict=True)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello, WORLD 42!", ["hello", "world", "42"]),
        ("l'été", ["l", "été"]),
        ("我们hello去", ["我", "们", "hello", "去"]),
        ("ภาษา", ["ภ", "า", "ษ", "า"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("한국어 말", ["한국어", "말"]),
        ("カタカナ・ﾊﾝ", ["カ", "タ", "カ", "ナ", "ﾊ", "ﾝ"]),
        ("", []),
        (" — \n", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    words = words_of([text])
    assert strings(text) == found
    assert tokens(words, [text]) == [[regex.findall(r"(?i)" + word, text)[0][0] for word in found]]
    assert words.hashes.tolist() == [words_of([word]).hashes[0] for word in found]


@given(st.lists(MIXED, max_size=5))
@example(["a", "a a", ""])
def test_equal_words_have_equal_hashes_and_different_ones_different(texts: list[str]) -> None:
    words = words_of(texts)
    expected = [word for text in texts for word in strings(text)]
    assert len(words.hashes) == len(expected)
    assert np.diff(words.text_starts).tolist() == [len(strings(text)) for text in texts]
    by_word = dict(zip(expected, words.hashes.tolist(), strict=True))
    assert [by_word[word] for word in expected] == words.hashes.tolist()
    assert len(set(by_word.values())) == len(by_word)
    assert words.alone.tolist() == [bool(ALONE.match(word)) for word in expected]


@given(st.lists(TEXT, max_size=5))
def test_texts_together_are_as_each_alone(texts: list[str]) -> None:
    together = words_of(texts)
    for number, text in enumerate(texts):
        part = slice(together.text_starts[number], together.text_starts[number + 1])
        single = words_of([text])
        assert np.array_equal(together.hashes[part], single.hashes)
        assert np.array_equal(together.positions[part], single.positions)


@given(st.lists(MIXED, max_size=5), st.integers(1, 5), st.booleans())
def test_runs_of_words(texts: list[str], size: int, shorter: bool) -> None:
    hashes, starts = ngrams(words_of(texts), size, shorter=shorter)
    expected = []
    for text in texts:
        words = strings(text)
        runs = [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]
        expected.append(runs or ([tuple(words)] if shorter and words else []))
    assert np.diff(starts).tolist() == [len(runs) for runs in expected]
    flat = [run for runs in expected for run in runs]
    by_run = dict(zip(flat, hashes.tolist(), strict=True))
    assert [by_run[run] for run in flat] == hashes.tolist()
    assert len(set(by_run.values())) == len(by_run)


def test_runs_depend_on_the_order_and_the_borders_of_words() -> None:
    hashes, _ = ngrams(words_of(["ab cd", "cd ab", "abc d", "a bcd", "AB-CD"]), 2)
    assert len(set(hashes.tolist())) == 4
    assert hashes[0] == hashes[4]


def test_no_text() -> None:
    words = words_of([])
    assert len(words.hashes) == 0
    assert words.text_starts.tolist() == [0]
    assert len(ngrams(words, 3)[0]) == 0


def test_many_different_words_have_different_hashes() -> None:
    texts = [f"{a:x}{b:c}" for a in range(4096) for b in (0x61, 0x62, 0x3B1)]
    assert len(np.unique(words_of(texts).hashes)) == len(set(texts))
