"""Paragraphs that are there more than once, over the whole input (CCNet looks at 50 of its 1,600 shards at a time)."""

from typing import Literal

import numpy as np
from jaxtyping import Bool, UInt64
from pydantic import Field

from encodery.config import Config
from encodery.corpus.dedup.normal_form import paragraph_hashes

__all__ = ["ParagraphsConfig", "paragraph_hashes", "repeated"]


class ParagraphsConfig(Config):
    """Which copies of a paragraph stay."""

    keep: Literal["first", "none"] = Field(
        "first",
        description='"first": the first of the whole input stays; "none": as CCNet, a paragraph that several documents '
        "have goes from all of them, and of one that a single document repeats the first stays",
    )


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
    again = np.zeros(len(hashes), bool)
    again[1:] = hashes[1:] == hashes[:-1]
    if keep == "first":
        return again
    starts = np.flatnonzero(~again)
    # Equal hashes come in the order of the input, so those of one document are next to each other.
    elsewhere = again.copy()
    elsewhere[1:] &= documents[1:] != documents[:-1]
    several = np.logical_or.reduceat(elsewhere, starts) if len(starts) else np.empty(0, bool)
    return again | np.repeat(several, np.diff(starts, append=len(hashes)))
