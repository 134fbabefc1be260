"""Checkpoints that `torch.save` wrote: tensors and plain values are read, nothing in the file is ever run."""

import argparse
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from encodery.errors import UserError


def read_pickle(path: Path) -> Mapping[str, Any]:
    """The table that a file holds, by PyTorch's restricted reader; `argparse.Namespace`, plain data, is read, too.

    Raises:
        UserError: the file holds anything else (which could run code), is damaged, or is no table.
    """
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            values = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # PyTorch's text goes on with how to switch the protection off
        reason = str(error).split("\n")[-1] if "GLOBAL" not in str(error) else _foreign_object(str(error))
        raise UserError(f"{path}: {reason}; a file that could run code is never read") from None
    except (RuntimeError, EOFError, ValueError, KeyError, OSError, MemoryError, AttributeError, TypeError) as error:
        raise UserError(f"{path}: not a whole checkpoint of PyTorch ({error}); fetch it again") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: holds a {type(values).__name__}, but a checkpoint is a table")
    return values


def _foreign_object(message: str) -> str:
    name = message.partition("GLOBAL ")[2].split(" ")[0]
    return f"holds a {name}, not only tensors and plain values"
