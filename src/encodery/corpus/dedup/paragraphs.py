"""Paragraphs that are there more than once in the whole input (CCNet: in 50 of its 1,600 shards at a time)."""

from typing import Literal

import numpy as np
from jaxtyping import Bool, UInt64

from encodery.config import Config
from encodery.corpus.dedup.normal_form import paragraph_hashes

__all__ = ["ParagraphsConfig", "alone", "paragraph_hashes", "repeated"]


class ParagraphsConfig(Config):
    """Which copies of a paragraph stay."""

    keep: Literal["first", "none"] = "first"
    """`first`: the first of the whole input. `none`: as CCNet, a paragraph that several documents have goes from all
    of them, and of one that a single document repeats the first stays."""


def repeated(
    hashes: UInt64[np.ndarray, " paragraphs"],
    documents: UInt64[np.ndarray, " paragraphs"],
    keep: Literal["first", "none"],
) -> Bool[np.ndarray, " paragraphs"]:
    """Which paragraphs go, of all those of one range of hashes.

    Args:
        hashes: sorted, and where they are equal in the order of the input.
        documents: numbers that tell documents apart, for each paragraph that of its own.
    """
    again = _again(hashes)
    return again if keep == "first" else again | _in_several(again, documents)


def alone(
    hashes: UInt64[np.ndarray, " paragraphs"],
    documents: UInt64[np.ndarray, " paragraphs"],
    keep: Literal["first", "none"],
) -> tuple[Bool[np.ndarray, " paragraphs"], Bool[np.ndarray, " paragraphs"]]:
    """What a part of the input tells without the others: which of its paragraphs go in any case, and which have to be
    compared with those of the other parts, one of each hash. However often a paragraph is there (a menu, a licence),
    all parts together then compare no more copies of it than there are parts, so memory stays bounded.

    Of the compared ones, `repeated` with the parts as documents tells the rest. What goes stays gone: the one that is
    compared may be among those that went.

    Args:
        hashes, documents: of this part, as for `repeated`.
    """
    return repeated(hashes, documents, keep), ~_again(hashes)


def _again(hashes: UInt64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Whether each is the same as the one before it."""
    again = np.zeros(len(hashes), bool)
    again[1:] = hashes[1:] == hashes[:-1]
    return again


def _in_several(again: Bool[np.ndarray, " n"], documents: UInt64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Whether several documents have the paragraph. Equal ones come in the order of the input, so those of one
    document are next to each other."""
    starts = np.flatnonzero(~again)
    if not len(starts):
        return again
    changes = again.copy()
    changes[1:] &= documents[1:] != documents[:-1]
    return np.repeat(np.logical_or.reduceat(changes, starts), np.diff(starts, append=len(again)))
