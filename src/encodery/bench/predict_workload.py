"""What `encodery bench predict` and `bench serve` work on: model folders of three sizes, and texts of known lengths.

Everything is made here from seeds: weights are random, which changes nothing about speed, and the words are invented
(`prose`). Lengths are those of short requests: log-normal, mean 30 tokens, at most 128.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from encodery.bench.predict_texts import Texts
from encodery.bench.prose import make_lines
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
from encodery.text.tokenizer import Tokenizer, parse_spec, train_tokenizer

LENGTHS = (16, 64, 128, 384)
"""Tokens of a request of fixed length."""
MAX_TOKENS = 128
"""Of a text of natural length."""
LABELS = ("negative", "positive")
MEGABYTES = 4.0
VOCAB_SIZE = 30_522
_MEAN, _SIGMA, _LEAST = 30.0, 0.7, 4
_SEED = 20_181_011
_SPECIAL = 2
"""`[CLS]` and `[SEP]`."""


@dataclass(frozen=True)
class Size:
    """A model of one of the usual shapes."""

    name: str
    family: str
    layers: int
    hidden_size: int

    heads: int = 12

    def fields(self, vocab_size: int) -> dict[str, Any]:
        """As a preset has them."""
        return {
            "vocab_size": vocab_size,
            "num_hidden_layers": self.layers,
            "hidden_size": self.hidden_size,
            "num_attention_heads": self.heads,
            "intermediate_size": 4 * self.hidden_size,
        }

    def flops(self, length: int) -> float:
        """Floating-point operations of the matrix products of one text, as the whole encoder does them."""
        per_token = 2 * (4 * self.hidden_size**2 + 8 * self.hidden_size**2)
        return float(self.layers * (length * per_token + 4 * length**2 * self.hidden_size))


SIZES = {
    size.name: size
    for size in (
        Size("minilm", "bert", layers=6, hidden_size=384),
        Size("distilbert", "distilbert", layers=6, hidden_size=768),
        Size("bert", "bert", layers=12, hidden_size=768),
    )
}


def train_vocabulary(lines: Sequence[str], folder: Path, vocab_size: int = VOCAB_SIZE) -> Tokenizer:
    """WordPiece of the invented words."""
    tokenizer = train_tokenizer(parse_spec({"type": "wordpiece", "vocab_size": vocab_size}, "bench"), lines)
    tokenizer.save(folder)
    return tokenizer


def write_model(size: Size, tokenizer: Tokenizer, folder: Path) -> Path:
    """A classifier of two labels with random weights, as a folder that every side reads; what is there stays."""
    if not folder.exists():
        family = FAMILIES[size.family]
        config = family.encoder(size.fields(tokenizer.vocab_size), f"bench {size.name}")
        model = family.model(config, ["sequence"], len(LABELS))
        model.initialize(_SEED)
        folder.mkdir(parents=True)
        save_folder(folder, ModelFolder(family, model, tokenizer, LABELS))
    return folder


def make_texts(tokenizer: Tokenizer, lines: Sequence[str], natural: int, calibration: int = 384) -> Texts:
    """Texts of exactly the wanted numbers of tokens, each from another place of the lines."""
    cuts = _Cuts(tokenizer, lines)
    fixed = {length: cuts.next(length) for length in LENGTHS}
    lengths = natural_lengths(natural + calibration).tolist()
    texts = [cuts.next(length) for length in lengths]
    return Texts(fixed, texts[:natural], texts[natural:], sum(lengths[:natural]))


def natural_lengths(number: int) -> Int64[np.ndarray, " number"]:
    """Tokens of each text, special tokens counted."""
    generator = np.random.default_rng(_SEED)
    drawn = generator.lognormal(np.log(_MEAN) - _SIGMA**2 / 2, _SIGMA, number)
    return np.clip(np.round(drawn), _LEAST, MAX_TOKENS).astype(np.int64)


class _Cuts:
    """Goes through the words, and cuts off whole words that have so many tokens."""

    def __init__(self, tokenizer: Tokenizer, lines: Sequence[str]) -> None:
        self._words = [word for line in lines for word in line.split(" ")]
        self._ends = np.cumsum([0, *map(len, tokenizer.encode_batch(self._words))])
        self._place = 0

    def next(self, length: int) -> str:
        """The next words that have this many tokens with the special ones; begins again at the end."""
        for _ in range(len(self._words)):
            start = self._place
            wanted = int(self._ends[start]) + length - _SPECIAL
            stop = int(np.searchsorted(self._ends, wanted))
            self._place = stop if stop < len(self._words) else 0
            if stop < len(self._ends) and self._ends[stop] == wanted:
                return " ".join(self._words[start:stop])
        raise AssertionError(f"no words with {length} tokens")


def bench_lines() -> list[str]:
    """The lines that vocabulary and texts are of."""
    return make_lines(MEGABYTES)
