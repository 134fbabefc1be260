"""Types are checked in every call, and shapes where a function speaks of arrays."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, List, Literal  # noqa: UP035

import jaxtyping
import numpy as np
import pytest
from beartype import beartype
from beartype.roar import BeartypeCallHintParamViolation, BeartypeCallHintReturnViolation
from jaxtyping import Float, Int64

from encodery.data.scripts import is_mark
from encodery.data.splits import files_by_name
from encodery.tasks.metrics import cosine_similarity
from tests.checking import _checked, has_shapes

Rows = Int64[np.ndarray, " rows"]


def plain(text: str, names: Mapping[str, tuple[int, ...]] | None = None) -> Iterator[int] | None: ...
def alone(vectors: Rows) -> None: ...
def within(some: list[tuple[str, Rows]] | None) -> None: ...
def given(function: Callable[[Rows], int]) -> None: ...
def found() -> dict[str, Float[np.ndarray, ""]] | None: ...
def quoted(rows: "Rows") -> None: ...
def quoted_within(rows: List["Rows"]) -> None: ...  # noqa: UP006 (it holds a ForwardRef)


@pytest.mark.parametrize("function", [alone, within, given, found, quoted, quoted_within])
def test_functions_of_arrays(function: Callable[..., Any]) -> None:
    assert has_shapes(function)


def test_a_function_without_arrays() -> None:
    assert not has_shapes(plain)


@pytest.mark.parametrize(("function", "argument"), [(is_mark, 3), (files_by_name, {"de": 3})])
def test_a_wrong_type_fails(function: Callable[..., Any], argument: Any) -> None:
    assert not has_shapes(function)
    with pytest.raises(Exception, match="violates type hint"):
        function(argument)


def test_a_wrong_shape_fails() -> None:
    with pytest.raises(
        BeartypeCallHintParamViolation, match="pairs is 2 which does not equal the existing value of 3"
    ):
        cosine_similarity(np.zeros((3, 5)), np.zeros((2, 5)))


decorated = _checked(typechecker=beartype)


@decorated
def longer(values: Rows) -> Rows:
    return np.zeros(len(values) + 1, np.int64)


@decorated
@dataclass
class Table:
    rows: Rows
    more: "Rows"


def quoted_twice(rows: "Rows", more: "Rows") -> None: ...


def test_a_result_of_a_wrong_shape_fails() -> None:
    with pytest.raises(
        BeartypeCallHintReturnViolation, match="rows is 4 which does not equal the existing value of 3"
    ):
        longer(np.zeros(3, np.int64))


def test_sizes_are_those_of_one_call() -> None:
    single = decorated(alone)
    single(np.zeros(3, np.int64))
    single(np.zeros(2, np.int64))


def test_dataclasses_are_checked_as_they_are_made() -> None:
    Table(np.zeros(3, np.int64), np.zeros(3, np.int64))
    with pytest.raises(Exception, match="rows"):
        Table(np.zeros(3, np.int64), np.zeros(2, np.int64))


def test_names_in_quotes_are_checked() -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="rows=3"):
        decorated(quoted_twice)(np.zeros(3, np.int64), np.zeros(2, np.int64))


def test_values_of_a_literal_are_no_names() -> None:
    def either(way: Literal["Rows"]) -> None: ...

    assert not has_shapes(either)
