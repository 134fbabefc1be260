"""Pairs of sentences that both sides of `encodery bench translate` read: made here from a seed.

Lengths are those of Multi30k (29,000 captions, English to German; Elliott et al. 2016), as a lognormal distribution
fitted to its words and punctuation marks: 13.1 and 12.6 on average, correlated at 0.85. Padded to their longest,
random batches of 64 hold about twice as many positions as tokens. Nothing in a step depends on what they mean.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from encodery.batch import IGNORE_INDEX, Batch, Sequence, pack

PAD_TOKEN_ID, END_TOKEN_ID, START_TOKEN_ID = range(3)
SPECIAL_TOKENS = 3
LONGEST = 64
_MEAN_LOGS, _SPREADS, _CORRELATION = (2.53, 2.48), (0.30, 0.33), 0.85
_SEED = 20_160_501


@dataclass(frozen=True)
class Pairs:
    """Some pairs; the tokens that begin and end a sentence are not among them."""

    sources: list[Int64[np.ndarray, " _"]]
    targets: list[Int64[np.ndarray, " _"]]

    @classmethod
    def make(cls, vocab_size: int, count: int) -> "Pairs":
        """The same on every machine."""
        generator = np.random.default_rng(_SEED)
        common, own = generator.standard_normal((2, count))
        other = _CORRELATION * common + (1 - _CORRELATION**2) ** 0.5 * own
        sides = []
        for mean, spread, drawn in zip(_MEAN_LOGS, _SPREADS, (common, other), strict=True):
            lengths = np.clip(np.round(np.exp(mean + spread * drawn)), 2, LONGEST).astype(np.int64)
            ids = generator.integers(SPECIAL_TOKENS, vocab_size, int(lengths.sum()))
            sides.append(np.split(ids, np.cumsum(lengths)[:-1]))
        return cls(*sides)

    @property
    def tokens(self) -> int:
        """What the encoder reads and the decoder says: every sentence with its end."""
        return sum(len(ids) + 1 for side in (self.sources, self.targets) for ids in side)

    def batches(self, size: int) -> list["Pairs"]:
        """So many pairs each, as they come; what is left over is left out."""
        starts = range(0, len(self.sources) - size + 1, size)
        return [Pairs(self.sources[i : i + size], self.targets[i : i + size]) for i in starts]

    def source_batch(self) -> Batch:
        """The sources alone, packed."""
        return pack([Sequence([*ids.tolist(), END_TOKEN_ID]) for ids in self.sources])

    def batch(self) -> Batch:
        """Packed for training: the decoder reads a target behind the start, and says it with its end."""
        return pack(
            [
                Sequence(
                    [START_TOKEN_ID, *target.tolist()],
                    token_labels=[*target.tolist(), END_TOKEN_ID],
                    source=Sequence([*source.tolist(), END_TOKEN_ID]),
                )
                for source, target in zip(self.sources, self.targets, strict=True)
            ]
        )

    def padded(self) -> dict[str, Int64[np.ndarray, "pairs longest"]]:
        """The same for `transformers`: padded to the longest, no label where there is padding."""
        sources = [np.append(ids, END_TOKEN_ID) for ids in self.sources]
        targets = [np.append(ids, END_TOKEN_ID) for ids in self.targets]
        return {
            "input_ids": _pad(sources, PAD_TOKEN_ID),
            "attention_mask": _pad([np.ones_like(ids) for ids in sources], 0),
            "labels": _pad(targets, IGNORE_INDEX),
        }


def _pad(rows: list[Int64[np.ndarray, " _"]], fill: int) -> Int64[np.ndarray, "rows longest"]:
    padded = np.full((len(rows), max(map(len, rows))), fill, np.int64)
    for number, row in enumerate(rows):
        padded[number, : len(row)] = row
    return padded
