"""Offsets in all kinds, over all scripts: `text[start:end]` of a token covers what produced it."""

import random
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from encodery.text import pieces
from encodery.text.alignment import align
from encodery.text.moses import Moses
from encodery.text.pieces import PIECE_CHARS
from encodery.text.tokenizer import Tokenizer
from encodery.text.unigram import Unigram
from encodery.text.wordpiece import WordPiece
from tests.text.scripts import CHARACTERS, SENTENCES, TEXTS

KINDS = ["byte_bpe", "unigram"]
ENGLISH = Moses("en", True)
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def as_bytes(text: str) -> str:
    """Text as byte-level BPE writes it."""
    return "".join(word for word, _ in BYTES.pre_tokenize_str(text))


def check_unigram(tokenizer: Tokenizer, text: str) -> list[int]:
    kind = tokenizer.kind
    assert isinstance(kind, Unigram)
    normalize: Callable[[str], str] = kind.backend.normalizer.normalize_str
    ids, offsets = kind.encode(text, None)
    covered = check_order(text, offsets)
    for index, (start, end) in zip(ids, offsets, strict=True):
        token = tokenizer.id_to_token(index)
        assert start < end
        if index not in tokenizer.special_ids:
            assert token.removeprefix("▁") in normalize(text[start:end])
    for position, character in enumerate(text):
        # a mark behind white space goes with it: the library's compiled normaliser changes clusters as a whole
        lost = not normalize(character).strip() or not normalize(text[max(position - 1, 0) : position + 1]).strip()
        assert position in covered or lost, f"{character!r} at {position} has no token"
    return ids


def check_wordpiece(tokenizer: Tokenizer, text: str) -> list[int]:
    kind = tokenizer.kind
    assert isinstance(kind, WordPiece)
    normalize: Callable[[str], str] = kind.backend.normalizer.normalize_str
    ids, offsets = kind.encode(text, None)
    covered = check_order(text, offsets)
    last = 0
    for index, (start, end) in zip(ids, offsets, strict=True):
        token = tokenizer.id_to_token(index)
        assert last - 1 <= start < end  # tokens share a character that became several, and no more
        last = end
        if index == tokenizer.unk_token_id:
            assert kind.encode(text[start:end], None)[0] == [index]
        elif index in tokenizer.special_ids:
            assert text[start:end] == token
        else:
            assert token.removeprefix("##") in normalize(text[start:end])
    for position, character in enumerate(text):
        assert position in covered or not normalize(character).strip(), f"{character!r} at {position} has no token"
    return ids


def check_byte_bpe(tokenizer: Tokenizer, text: str) -> list[int]:
    ids, offsets = tokenizer.kind.encode(text, None)
    covered = check_order(text, offsets)
    for index, (start, end) in zip(ids, offsets, strict=True):
        token = tokenizer.id_to_token(index)
        if index not in tokenizer.special_ids:
            # spaces are trimmed from offsets, as RoBERTa's tokenizer in `transformers` does
            assert token.strip("Ġ") in as_bytes(text[start:end])
    for position, character in enumerate(text):
        assert position in covered or character == " ", f"{character!r} at {position} has no token"
    return ids


@cache
def words_of(text: str) -> list[str]:
    return ENGLISH.words(text)


def check_moses_bpe(tokenizer: Tokenizer, text: str) -> list[int]:
    ids, offsets = tokenizer.kind.encode(text, None)
    covered = check_order(text, offsets)
    for index, (start, end) in zip(ids, offsets, strict=True):
        token = tokenizer.id_to_token(index).removesuffix("</w>").replace("ς", "σ")
        assert start < end
        if index not in tokenizer.special_ids and token.isalnum():
            assert token in "".join(words_of(text[start:end])).replace("ς", "σ")
    for position, character in enumerate(text):
        assert position in covered or not words_of(character), f"{character!r} at {position} has no token"
    return ids


def check_order(text: str, offsets: list[tuple[int, int]]) -> set[int]:
    """Offsets lie in the text and never go back; the characters that they cover."""
    last = 0
    for start, end in offsets:
        assert 0 <= last <= start <= end <= len(text)
        last = start
    return {position for start, end in offsets for position in range(start, end)}


@settings(max_examples=400)
@given(TEXTS)
@example("a\u0303 p\u0303")
@example("ﬁ…½ ㍿<mask>ﬁ")
@example(" <mask> Ａ</s>\u200b")
def test_unigram(unigram: Tokenizer, text: str) -> None:
    check_unigram(unigram, text)


@settings(max_examples=400)
@given(TEXTS)
@example("[MASK]e\u0301[UNK] [SEP]x\u0301\u0327y \u0301 [PAD")
@example("İﬁ 漢字a\u0303\u200bb 각\u1112\u1161\u11ab" + "x" * 101)
def test_wordpiece(wordpiece: Tokenizer, cased_wordpiece: Tokenizer, text: str) -> None:
    check_wordpiece(wordpiece, text)
    check_wordpiece(cased_wordpiece, text)


