"""Predictions as JSON: the same bytes from the command line, in files and over HTTP."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any


class NotFinite(ValueError):  # noqa: N818 (it is said of the prediction)
    """A number of a prediction is infinite or none: there is no JSON for it, and the model is broken."""

    def __init__(self) -> None:
        super().__init__("the model gave numbers that are not finite")


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

    Raises:
        NotFinite: a number is not.
    """
    if _fast is None:
        if not _is_finite(prediction):
            raise NotFinite
        return json.dumps(prediction, ensure_ascii=False, separators=(",", ":")).encode()
    document = _fast(prediction)
    # it writes null for what is not finite; few predictions have any null
    if b"null" in document and not _is_finite(prediction):
        raise NotFinite
    return document


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    return not isinstance(value, list | tuple) or all(map(_is_finite, value))
