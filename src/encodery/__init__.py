"""Encodery: raw text in any languages in, a small, fast, good encoder in production out."""

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


def load(path: str | Path) -> "Predictor":
    """A model folder ready to predict; what `predict` returns is a list that shows itself, in a notebook as HTML.

    Raises:
        UserError: the folder is missing, damaged, or holds a model whose head has no task here.
    """
    predictor: Predictor = _imported("encodery.serve.predictor").load(
        path, _imported("encodery.report.predictions").Predictions
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
