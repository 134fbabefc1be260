"""What a search may look through, and tables with other values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.train.space import Range, SearchTable, ends, with_values


def parse(**space: Any) -> SearchTable:
    return SearchTable.parse({"finetune": "mood", "space": space}, "recipe.toml: search")


def refusal(**space: Any) -> str:
    with pytest.raises(UserError) as error:
        parse(**space)
    return str(error.value)


def test_ranges_and_choices() -> None:
    space = parse(
        lr={"low": 1e-5, "high": 1e-3, "log": True}, epochs={"low": 2, "high": 5}, schedule=["linear", "x"]
    ).space
    assert space["lr"] == Range(low=1e-5, high=1e-3, log=True)
    assert isinstance(space["epochs"], Range)
    assert isinstance(space["lr"], Range)
    assert space["epochs"].is_whole
    assert not space["lr"].is_whole
    assert space["schedule"] == ("linear", "x")
    assert [ends(axis) for axis in space.values()] == [(1e-5, 1e-3), (2, 5), ("linear", "x")]
    assert SearchTable.model_validate(parse(a=[1, 2], b={"low": 1, "high": 2}).model_dump()) == parse(
        a=[1, 2], b={"low": 1, "high": 2}
    )


@pytest.mark.parametrize(
    ("axis", "why"),
    [
        ({"low": 3, "high": 3}, "low = 3, high = 3; low must be below high"),
        ({"low": 0.0, "high": 1.0, "log": True}, "low must be below high and above 0 where log = true"),
        ([], "a list of different values, or { low = ..., high = ..., log = true } is allowed"),
        ([1, 1], "a list of different values, or"),
        ("linear", "a list of different values, or"),
        (7, "a list of different values, or"),
        ([[1], [2]], "a list of different values, or"),
        ([1.0, float("nan")], "a list of different values, or"),
    ],
)
def test_what_is_no_axis(axis: Any, why: str) -> None:
    assert why in refusal(lr=axis)


@pytest.mark.parametrize("key", ["test", "dev", "train", "seeds", "fields.text", "best_metric"])
def test_what_is_compared_cannot_be_searched(key: str) -> None:
    assert f"space.{key}: train, dev, test, fields, seeds, best_metric say what is compared" in refusal(
        **{key: [1, 2]}
    )


def test_an_empty_space_is_refused() -> None:
    assert "space" in refusal()


@given(st.dictionaries(st.sampled_from(["a", "b.c", "b.d", "e.f.g"]), st.integers()))
def test_values_are_put_at_their_keys_and_nothing_else_changes(values: dict[str, int]) -> None:
    table = {"a": 1, "b": {"c": 2, "z": 3}, "y": 4}
    changed = with_values(table, values)
    assert table == {"a": 1, "b": {"c": 2, "z": 3}, "y": 4}
    for key in ["a", "b.c", "b.d", "e.f.g", "b.z", "y"]:
        expected: Any = {"a": 1, "b.c": 2, "b.z": 3, "y": 4}.get(key)
        found: Any = changed
        for part in key.split("."):
            found = (found or {}).get(part)
        assert found == values.get(key, expected)
