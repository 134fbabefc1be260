"""Predictions as JSON: with the fast library and without it the same values, to the last bit."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.serve import json_line as module
from encodery.serve.json_line import NotFinite, json_line

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=17,
)


def same(first: Any, second: Any) -> bool:
    """Equal, and -0.0 is not 0.0."""
    return repr(first) == repr(second)


@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_what_is_written_is_read_back(prediction: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        assert same(json.loads(json_line(prediction)), prediction)
        patch.setattr(module, "_fast", None)
        assert same(json.loads(json_line(prediction)), prediction)


@pytest.mark.parametrize("fast", [True, False])
def test_the_look_of_it(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not fast:
        monkeypatch.setattr(module, "_fast", None)
    assert json_line({"label": "größer", "score": 0.25}) == '{"label":"größer","score":0.25}'.encode()


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_numbers_of_single_precision(number: float) -> None:
    (found,) = json.loads(json_line({"embedding": [number]}))["embedding"]
    assert math.copysign(1.0, found) == math.copysign(1.0, number)
    assert found == number


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(fast: bool, number: float, monkeypatch: pytest.MonkeyPatch) -> None:
    if not fast:
        monkeypatch.setattr(module, "_fast", None)
    for prediction in ({"score": number}, {"entities": [{"score": 0.5}, {"score": number}]}):
        with pytest.raises(NotFinite, match=r"^the model gave numbers that are not finite$"):
            json_line(prediction)
    assert json_line({"answer": None, "score": 0.5}) == b'{"answer":null,"score":0.5}'
