"""Noise for denoising auto-encoding: words of a sentence in another order, left out or blanked, to be told as it was.

As Lample et al. 2018 have it ("Unsupervised machine translation using monolingual corpora only", section 2.3), with
the settings of XLM (Conneau and Lample 2019; `--word_shuffle 3 --word_dropout 0.1 --word_blank 0.1`).
"""

import numpy as np
from jaxtyping import Bool, Int64, UInt64
from pydantic import Field

from encodery.config import Config
from encodery.data.keyed_random import extend, name, uniform
from encodery.data.shards import flat_ranges
from encodery.objectives.vocabulary import Vocabulary

_SHUFFLE, _DROP, _BLANK = name("denoise: shuffle"), name("denoise: drop"), name("denoise: blank")


class NoiseConfig(Config):
    """What is done to the words of a sentence, in this order."""

    word_shuffle: float = Field(default=3.0, ge=0.0)
    """No word moves further than so many places."""
    word_drop: float = Field(default=0.1, ge=0.0, lt=1.0)
    """The share of words that are left out; one of a sentence always stays."""
    word_blank: float = Field(default=0.1, ge=0.0, lt=1.0)
    """The share of words whose tokens become the mask token."""


def noisy(
    ids: Int64[np.ndarray, " tokens"],
    streams: UInt64[np.ndarray, " sentences"],
    bounds: Int64[np.ndarray, " bounds"],
    config: NoiseConfig,
    vocabulary: Vocabulary,
) -> list[Int64[np.ndarray, " _"]]:
    """Each sentence `ids[bounds[i] : bounds[i + 1]]`, which has a token at least, with noise: a function of its words
    and `streams[i]` alone, whatever stands beside it."""
    starts = np.flatnonzero(_begins_word(ids, bounds, vocabulary))
    sizes = np.diff(starts, append=len(ids))
    owner = np.searchsorted(bounds, starts, "right") - 1
    first = np.searchsorted(starts, bounds[:-1])
    place = np.arange(len(starts)) - first[owner]
    stream = streams[owner]
    # a word at i goes to where i + U(0, k + 1) stands among the others (the paper; XLM's code draws from U(0, k))
    wanted = place + uniform(extend(stream, _SHUFFLE, place)) * (
        config.word_shuffle + 1 if config.word_shuffle else 0
    )
    order = np.lexsort((wanted, owner))
    order = order[_stays(uniform(extend(stream, _DROP, place)), owner, first, config.word_drop)[order]]
    blank = uniform(extend(stream, _BLANK, place)) < config.word_blank
    told = ids[flat_ranges(starts[order], sizes[order])]
    told[np.repeat(blank[order], sizes[order])] = vocabulary.mask_token_id
    lengths = np.bincount(owner[order], sizes[order], len(streams)).astype(np.int64)
    return np.split(told, np.cumsum(lengths)[:-1])


def _begins_word(
    ids: Int64[np.ndarray, " tokens"], bounds: Int64[np.ndarray, " bounds"], vocabulary: Vocabulary
) -> Bool[np.ndarray, " tokens"]:
    """Whether a token is the first of a word; none reaches from one sentence into the next."""
    begins: Bool[np.ndarray, " tokens"] = ~vocabulary.continues_word[ids]
    if vocabulary.ends_word is not None:
        begins[1:] |= vocabulary.ends_word[ids[:-1]]
    begins[bounds[:-1]] = True
    return begins


def _stays(
    draws: np.ndarray, owner: Int64[np.ndarray, " words"], first: Int64[np.ndarray, " sentences"], share: float
) -> Bool[np.ndarray, " words"]:
    """Whether a word is not dropped; of a sentence that would lose all, the one with the highest draw stays."""
    stays: Bool[np.ndarray, " words"] = draws >= share
    highest = np.maximum.reduceat(draws, first)
    stays |= (draws == highest[owner]) & ~np.logical_or.reduceat(stays, first)[owner]
    return stays
