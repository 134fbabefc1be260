"""Faults of ours, told without the texts that they happened with."""

import sys
import traceback
from typing import Any

from encodery.serve.answers import Refusal


def unexpected(doing: str, error: Exception, place: int | None = None) -> Refusal:
    """The refusal for a request that met a fault. Where it happened is written to standard error; not the message of
    the error, which may quote a text."""
    where = "".join(traceback.format_tb(error.__traceback__))
    print(f"encodery: {type(error).__name__} while {doing}\n{where}", file=sys.stderr, end="", flush=True)
    return Refusal(f"{type(error).__name__} while {doing}; the server's log says where", place=place)


def is_out_of_memory(error: Any) -> bool:
    """Whether an engine says so: each has its own words for it."""
    said = f"{type(error).__name__} {error}".lower()
    return (
        isinstance(error, MemoryError)
        or any(
            words in said
            for words in ("outofmemory", "out of memory", "bad_alloc", "failed to allocate", "alloc_failed")
        )
        or ("allocat" in said and "memory" in said)
    )