@settings(max_examples=400)
@given(TEXTS)
@example("👩🏽a\u0303")
@example("<mask>a <mask> ﬁ")
def test_byte_bpe(byte_bpe: Tokenizer, text: str) -> None:
    check_byte_bpe(byte_bpe, text)


@settings(max_examples=300)
@given(TEXTS)
@example('x.", „a“ e\u0301 \u0301y «\u00a05\u00a0000 %\u00a0»…')
@example("<special1>İ ﬁ</s> DOTDOTMULTI")
def test_moses_bpe(moses_bpe: Tokenizer, text: str) -> None:
    check_moses_bpe(moses_bpe, text)


CHECKS = {
    "wordpiece": check_wordpiece,
    "cased_wordpiece": check_wordpiece,
    "unigram": check_unigram,
    "byte_bpe": check_byte_bpe,
    "moses_bpe": check_moses_bpe,
}


@pytest.mark.parametrize("kind", CHECKS)
def test_ten_thousand_random_strings(kind: str, request: pytest.FixtureRequest) -> None:
    tokenizer: Tokenizer = request.getfixturevalue(kind)
    draw = random.Random(11)
    texts = ["".join(draw.choices(CHARACTERS, k=draw.randrange(13))) for _ in range(10_000)]
    tokens: list[int] = []
    for text, ids in zip(texts, tokenizer.encode_batch(texts), strict=True):
        assert CHECKS[kind](tokenizer, text) == ids.tolist()
        tokens += ids.tolist()
    if CHECKS[kind] is check_wordpiece:  # an unknown word hides where its letters are
        assert tokens.count(tokenizer.unk_token_id) < len(tokens) / 7


@pytest.mark.parametrize("kind", KINDS)
def test_long_texts_give_the_ids_and_offsets_of_the_whole(kind: str, request: pytest.FixtureRequest) -> None:
    tokenizer: Tokenizer = request.getfixturevalue(kind)
    text = "\n".join([*SENTENCES, "ﬁ  a\u0303 <mask>, \n don't"] * (2 * PIECE_CHARS // 1000))
    backend: Any = tokenizer.kind.backend  # type: ignore[attr-defined]
    ids, offsets = tokenizer.kind.encode(text, None)
    assert len(text) > 2 * PIECE_CHARS
    assert ids == backend.encode(text, add_special_tokens=False).ids
    assert ids == tokenizer.encode_batch([text])[0].tolist()
    shift = len(text) - len("don't")
    assert offsets[-2:] == [(a + shift, b + shift) for a, b in tokenizer.kind.encode("don't", None)[1]][-2:]


@settings(max_examples=200)
@given(TEXTS)
def test_ids_with_and_without_offsets_agree(byte_bpe: Tokenizer, unigram: Tokenizer, text: str) -> None:
    for tokenizer in (byte_bpe, unigram):
        assert tokenizer.encode(text).input_ids[1:-1] == tokenizer.encode_batch([text])[0].tolist()


@settings(max_examples=400)
@given(st.lists(TEXTS).map(" ".join))
@example("a \n\n b")
@example("ﬁ \r\n")
@example("x <mask>  <mask>\n\u0301 y")
@example("ﬁﬁ \u0600é")
def test_cutting_changes_no_token(byte_bpe: Tokenizer, unigram: Tokenizer, text: str) -> None:
    for tokenizer in (byte_bpe, unigram):
        ids, spans = tokenizer.kind.encode(text, None)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pieces, "PIECE_CHARS", 1)
            cut_ids, cut_spans = tokenizer.kind.encode(text, None)
        assert cut_ids == ids
        # characters that interact in a way we do not know of widen the spans of their piece only
        assert all(a <= c and d <= b for (a, b), (c, d) in zip(spans, cut_spans, strict=True))


def check_udhr(texts: dict[str, str], kind: str, tokenizer: Tokenizer) -> int:
    lines = [line for text in texts.values() for line in text.splitlines()]
    for line in lines:
        CHECKS[kind](tokenizer, line)
    return len(lines)


@pytest.mark.parametrize("kind", CHECKS)
def test_offsets_in_some_languages(udhr: dict[str, str], kind: str, request: pytest.FixtureRequest) -> None:
    some = {name: text[:2003] for name, text in list(udhr.items())[::5]}
    assert check_udhr(some, kind, request.getfixturevalue(kind)) > 1000


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_spans_of_whole_texts_stay_narrow(udhr: dict[str, str], unigram: Tokenizer, line_end: str) -> None:
    """Characters that interact are next to each other: no text makes the alignment fall back to words."""
    assert isinstance(unigram.kind, Unigram)
    normalize: Callable[[str], str] = unigram.kind.backend.normalizer.normalize_str
    for text in list(udhr.values())[::7]:
        spans = align(line_end.join(text[:3001].splitlines()), normalize)
        assert max([end - start for start, end in spans], default=0) <= 3


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", CHECKS)
def test_offsets_in_all_languages(udhr: dict[str, str], kind: str, request: pytest.FixtureRequest) -> None:
    assert check_udhr(udhr, kind, request.getfixturevalue(kind)) == 81_831
