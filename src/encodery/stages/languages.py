"""Pretraining over several languages: how often each one's text is read, and the held-out loss of each."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from encodery.batch import Batch
from encodery.data.shards import Shards
from encodery.model.heads import Model
from encodery.objectives.mixing import Objective
from encodery.objectives.phases import Course
from encodery.objectives.translation import PAIRS
from encodery.objectives.turns import NAMES
from encodery.stages.text import NO_LANGUAGE
from encodery.train.loss import Sums, mean_metrics

HEADER = ("language", "tokens", "share", "sampled", "epochs")
PERPLEXITY = "perplexity"
_MAX_EXPONENT = 700.0
_SEPARATOR = "/"
"""Between the language and the metric, where a record has one level: `sw/mlm_loss`."""


class HeldOut:
    """Text to measure a model on, always the same: of each language, where there are several, else of all."""

    def __init__(self, objective: Objective, model: Model, max_tokens: int) -> None:
        self._objective = objective
        self._model = model
        languages = objective.validation_batches_by_language(max_tokens)
        self._languages = {name or NO_LANGUAGE: list(batches) for name, batches in languages.items()}
        if len(languages.keys() - {PAIRS}) < 2:
            self._languages = {}
        whole = [batch for batches in self._languages.values() for batch in batches]
        self.batches: Sequence[Batch] = whole or list(objective.validation_batches(max_tokens))

    def measure(self) -> dict[str, float]:
        """The objective's metrics over all of it; then loss and perplexity by language, as `LANGUAGE/METRIC`."""
        if not self._languages:
            return mean_metrics(self._objective, self._model, self.batches)
        total, metrics = Sums(), {}
        for language, batches in self._languages.items():
            own = Sums()
            for sums in (self._sums(batch) for batch in batches):
                own.add(sums)
                total.add(sums)
            means = own.means()
            for name in NAMES:
                if (loss := means.get(f"{name}_loss")) is not None:
                    metrics[f"{language}{_SEPARATOR}{name}_loss"] = loss
                    perplexity = math.exp(loss) if loss < _MAX_EXPONENT else math.inf
                    metrics[f"{language}{_SEPARATOR}{_perplexity(name)}"] = perplexity
        return total.means() | metrics

    def _sums(self, batch: Batch) -> Mapping[str, tuple[float, float]]:
        device = next(self._model.parameters()).device
        return self._objective.loss(self._model, batch.to(device)).metrics


def _perplexity(name: str) -> str:
    """Of masked LM it has no other name, as there is one in most runs."""
    return PERPLEXITY if name == NAMES[0] else f"{name}_{PERPLEXITY}"


def by_language(metrics: Mapping[str, float]) -> dict[str, Any]:
    """What was measured, with that of each language under `languages`."""
    nested: dict[str, Any] = {name: value for name, value in metrics.items() if _SEPARATOR not in name}
    for name, value in metrics.items():
        language, separator, metric = name.rpartition(_SEPARATOR)
        if separator:
            nested.setdefault("languages", {}).setdefault(language, {})[metric] = value
    return nested


def exposure(course: Course[Objective], steps: int, shards: Shards) -> dict[str, dict[str, int | float]]:
    """Of each language, its tokens, their share, its share of what is read, and how often its text is read; empty
    where shards are not sorted by language."""
    epochs: dict[str, float] = {}
    for objective, start, stop in course.runs(0, steps):
        for name, more in objective.epochs_by_language(start, stop).items():
            epochs[name] = epochs.get(name, 0.0) + more
    if not epochs:
        return {}
    tokens = {name: size for name, size in shards.tokens_by_language().items() if size}
    total = sum(tokens.values())
    read = sum(epochs[name] * size for name, size in tokens.items())
    return {
        name or NO_LANGUAGE: {
            "tokens": size,
            "share": size / total,
            "sampled_share": epochs[name] * size / read,
            "epochs": epochs[name],
        }
        for name, size in tokens.items()
    }


def exposure_rows(languages: Mapping[str, Mapping[str, int | float]]) -> list[tuple[str, ...]]:
    """The same as a person reads it, under `HEADER`; the language with most text first."""
    ordered = sorted(languages.items(), key=lambda item: -item[1]["tokens"])
    return [
        (name, f"{row['tokens']:,}", f"{row['share']:.2%}", f"{row['sampled_share']:.2%}", f"{row['epochs']:.3g}")
        for name, row in ordered
    ]


def exposure_table(languages: Mapping[str, Mapping[str, int | float]]) -> Table:
    """The rows for the terminal."""
    table = Table(*HEADER, title="How often pretraining reads each language", title_justify="left")
    for row in exposure_rows(languages):
        table.add_row(*row)
    return table
