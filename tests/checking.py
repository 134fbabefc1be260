"""Runtime checks of types where they cost little: shapes are bound only by functions that speak of arrays.

The hook of jaxtyping (`--jaxtyping-packages` in pyproject.toml) wraps every function so that the names of its axes
mean one size throughout a call. That takes ten times as long as the check itself, and most functions have no axes:
these are given to the type checker alone, which checks the same annotations.
"""

import inspect
from collections.abc import Callable
from typing import Any, ForwardRef, get_args

import jaxtyping

Decorate = Callable[[Any], Any]
_with_shapes = jaxtyping.jaxtyped


def check_without_shapes() -> None:
    """Has to come before the first import of encodery: functions are wrapped as their module is loaded."""
    jaxtyping.jaxtyped = _checked  # type: ignore[assignment]


def _checked(*, typechecker: Decorate) -> Decorate:
    shaped: Decorate = _with_shapes(typechecker=typechecker)
    return lambda item: shaped(item) if not inspect.isfunction(item) or has_shapes(item) else typechecker(item)


def has_shapes(function: Callable[..., Any]) -> bool:
    """Whether an annotation is, or may be, of an array: of one in quotes nobody knows yet."""
    return any(map(_may_be_array, inspect.get_annotations(function).values()))


def _may_be_array(annotation: Any) -> bool:
    if isinstance(annotation, list | tuple):  # the arguments of a Callable
        return any(map(_may_be_array, annotation))
    if isinstance(annotation, type) and issubclass(annotation, jaxtyping.AbstractArray):
        return True
    return isinstance(annotation, str | ForwardRef) or any(map(_may_be_array, get_args(annotation)))
