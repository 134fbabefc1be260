"""Ids by memory are those of the library: for any text, in any order, again and again."""

import threading
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from encodery.text.byte_bpe import ByteBpeSpec
from encodery.text.independence import independence_of
from encodery.text.library import LibraryKind
from encodery.text.tokenizer import TokenizerSpec, train_tokenizer
from encodery.text.unigram import UnigramSpec
from encodery.text.word_memory import WordMemory
from encodery.text.wordpiece import WordPieceSpec
from tests.text.scripts import HARD, SENTENCES

SPECS: dict[str, TokenizerSpec] = {
    "uncased": WordPieceSpec(vocab_size=809, min_frequency=1),
    "cased": WordPieceSpec(vocab_size=809, min_frequency=1, lowercase=False, split_cjk=False),
    "byte-bpe": ByteBpeSpec(vocab_size=691, min_frequency=1),
    "byte-bpe-without-prefix": ByteBpeSpec(vocab_size=691, min_frequency=1, add_prefix_space=False),
    "byte-bpe-nfc": ByteBpeSpec(vocab_size=691, min_frequency=1, normalizer="nfc", special_tokens="bert"),
    "unigram": UnigramSpec(vocab_size=421, character_coverage=0.99),
}
# much white space: what stands beside a space is what matters
HARD_WORDS = (
    *HARD,
    "[MASK]",
    "[CLS]",
    "\u0301",
    "\u0d4e",
    "\r",
    "\x1c",
    "\x85",
    "\u2009",
    "\u0600 \u0301",
    "▁a",
    "[unused1]",
)
WORDS = st.sampled_from(HARD_WORDS) | st.sampled_from([word for line in SENTENCES for word in line.split()])
TEXT = st.lists(WORDS | st.sampled_from((" ", " ", " ", "  ", "\n")), max_size=17).map("".join) | st.text(max_size=7)


@pytest.fixture(scope="module", params=SPECS)
def kind(request: pytest.FixtureRequest) -> LibraryKind:
    found = train_tokenizer(SPECS[request.param], SENTENCES).kind
    assert isinstance(found, LibraryKind)
    return found


def by_library(kind: LibraryKind, texts: Sequence[str]) -> list[list[int]]:
    return [kind.backend.encode(text, add_special_tokens=False).ids for text in texts]


def memory_of(backend: tokenizers.Tokenizer, max_words: int = 1 << 12) -> WordMemory:
    def cut(texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]

    independence = independence_of(backend)
    assert independence is not None
    return WordMemory(independence, cut, max_words)


@given(st.data())
def test_any_texts_in_any_order_twice(kind: LibraryKind, data: st.DataObject) -> None:
    texts = data.draw(st.lists(TEXT, max_size=7))
    want = by_library(kind, texts)
    again = data.draw(st.permutations(range(len(texts))))
    assert [ids.tolist() for ids in kind.encode_batch(texts)] == want
    assert [ids.tolist() for ids in kind.encode_batch([texts[i] for i in again])] == [want[i] for i in again]
    assert [kind.encode_ids(texts[i], None) for i in again] == [want[i] for i in again]


@given(st.data())
def test_any_texts_looked_up_together(kind: LibraryKind, data: st.DataObject) -> None:
    texts = data.draw(st.lists(TEXT, min_size=1, max_size=7))
    want = by_library(kind, texts)
    memory = memory_of(kind.backend, max_words=29)
    for _ in range(3):
        found = memory._look_up(texts)
        known = [(ids.tolist(), ids_wanted) for ids, ids_wanted in zip(found, want, strict=True) if ids is not None]
        assert [ids for ids, _ in known] == [ids for _, ids in known]


def repeated(texts: Sequence[str]) -> list[str]:
    """So many texts that they are looked up together and all their words are worth it."""
    return list(texts) * 101


def test_texts_of_many_scripts_are_all_known(kind: LibraryKind) -> None:
    spaced = [text for text in SENTENCES if len(text) < 20 * text.count(" ")]
    assert len(spaced) == 11
    found = memory_of(kind.backend).encode_batch(repeated(spaced))
    assert None not in [None if ids is None else True for ids in found]
    assert [ids.tolist() for ids in found if ids is not None] == by_library(kind, repeated(spaced))


def test_a_memory_that_is_full_begins_anew(kind: LibraryKind) -> None:
    memory = memory_of(kind.backend, max_words=13)
    rest = 0
    for text in repeated(SENTENCES):
        (want,) = by_library(kind, [text[:40]])
        assert memory.encode(text[:40]) in (None, want)
        (found,) = memory.encode_batch([" ".join([text[:40]] * 40)])
        rest += found is None
        if found is not None:
            assert found.tolist() == by_library(kind, [" ".join([text[:40]] * 40)])[0]
    assert len(memory._known) <= 13
    assert len(memory._table) <= 13
    assert rest < 101 * 15


