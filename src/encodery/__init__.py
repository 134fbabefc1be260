"""Encodery: raw text in any languages in, a small, fast, good encoder in production out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from encodery.serve.predictor import Predictor, load
    from encodery.train.config import TrainerConfig
    from encodery.train.trainer import Trainer

__version__ = "0.1.0"
__all__ = ["Predictor", "Trainer", "TrainerConfig", "__version__", "load"]

_HOME = {
    "Predictor": "encodery.serve.predictor",
    "Trainer": "encodery.train.trainer",
    "TrainerConfig": "encodery.train.config",
    "load": "encodery.serve.predictor",
}


def __getattr__(name: str) -> Any:
    """Public names are imported when first used: `import encodery` alone costs no torch."""
    if name not in _HOME:
        raise AttributeError(f"module 'encodery' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)
