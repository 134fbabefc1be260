"""A training that is stopped before some of its steps and continued, to its end."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from encodery.errors import Interrupted
from encodery.train.trainer import Trainer

STEP = Trainer._step


def weights_after_stops(train: Callable[[], Path], stop_at: Sequence[int]) -> str:
    """The hash of the weights that `train`, which gives the model's folder, ends with."""
    for stop in stop_at:

        def stopping(self: Trainer, *given: object, stop: int = stop) -> float:
            if self.state.step == stop:
                raise Interrupted("stopped")
            return STEP(self, *given)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Trainer, "_step", stopping)
            with pytest.raises(Interrupted):
                train()
    return hashlib.sha256((train() / "model.safetensors").read_bytes()).hexdigest()