@pytest.mark.parametrize("spec", ["uncased", "byte-bpe", "unigram"])
def test_few_words_of_a_single_text_are_learned_at_once(spec: str) -> None:
    kind = train_tokenizer(SPECS[spec], SENTENCES).kind
    assert isinstance(kind, LibraryKind)
    memory = memory_of(kind.backend)
    text = "of these rights and freedoms is of the greatest importance"  # 9 words, 4 at a time
    assert [memory.encode(text) is None for _ in range(4)] == [True, True, False, False]


class Counted:
    """What is asked of the library."""

    def __init__(self, cut: Callable[[list[str]], list[list[int]]]) -> None:
        self.cut = cut
        self.asked: list[list[str]] = []

    def __call__(self, texts: list[str]) -> list[list[int]]:
        self.asked.append(texts)
        return self.cut(texts)


def test_text_whose_words_do_not_occur_again_is_left_to_the_library() -> None:
    kind = train_tokenizer(SPECS["uncased"], SENTENCES).kind
    assert isinstance(kind, LibraryKind)
    independence = independence_of(kind.backend)
    assert independence is not None
    counted = Counted(lambda texts: by_library(kind, texts))
    memory = WordMemory(independence, counted)
    texts = [" ".join(f"w{number}" for number in range(start, start + 100)) for start in range(0, 500, 100)]
    assert memory.encode_batch(texts) == [None] * 5
    assert [len(asked) for asked in counted.asked] == [500 // 16]


def test_a_language_without_spaces_is_the_librarys() -> None:
    kind = train_tokenizer(SPECS["unigram"], SENTENCES).kind
    assert isinstance(kind, LibraryKind)
    counted = Counted(lambda texts: by_library(kind, texts))
    independence = independence_of(kind.backend)
    assert independence is not None
    texts = [SENTENCES[8] * 3, SENTENCES[7]]
    assert WordMemory(independence, counted).encode_batch(texts) == [None, None]
    assert counted.asked == []


def test_two_threads_share_a_memory(kind: LibraryKind) -> None:
    memory = memory_of(kind.backend, max_words=61)
    texts = repeated([text for text in SENTENCES if " " in text])
    want = dict(zip(texts, by_library(kind, texts), strict=True))
    wrong: list[str] = []

    def work(order: int) -> None:
        for start in range(0, len(texts), 13):
            part = texts[start : start + 13][::order]
            together = [None if ids is None else ids.tolist() for ids in memory.encode_batch(part)]
            for runs in (together, [memory.encode(text) for text in part]):
                pairs = zip(part, runs, strict=True)
                wrong.extend(text for text, ids in pairs if ids is not None and ids != want[text])

    threads = [threading.Thread(target=work, args=(order,)) for order in (1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_long_texts_are_cut_and_joined(kind: LibraryKind) -> None:
    text = " ".join(repeated(SENTENCES[:6]))
    assert len(text) > 50_000
    (want,) = by_library(kind, [text])
    ids = kind.encode_batch([text, "a", text])
    assert [ids[0].tolist(), ids[2].tolist()] == [want, want]
    assert ids[0].dtype == np.int32
    assert kind.encode_ids(text, None) == want
    assert kind.encode_ids(text, 10)[:10] == want[:10]


def test_a_text_with_the_separator_is_the_librarys(kind: LibraryKind) -> None:
    texts = repeated([text for text in SENTENCES if len(text) < 20 * text.count(" ")])
    odd = {7: "a\0b", 13: "\0", 20: "of \0 the"}
    for index, text in odd.items():
        texts[index] = text
    found = memory_of(kind.backend).encode_batch(texts)
    assert {index for index, ids in enumerate(found) if ids is None} == odd.keys()
    assert [ids.tolist() for ids in kind.encode_batch(texts)] == by_library(kind, texts)
    assert memory_of(kind.backend)._look_up(["\0", "a\0"]) == [None, None]


def test_texts_that_promise_nothing_do_not_spoil_the_others(kind: LibraryKind) -> None:
    texts = repeated([text for text in SENTENCES if len(text) < 20 * text.count(" ")])
    texts[5], texts[17] = "x" * 50, "y" * 50 + " z"
    found = memory_of(kind.backend).encode_batch(texts)
    assert {index for index, ids in enumerate(found) if ids is None} == {5, 17}
    assert [ids.tolist() for ids in kind.encode_batch(texts)] == by_library(kind, texts)


def test_lines_end_words_where_the_tokenizer_has_it_so(kind: LibraryKind) -> None:
    texts = repeated(["of the\nrights\n", "\n", "", " of", "the  rights"])
    assert [ids.tolist() for ids in kind.encode_batch(texts)] == by_library(kind, texts)
