"""Encodery: raw text in any languages in, a small, fast, good encoder in production out."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from encodery.serve.predictor import Predictor
    from encodery.train.config import TrainerConfig
    from encodery.train.trainer import Trainer

__version__ = "0.1.0"
__all__ = ["Predictor", "Trainer", "TrainerConfig", "__version__", "load"]

_HOME = {
    "Predictor": "encodery.serve.predictor",
    "Trainer": "encodery.train.trainer",
    "TrainerConfig": "encodery.train.config",
}


def load(path: str | Path, generation: Mapping[str, Any] | None = None) -> "Predictor":
    """A model folder ready to predict; what `predict` returns is a list that shows itself, in a notebook as HTML.

    `generation` is how a model that translates looks for translations, in place of what its folder says:
    `{"num_beams": 8, "num_return_sequences": 3, "length_penalty": 1.2}`.

    Raises:
        UserError: the folder is missing, damaged, or holds a model whose head has no task here; or it does not
            translate, or not so.
    """
    predictor: Predictor = _imported("encodery.serve.predictor").load(
        path,
        _imported("encodery.report.predictions").Predictions,
        asked=_imported("encodery.serve.asked").Asked(generation or {}),
    )
    return predictor


def __getattr__(name: str) -> Any:
    """Public names are imported when first used: `import encodery` alone costs no torch."""
    if name not in _HOME:
        raise AttributeError(f"module 'encodery' has no attribute {name!r}")
    return getattr(_imported(_HOME[name]), name)


def _imported(module: str) -> Any:
    import importlib

    return importlib.import_module(module)
