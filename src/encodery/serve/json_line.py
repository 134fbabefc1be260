"""Predictions as JSON: the same bytes from the command line, in files and over HTTP."""

import json
from collections.abc import Callable, Mapping
from typing import Any


def _by_orjson() -> Callable[[Any], bytes] | None:
    """Ten times as fast: most of the time of a vector, which is hundreds of numbers of seventeen digits."""
    try:
        import orjson
    except ImportError:
        return None
    return orjson.dumps


_fast = _by_orjson()


def json_line(prediction: Mapping[str, Any]) -> bytes:
    """One JSON object in UTF-8, without a line's end. Numbers are read back as they were, to the last bit.

    Without the package `orjson` it takes longer, and very small numbers are spelled `1e-07` in the place of `1e-7`.
    """
    if _fast is not None:
        return _fast(prediction)
    return json.dumps(prediction, ensure_ascii=False, separators=(",", ":")).encode()
