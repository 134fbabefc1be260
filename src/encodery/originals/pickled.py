"""Checkpoints that `torch.save` wrote: tensors and plain values are read, nothing in the file is ever run."""

import argparse
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from encodery.errors import UserError

_MADE_BY = ("_reconstruct", "scalar")


class _Opaque:
    """In place of an array or a number of NumPy: training leaves some among the settings, and none of them is needed.

    NumPy's own readers trust what they are given, so they are not run.
    """

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


_NUMPY = ("ndarray", "dtype", *(f"{core}.multiarray.{name}" for core in ("core", "_core") for name in _MADE_BY))
_STAND_INS = [(_Opaque, f"numpy.{name}") for name in _NUMPY]


def read_pickle(path: Path) -> Mapping[str, Any]:
    """The table that a file holds, by PyTorch's restricted reader; `argparse.Namespace`, plain data, is read, too,
    and what NumPy left in it is passed over.

    Raises:
        UserError: the file holds anything else (which could run code), is damaged, or is no table.
    """
    try:
        with torch.serialization.safe_globals([argparse.Namespace, *_STAND_INS]):
            values = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # PyTorch's text goes on with how to switch the protection off
        reason = str(error).split("\n")[-1] if "GLOBAL" not in str(error) else _foreign_object(str(error))
        raise UserError(f"{path}: {reason}; a file that could run code is never read") from None
    except Exception as error:  # a damaged file leads the reader anywhere
        raise UserError(f"{path}: not a whole checkpoint of PyTorch ({error}); fetch it again") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: holds a {type(values).__name__}, but a checkpoint is a table")
    return values


def _foreign_object(message: str) -> str:
    name = message.partition("GLOBAL ")[2].split(" ")[0]
    return f"holds a {name}, not only tensors and plain values"
