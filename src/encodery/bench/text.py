"""The text that both sides of a benchmark train on: made here from a seed, so that it needs nothing from outside.

Token frequencies follow Zipf's law and lengths a lognormal distribution cut at 128 (mean 48.5 with the special
tokens), so that batches of 32 texts, padded to their longest, hold 2.56 times as many positions as tokens: about what
English paragraphs give. Nothing in a training step depends on what the tokens mean.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int64, UInt16

from encodery.data.shard_writer import write_shards

VOCAB_SIZE = 30_522
MAX_SEQLEN = 128
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD_TOKEN_ID, UNK_TOKEN_ID, CLS_TOKEN_ID, SEP_TOKEN_ID, MASK_TOKEN_ID = range(5)
NUM_TEXTS = 20_160
"""Whole steps of 84 and of 1,344 texts, so that no epoch ends in a smaller step."""
BLOCKS_MULTIPLE = 512
"""Packed blocks come in whole steps of 8, 32 and 512."""

Layout = Literal["natural", "packed"]

_SPAN = MAX_SEQLEN - 2
_SENTENCE_TOKENS = 63
_LENGTH_SIGMA, _LENGTH_MEAN, _LENGTH_MIN = 0.7, 51.0, 8
_ZIPF_SHIFT = 2.7
_SEED = 20_181_011
_TEXT, _VOCAB = "text.npz", "vocab.txt"


@dataclass(frozen=True)
class Text:
    """Texts laid end to end, without special tokens."""

    ids: UInt16[np.ndarray, " tokens"]
    lengths: Int64[np.ndarray, " texts"]
    """Tokens of each text."""

    @classmethod
    def make(cls, num_texts: int = NUM_TEXTS) -> "Text":
        """The benchmark's text; the same on every machine."""
        generator = np.random.default_rng(_SEED)
        location = np.log(_LENGTH_MEAN) - _LENGTH_SIGMA**2 / 2
        drawn = generator.lognormal(location, _LENGTH_SIGMA, num_texts)
        lengths = np.clip(np.round(drawn), _LENGTH_MIN, MAX_SEQLEN).astype(np.int64) - 2
        weights = 1.0 / (np.arange(VOCAB_SIZE - len(SPECIAL_TOKENS)) + _ZIPF_SHIFT)
        shares = np.cumsum(weights / weights.sum())
        ranks = np.searchsorted(shares[:-1], generator.random(int(lengths.sum())), side="right")
        return cls((ranks + len(SPECIAL_TOKENS)).astype(np.uint16), lengths)

    @classmethod
    def load(cls, folder: Path) -> "Text":
        """The text that `write_workload` left in a folder."""
        with np.load(folder / _TEXT) as arrays:
            return cls(arrays["ids"], arrays["lengths"])

    def sequences(self, layout: Layout) -> list[UInt16[np.ndarray, " _"]]:
        """What becomes one training sequence each: the texts as they are, or even blocks cut from all of them."""
        if layout == "natural":
            return np.split(self.ids, np.cumsum(self.lengths)[:-1])
        whole = len(self.ids) // (_SPAN * BLOCKS_MULTIPLE) * _SPAN * BLOCKS_MULTIPLE
        return list(self.ids[:whole].reshape(-1, _SPAN))

    def documents(self, layout: Layout) -> list[list[UInt16[np.ndarray, " _"]]]:
        """The same as documents of sentences. Packed: one document, whose windows fill every sequence to the brim."""
        if layout == "natural":
            return [[text] for text in self.sequences(layout)]
        stream = np.concatenate(self.sequences(layout))
        return [list(stream.reshape(-1, _SENTENCE_TOKENS))]

    def mean_tokens(self, layout: Layout) -> float:
        """Mean tokens of a sequence, its two special tokens included."""
        return float(MAX_SEQLEN if layout == "packed" else self.lengths.mean() + 2)


def padding_ratio(lengths: Int64[np.ndarray, " texts"], texts_per_batch: int) -> float:
    """Positions per token when texts are batched as they come and padded to the longest of their batch."""
    whole = len(lengths) // texts_per_batch * texts_per_batch
    batches = lengths[:whole].reshape(-1, texts_per_batch)
    return float(batches.max(axis=1).sum() * texts_per_batch / batches.sum())


def write_workload(text: Text, folder: Path) -> None:
    """Everything that both sides read: the text, a vocabulary file, and token shards for either layout."""
    np.savez(folder / _TEXT, ids=text.ids, lengths=text.lengths)
    words = [f"w{number}" for number in range(VOCAB_SIZE - len(SPECIAL_TOKENS))]
    vocabulary_file(folder).write_text("\n".join([*SPECIAL_TOKENS, *words]) + "\n", encoding="utf-8")
    layouts: tuple[Layout, ...] = ("natural", "packed")
    for layout in layouts:
        shards_folder(folder, layout).mkdir()
        write_shards(text.documents(layout), shards_folder(folder, layout), VOCAB_SIZE)


def vocabulary_file(folder: Path) -> Path:
    """The vocabulary, one token a line."""
    return folder / _VOCAB


def shards_folder(folder: Path, layout: Layout) -> Path:
    """The token shards of a layout."""
    return folder / f"shards-{layout}"
