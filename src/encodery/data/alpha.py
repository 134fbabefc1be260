"""How far small languages are lifted, as a number or as a course over the steps.

A language with a share q of the tokens is read with a share p ∝ q ** alpha (Conneau and Lample 2019, sec. 3.1): 1
reads the text as it is, 0 reads all languages equally often.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float64, Int64
from pydantic import BeforeValidator

AS_IT_IS = 1.0
Knots = tuple[tuple[int, float], ...]
"""Steps in ascending order, each with the alpha there; between two of them alpha goes straight, outside it stays."""


def _checked(value: Any) -> Any:
    """The value of a recipe's key, once it is one of the three forms.

    Raises:
        ValueError: it is none of them, or an alpha is outside 0 to 1.
    """
    if isinstance(value, Mapping) and set(value) == {"start", "end"}:
        values, steps = [value["start"], value["end"]], [0, 1]
    elif isinstance(value, Sequence) and value and all(isinstance(k, Sequence) and len(k) == 2 for k in value):
        steps, values = [knot[0] for knot in value], [knot[1] for knot in value]
    else:
        values, steps = [value], [0]
    if not all(isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v <= 1 for v in values):
        given = f"{value!r:.80}: " if isinstance(value, Mapping) else ""  # a table's value is not in the message yet
        raise ValueError(
            f"{given}a number from 0 to 1, {{ start, end }} or [[step, alpha], ...] of such numbers is allowed"
        )
    if not all(isinstance(step, int) and step >= 0 for step in steps) or any(a >= b for a, b in pairwise(steps)):
        raise ValueError("the steps in [[step, alpha], ...] must be whole numbers that rise from one to the next")
    return value


Alpha = Annotated[float | Mapping[str, float] | Knots, BeforeValidator(_checked)]


def knots_of(alpha: float | int | Mapping[str, float] | Knots, steps: int) -> Knots:
    """A recipe's alpha over a training of `steps` steps."""
    if isinstance(alpha, int | float):
        return ((0, float(alpha)),)
    if isinstance(alpha, Mapping):
        return ((0, float(alpha["start"])), (steps, float(alpha["end"])))
    return tuple((step, float(value)) for step, value in alpha)


def alpha_at(knots: Knots, step: float | int) -> float:
    """Alpha at a step, which may lie between two."""
    steps, values = zip(*knots, strict=True)
    return float(np.interp(step, steps, values))


def sampling_shares(tokens: Int64[np.ndarray, " languages"], alpha: float) -> Float64[np.ndarray, " languages"]:
    """The share of each language in what is read; `tokens` are above zero."""
    raised = (tokens / tokens.sum()) ** alpha
    return np.asarray(raised / raised.sum())
