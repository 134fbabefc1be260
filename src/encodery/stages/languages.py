"""Pretraining over several languages: how often each one's text is read, and the held-out loss of each."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from encodery.batch import Batch
from encodery.data.shards import Shards
from encodery.model.heads import Model
from encodery.objectives.objective import Pretraining
from encodery.recipe import PretrainTable
from encodery.stages.text import NO_LANGUAGE
from encodery.train.loss import Sums, mean_metrics

HEADER = ("language", "tokens", "share", "sampled", "epochs")
PERPLEXITY = "perplexity"
_MAX_EXPONENT = 700.0
_SEPARATOR = "/"
"""Between the language and the metric, where a record has one level: `sw/mlm_loss`."""


class HeldOut:
    """Text to measure a model on, always the same: of each language, where there are several, else of all."""

    def __init__(self, objective: Pretraining, model: Model, max_tokens: int) -> None:
        self._objective = objective
        self._model = model
        languages = objective.validation_batches_by_language(max_tokens)
        self._languages = {name or NO_LANGUAGE: list(batches) for name, batches in languages.items()}
        if len(languages) < 2:
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
            loss = own.means().get("mlm_loss", math.nan)
            metrics[f"{language}{_SEPARATOR}mlm_loss"] = loss
            metrics[f"{language}{_SEPARATOR}{PERPLEXITY}"] = math.exp(loss) if loss < _MAX_EXPONENT else math.inf
        return total.means() | metrics

    def _sums(self, batch: Batch) -> Mapping[str, tuple[float, float]]:
        device = next(self._model.parameters()).device
        return self._objective.loss(self._model, batch.to(device)).metrics


def by_language(metrics: Mapping[str, float]) -> dict[str, Any]:
    """What was measured, with that of each language under `languages`."""
    nested: dict[str, Any] = {name: value for name, value in metrics.items() if _SEPARATOR not in name}
    for name, value in metrics.items():
        language, separator, metric = name.rpartition(_SEPARATOR)
        if separator:
            nested.setdefault("languages", {}).setdefault(language, {})[metric] = value
    return nested


def exposure(
    full: Pretraining, short: Pretraining | None, table: PretrainTable, shards: Shards
) -> dict[str, dict[str, int | float]]:
    """Of each language, its tokens, their share, its share of what is read, and how often its text is read; empty
    where shards are not sorted by language."""
    begin = table.seqlen_warmup.steps if short and table.seqlen_warmup else 0
    early = short.epochs_by_language(0, begin) if short else {}
    epochs = {name: early.get(name, 0.0) + more for name, more in full.epochs_by_language(begin, table.steps).items()}
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
