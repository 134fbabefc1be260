"""Runtime checks of types where they cost little: shapes are bound only by functions that speak of arrays.

The hook of jaxtyping (`--jaxtyping-packages` in pyproject.toml) wraps every function so that the names of its axes
mean one size throughout a call. Its wrapper takes ten times as long as the check itself, since it prepares a longer
message, and most functions have no axes: these are given to the type checker alone, which checks the same
annotations, and the others to the type checker within the sizes of one call.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from typing import Any, ForwardRef, Literal, get_args, get_origin

import jaxtyping

Decorate = Callable[[Any], Any]
_with_shapes = jaxtyping.jaxtyped
_one_call = _with_shapes("context")
# whose call is over before they begin
_LATER = (inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction)


def check_without_shapes() -> None:
    """Has to come before the first import of encodery: functions are wrapped as their module is loaded."""
    jaxtyping.jaxtyped = _checked  # type: ignore[assignment]


def _checked(*, typechecker: Decorate) -> Decorate:
    def decorate(item: Any) -> Any:
        if inspect.isfunction(item):
            return _function(item, typechecker)
        if inspect.isclass(item):
            return _class(item, typechecker)
        return _with_shapes(typechecker=typechecker)(item)

    return decorate


def _class(item: type, typechecker: Decorate) -> type:
    """A dataclass has an `__init__` that the source does not show, which is why nothing has wrapped it yet."""
    made = vars(item).get("__init__")
    if is_dataclass(item) and inspect.isfunction(made) and not hasattr(made, "__wrapped__"):
        item.__init__ = _function(made, typechecker)  # type: ignore[method-assign]
    return item


def _function(function: Callable[..., Any], typechecker: Decorate) -> Any:
    if not has_shapes(function):
        return typechecker(function)
    if is_quoted(function) or any(runs_later(function) for runs_later in _LATER):
        return _with_shapes(typechecker=typechecker)(function)
    checked = typechecker(function)

    @functools.wraps(function)
    def within_one_call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        with _one_call:
            return checked(*args, **kwargs)

    return within_one_call


def has_shapes(function: Callable[..., Any]) -> bool:
    """Whether an annotation is, or may be, of an array: of one in quotes nobody knows yet."""
    return is_quoted(function) or any(
        isinstance(part, type) and issubclass(part, jaxtyping.AbstractArray) for part in _parts(function)
    )


def is_quoted(function: Callable[..., Any]) -> bool:
    """Whether an annotation, or a part of one, is a name in quotes, which may be known to static checkers alone."""
    return any(isinstance(part, str | ForwardRef) for part in _parts(function))


def _parts(function: Callable[..., Any]) -> Iterator[Any]:
    """Annotations and what they are made of; the strings of a Literal are values."""
    left = list(inspect.get_annotations(function).values())
    while left:
        part = left.pop()
        yield part
        if isinstance(part, list | tuple):  # the arguments of a Callable
            left += part
        elif get_origin(part) is not Literal:
            left += get_args(part)
