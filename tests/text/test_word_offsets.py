"""Offsets by memory are those of the library: for any text, in any order, again and again."""

import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.text.alignment import Span
from encodery.text.independence import independence_of
from encodery.text.library import LibraryKind
from encodery.text.tokenizer import train_tokenizer
from encodery.text.word_offsets import WordOffsets
from encodery.text.wordpiece import WordPieceSpec
from tests.text.scripts import SENTENCES
from tests.text.test_word_memory import SPECS, TEXT


@pytest.fixture(scope="module", params=["uncased", "cased"])
def kind(request: pytest.FixtureRequest) -> LibraryKind:
    found = train_tokenizer(SPECS[request.param], SENTENCES).kind
    assert isinstance(found, LibraryKind)
    return found


def by_library(kind: LibraryKind, texts: Sequence[str]) -> list[tuple[list[int], list[Span]]]:
    encodings = [kind.backend.encode(text, add_special_tokens=False) for text in texts]
    return [(encoding.ids, encoding.offsets) for encoding in encodings]


def memory_of(kind: LibraryKind, max_words: int = 1 << 12) -> WordOffsets:
    independence = independence_of(kind.backend)
    assert independence is not None
    return WordOffsets(independence, lambda words: by_library(kind, words), max_words)


@given(st.lists(TEXT, max_size=5))
def test_offsets_are_those_of_the_library(kind: LibraryKind, texts: list[str]) -> None:
    memory = memory_of(kind)
    for _ in range(3):
        for text, (ids, offsets) in zip(texts, by_library(kind, texts), strict=True):
            assert memory.encode(text) in (None, (ids, offsets))
            assert kind.encode(text, None) == (ids, offsets)


def test_sentences_are_known_before_long(kind: LibraryKind) -> None:
    memory = memory_of(kind)
    plain = [text for text in SENTENCES if text.isascii()]
    for _ in range(7):
        found = [memory.encode(text) for text in plain]
    assert found == by_library(kind, plain)


def test_text_that_is_mostly_new_is_left_to_the_library(kind: LibraryKind) -> None:
    asked: list[str] = []
    independence = independence_of(kind.backend)
    assert independence is not None

    def cut(words: Sequence[str]) -> list[tuple[list[int], list[Span]]]:
        asked.extend(words)
        return by_library(kind, words)

    memory = WordOffsets(independence, cut)
    text = "one two three four five six seven"
    assert memory.encode(text) is None
    assert asked == ["one", "two", "three", "four"]
    assert [memory.encode(text)] == by_library(kind, [text])


def test_a_full_memory_begins_anew(kind: LibraryKind) -> None:
    memory = memory_of(kind, max_words=3)
    for text in ("a river", "a city", "the city", "a river a", "the river"):
        assert memory.encode(text) in (None, by_library(kind, [text])[0])
        assert len(memory._known) <= 3


def test_what_depends_on_its_surroundings_is_left_to_the_library(kind: LibraryKind) -> None:
    memory = memory_of(kind)
    for text in ("a [MASK] river", "x" * 49, "a" + "x" * 49):
        assert memory.encode(text) is None


def test_threads_may_share_it(kind: LibraryKind) -> None:
    memory = memory_of(kind, max_words=23)
    wrong: list[str] = []

    def work() -> None:
        for _ in range(17):
            for text in SENTENCES:
                if memory.encode(text) not in (None, expected[text]):
                    wrong.append(text)

    expected = dict(zip(SENTENCES, by_library(kind, SENTENCES), strict=True))
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_it_is_forgotten(kind: LibraryKind) -> None:
    kind.encode("the river", None)
    assert "_offsets" in vars(kind)
    kind.forget()
    assert "_offsets" not in vars(kind)


@pytest.mark.parametrize("name", ["byte-bpe", "unigram"])
def test_kinds_whose_offsets_are_their_own_have_none(name: str) -> None:
    other = train_tokenizer(SPECS[name], SENTENCES).kind
    assert isinstance(other, LibraryKind)
    assert other._offsets is None


def test_it_is_for_words_without_spaces() -> None:
    kind = train_tokenizer(SPECS["byte-bpe"], SENTENCES).kind
    assert isinstance(kind, LibraryKind)
    with pytest.raises(AssertionError):
        memory_of(kind)
    assert isinstance(SPECS["cased"], WordPieceSpec)
