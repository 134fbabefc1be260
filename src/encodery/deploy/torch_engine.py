"""The engine that needs no export: the model itself, on the device where its weights are."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from encodery.batch import Batch
from encodery.model.generation import generate
from encodery.model.heads import Model
from encodery.model.search import GenerationConfig, Hypothesis, Targets
from encodery.model.translator import Translator


class TorchEngine:
    """A `Forward` that computes without gradients and without dropout, whatever mode the model is in."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def hidden(self, batch: Batch, rows: Int[Tensor, " rows"] | None = None) -> Float[Tensor, "rows hidden"]:
        """As `Forward`; of a text without a translation, what the encoder says."""
        with self._computing() as device:
            model = self.model.encoder if batch.source is None else self.model.hidden
            hidden: Tensor = model(batch.to(device), None if rows is None else rows.to(device))
            return hidden

    def logits(
        self, head: str, batch: Batch, rows: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows outputs"]:
        """As `Forward`."""
        with self._computing() as device:
            return self.model.logits(head, batch.to(device), None if rows is None else rows.to(device))

    def generate(self, source: Batch, targets: Targets, config: GenerationConfig) -> list[list[Hypothesis]]:
        """As `Generating`; the model has a decoder."""
        assert isinstance(self.model, Translator)
        spoken = targets.language_ids
        with self._computing() as device:
            there = replace(targets, language_ids=None if spoken is None else spoken.to(device))
            return generate(self.model, source.to(device), there, config)

    @contextmanager
    def _computing(self) -> Iterator[torch.device]:
        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                yield next(self.model.parameters()).device
        finally:
            self.model.train(was_training)
