"""What translations of dev data show, direction by direction: for the log and the question whether a run is stuck."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from encodery.data.translations import TranslationExample
from encodery.tasks.directions import Directions, Pair
from encodery.tasks.metrics import scores
from encodery.tasks.metrics.copying import Outputs, shared_words
from encodery.tasks.metrics.translation import Sentences, translation_sums

SEPARATOR = " "
"""Between a fact and the direction it is of: `copied en-de`."""
READ = 4000
"""Sentences of each language by which it is known which words both have."""

Rows = Mapping[Pair, Sequence[int]]


@dataclass(frozen=True)
class DevDirections:
    """The dev data of each direction."""

    examples: Sequence[TranslationExample]
    rows: Rows
    scored: frozenset[Pair]
    """Directions whose references have a BLEU, said as they are; words and short phrases by themselves have none."""
    shared: Mapping[Pair, frozenset[str]]
    """Of the directions that there are training pairs of, the words that both languages have."""

    @classmethod
    def of(
        cls, directions: Directions, train: Sequence[TranslationExample], dev: Sequence[TranslationExample]
    ) -> "DevDirections":
        """Those of `dev`; which words are shared is read of the training pairs."""
        taught, rows = (_rows(directions, examples) for examples in (train, dev))
        right = [example.translation or "" for example in dev]
        scored = frozenset(pair for pair in rows if _bleu(right, dev, rows[pair], pair) > 0)
        return cls(dev, rows, scored, {pair: _shared(train, taught[pair][:READ]) for pair in rows if pair in taught})

    def measure(self, predictions: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        """`bleu en-de` of each direction; `copied en-de`, `empty en-de` and `repeated en-de` of those that there are
        training pairs of."""
        said = [prediction["translation"] for prediction in predictions]
        found: dict[str, float] = {}
        for pair, rows in self.rows.items():
            name = SEPARATOR + "-".join(pair)
            if pair in self.scored:
                found[f"bleu{name}"] = _bleu(said, self.examples, rows, pair)
            if pair in self.shared:
                sources, outputs = [self.examples[row].text for row in rows], [said[row] for row in rows]
                facts = Outputs(sources, outputs, self.shared[pair]).facts()
                found |= {f"{fact}{name}": value for fact, value in facts.items()}
        return found


def _rows(directions: Directions, examples: Sequence[TranslationExample]) -> dict[Pair, list[int]]:
    rows: dict[Pair, list[int]] = {}
    for row, example in enumerate(examples):
        rows.setdefault(directions.find(example), []).append(row)
    return rows


def _bleu(said: Sequence[str], examples: Sequence[TranslationExample], rows: Sequence[int], pair: Pair) -> float:
    right = [examples[row].translation or "" for row in rows]
    return scores(translation_sums(Sentences([said[row] for row in rows], right, [pair[1]] * len(rows))))["bleu"]


def _shared(train: Sequence[TranslationExample], rows: Sequence[int]) -> frozenset[str]:
    return shared_words((train[row].text for row in rows), (train[row].translation or "" for row in rows))
