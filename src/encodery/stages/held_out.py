"""Held-out text, and what a model loses on it: of each language, where there are several."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from encodery.batch import Batch
from encodery.model.heads import Model
from encodery.objectives.mixing import Objective
from encodery.objectives.translation import PAIRS
from encodery.objectives.turns import NAMES
from encodery.stages.text import NO_LANGUAGE
from encodery.train.loss import Loss, Sums, mean_metrics

PERPLEXITY = "perplexity"
TAUGHT = ("ce", "cos")
"""Terms of distillation, which have no perplexity."""
_MAX_EXPONENT = 700.0
_SEPARATOR = "/"
"""Between the language and the metric, where a record has one level: `sw/mlm_loss`."""


class HeldOut:
    """Text to measure a model on, always the same: of each language, where there are several, else of all."""

    def __init__(self, objective: Objective, model: Model, max_tokens: int, loss: Loss | None = None) -> None:
        """`loss`: what is measured, if it is not that of the objective which the text is for."""
        self._loss = loss or objective
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
            return mean_metrics(self._loss, self._model, self.batches)
        total, metrics = Sums(), {}
        for language, batches in self._languages.items():
            own = Sums()
            for sums in (self._sums(batch) for batch in batches):
                own.add(sums)
                total.add(sums)
            means = own.means()
            for name in (*NAMES, *TAUGHT):
                if (loss := means.get(f"{name}_loss")) is None:
                    continue
                metrics[f"{language}{_SEPARATOR}{name}_loss"] = loss
                if name in NAMES:
                    perplexity = math.exp(loss) if loss < _MAX_EXPONENT else math.inf
                    metrics[f"{language}{_SEPARATOR}{_perplexity(name)}"] = perplexity
        return total.means() | metrics

    def _sums(self, batch: Batch) -> Mapping[str, tuple[float, float]]:
        device = next(self._model.parameters()).device
        return self._loss.loss(self._model, batch.to(device)).metrics


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
