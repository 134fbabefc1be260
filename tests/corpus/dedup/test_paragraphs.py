"""Repeated paragraphs, against a plain transcription of CCNet's two ways."""

import random
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Bool

from encodery.corpus.dedup.paragraphs import ParagraphsConfig, alone, paragraph_hashes, repeated
from encodery.errors import UserError
from tests.corpus.dedup import ccnet

Keep = Literal["first", "none"]
LINES = ["Menu", "menu ", "MENU…", "Tel. 1", "Tel. 2", "…", "—", "An own sentence.", "Imprint", "Σ", "ς"]
DOCUMENTS = st.lists(st.lists(st.sampled_from(LINES), max_size=5), max_size=7)
KEEP: list[Keep] = ["first", "none"]
ORACLES = {"first": ccnet.left_by_one_pass, "none": ccnet.left_by_two_passes}


def flags(documents: list[list[str]], keep: Keep, ranges: int = 1) -> Bool[np.ndarray, " paragraphs"]:
    """Which of all paragraphs go, each range of hashes by itself."""
    hashes = paragraph_hashes([line for lines in documents for line in lines])
    owners = np.repeat(np.arange(len(documents), dtype=np.uint64), [len(lines) for lines in documents])
    go = np.zeros(len(hashes), bool)
    for part in range(ranges):
        places = np.flatnonzero(hashes % np.uint64(ranges) == part)
        places = places[np.argsort(hashes[places], kind="stable")]
        go[places] = repeated(hashes[places], owners[places], keep)
    return go


def flags_by_parts(parts: list[list[list[str]]], keep: Keep) -> Bool[np.ndarray, " paragraphs"]:
    """The same, each part decided alone first, and only one paragraph of each hash of a part compared with others."""
    go, sent, places, part_of = [], [], [], []
    size = 0
    for number, documents in enumerate(parts):
        hashes = paragraph_hashes([line for lines in documents for line in lines])
        owners = np.repeat(np.arange(len(documents), dtype=np.uint64), [len(lines) for lines in documents])
        order = np.argsort(hashes, kind="stable")
        gone, compared = alone(hashes[order], owners[order], keep)
        flagged = np.zeros(len(hashes), bool)
        flagged[order] = gone
        assert len(np.unique(hashes)) == compared.sum()
        go.append(flagged)
        sent.append(hashes[order][compared])
        places.append(order[compared] + size)
        part_of.append(np.full(compared.sum(), number, np.uint64))
        size += len(hashes)
    result, hashes = np.concatenate(go), np.concatenate(sent)
    order = np.argsort(hashes, kind="stable")
    again = repeated(hashes[order], np.concatenate(part_of)[order], keep)
    result[np.concatenate(places)[order][again]] = True
    return result


def left(documents: list[list[str]], go: Bool[np.ndarray, " paragraphs"]) -> list[list[str]]:
    one_by_one = iter(go.tolist())
    return [[line for line in lines if not next(one_by_one)] for lines in documents]


def test_a_line_that_two_documents_have() -> None:
    documents = [["_Hello", "_World", "I'm so original"], ["_world", "I'm originaler", "_Hello"]]
    assert left(documents, flags(documents, "first")) == [documents[0], ["I'm originaler"]]
    assert left(documents, flags(documents, "none")) == [["I'm so original"], ["I'm originaler"]]


def test_a_line_that_one_document_repeats_stays_once_in_both_ways() -> None:
    documents = [["Chorus", "Verse", "chorus"], ["Other"]]
    for keep in KEEP:
        assert left(documents, flags(documents, keep)) == [["Chorus", "Verse"], ["Other"]]


@pytest.mark.parametrize("keep", KEEP)
@given(documents=DOCUMENTS)
def test_what_is_left_is_what_ccnet_leaves(keep: Keep, documents: list[list[str]]) -> None:
    assert left(documents, flags(documents, keep)) == ORACLES[keep](documents)


@pytest.mark.parametrize("keep", KEEP)
@given(documents=DOCUMENTS, ranges=st.integers(1, 5))
def test_the_number_of_ranges_changes_nothing(keep: Keep, documents: list[list[str]], ranges: int) -> None:
    assert np.array_equal(flags(documents, keep, ranges), flags(documents, keep))


@pytest.mark.parametrize("keep", KEEP)
@given(parts=st.lists(DOCUMENTS, min_size=1, max_size=5))
def test_parts_decided_alone_first_come_to_the_same(keep: Keep, parts: list[list[list[str]]]) -> None:
    documents = [lines for part in parts for lines in part]
    assert np.array_equal(flags_by_parts(parts, keep), flags(documents, keep))


@pytest.mark.parametrize("keep", KEEP)
@given(documents=DOCUMENTS)
def test_a_second_time_nothing_goes(keep: Keep, documents: list[list[str]]) -> None:
    once = left(documents, flags(documents, keep))
    assert not flags(once, keep).any()


@given(documents=DOCUMENTS, seed=st.integers(0, 99))
def test_the_order_of_documents_does_not_matter_where_every_copy_goes(documents: list[list[str]], seed: int) -> None:
    order = random.Random(seed).sample(range(len(documents)), len(documents))
    shuffled = [documents[place] for place in order]
    there = left(shuffled, flags(shuffled, "none"))
    assert [there[order.index(place)] for place in range(len(documents))] == left(documents, flags(documents, "none"))


def test_one_of_each_paragraph_stays() -> None:
    documents = [["Menu", "A"], ["menu", "B"], ["MENU", "a"]]
    kept = [line for lines in left(documents, flags(documents, "first")) for line in lines]
    assert kept == ["Menu", "A", "B"]


def test_settings() -> None:
    assert ParagraphsConfig().keep == "first"
    with pytest.raises(UserError) as error:
        ParagraphsConfig.parse({"keep": "last"}, "recipe.toml")
    assert "recipe.toml: keep = 'last'" in str(error.value)
