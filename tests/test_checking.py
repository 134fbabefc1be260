"""Types are checked in every call, and shapes where a function speaks of arrays."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, List  # noqa: UP035

import jaxtyping
import numpy as np
import pytest
from jaxtyping import Float, Int64

from encodery.data.scripts import is_mark
from encodery.data.splits import files_by_name
from encodery.tasks.metrics import cosine_similarity
from tests.checking import has_shapes

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
    with pytest.raises(jaxtyping.TypeCheckError):
        cosine_similarity(np.zeros((3, 5)), np.zeros((2, 5)))
