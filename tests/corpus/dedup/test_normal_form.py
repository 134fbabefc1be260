"""The normal form of CCNet and its hash, against a plain transcription of its rules."""

import hashlib
import sys
from functools import partial

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from encodery.corpus.dedup import normal_form
from encodery.corpus.dedup.blocks import blocks
from encodery.corpus.dedup.normal_form import normal_forms, paragraph_hashes
from tests.corpus.dedup import ccnet

PARAGRAPH = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"))


@pytest.mark.parametrize(
    ("paragraph", "form"),
    [
        ("  Call +44 20 7946, NOW!\t", "call +00 00 0000, now!"),
        ("٣ من ٥", "0 من 0"),
        ("「你好」，世界１。", "你好世界0"),
        ("Été\u00a0: l’été", "été\u00a0: lété"),
        ("a\tb\x85c\u200bd", "abc\u200bd"),
        ("ΟΔΟΣ ΟΔΟΣ", "οδος οδος"),
        ("İSTANBUL", "i̇stanbul"),
        (" \u2003 ", ""),
        ("…", ""),
        ("\x00 a", " a"),
    ],
)
def test_forms(paragraph: str, form: str) -> None:
    assert normal_forms([paragraph]) == [form.encode()]
    assert ccnet.normal_form(paragraph) == form


@given(st.lists(PARAGRAPH, min_size=1, max_size=7))
@example(["Σ", "ΑΣ.", "A\u0307Σ", "ΑΣ"])
def test_forms_of_any_paragraphs_are_those_of_ccnet(paragraphs: list[str]) -> None:
    assert normal_forms(paragraphs) == [ccnet.normal_form(paragraph).encode() for paragraph in paragraphs]


def test_every_character_becomes_what_ccnet_makes_of_it() -> None:
    every = [f"a{chr(code)}b" for code in range(sys.maxunicode + 1) if code != 10 and not 0xD800 <= code < 0xE000]
    expected = [form.encode() for form in ccnet.normal_form("\n".join(every).replace("\n", "|")).split("|")]
    ours = normal_forms([text for text in every if text != "a|b"])
    assert ours == [form for form in expected if form not in (b"a", b"b")]


def test_the_hash_is_the_first_eight_bytes_of_sha_1_lowest_first() -> None:
    digest = hashlib.sha1(b"hello 00").digest()
    assert paragraph_hashes([" Hello 42"]).tolist() == [int.from_bytes(digest[:8], "little")]
    assert paragraph_hashes([]).dtype == np.uint64


@given(st.lists(PARAGRAPH, max_size=7))
def test_hashes_of_any_paragraphs_are_those_of_ccnet(paragraphs: list[str]) -> None:
    assert paragraph_hashes(paragraphs).tolist() == [ccnet.line_hash(paragraph) for paragraph in paragraphs]


def test_hashes_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    paragraphs = ["Ωμέγα 1", "", "plain", "x" * 53, "ΣΑΣ"]
    whole = paragraph_hashes(paragraphs)
    monkeypatch.setattr(normal_form, "blocks", partial(blocks, characters=11))
    assert np.array_equal(paragraph_hashes(paragraphs), whole)


def test_half_pairs_of_surrogates_pass() -> None:
    first, second, third = paragraph_hashes(["a\ud800", "A\ud800", "a\udfff"])
    assert first == second != third


def test_the_list_of_punctuation_is_that_of_ccnet_but_for_the_digit() -> None:
    assert set(ccnet.PUNCTUATION) - set(normal_form.PUNCTUATION) == {"１"}
    assert set(normal_form.PUNCTUATION) <= set(ccnet.PUNCTUATION)
