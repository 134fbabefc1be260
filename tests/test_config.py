"""Configuration tables: frozen, strict, and their complaints name key, value and what is allowed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, Field, PositiveInt, model_validator

from encodery import config
from encodery.config import Config, read_json, read_json_list, write_json
from encodery.errors import UserError


class Optimizer(Config):
    lr: float = Field(default=1e-4, gt=0.0)
    warmup_steps: int = 0


class Input(Config):
    path: str
    kind: Literal["txt", "jsonl"] = "txt"


class Stage(Config):
    source: str = Field(default="pretrain", alias="from")
    optimizer: Optimizer = Field(default=Optimizer(), alias="optim")
    low: int = 2
    high: int = 3

    @model_validator(mode="after")
    def _in_order(self) -> "Stage":
        if self.low >= self.high:
            raise ValueError(f"low = {self.low} must be below high = {self.high}")
        return self


class Recipe(Config):
    steps: PositiveInt
    inputs: tuple[Input, ...] = ()
    stages: Mapping[str, Stage] = Field(default_factory=dict)
    optimizer: Optimizer | None = None


def _lowercase(name: str) -> str:
    if not name.islower():
        raise ValueError("small letters are allowed")
    return name


class Keyed(Config):
    weights: Mapping[Literal["mlm", "clm"], float] = Field(default_factory=dict)
    named: Mapping[Annotated[str, AfterValidator(_lowercase)], int] = Field(default_factory=dict)


def complaint(values: Mapping[str, object]) -> str:
    with pytest.raises(UserError) as error:
        Recipe.parse(values, "run.toml")
    return str(error.value)


def test_values_arrive_and_the_rest_are_defaults() -> None:
    recipe = Recipe.parse(
        {"steps": 7, "inputs": [{"path": "a.txt"}], "stages": {"mood": {"from": "scratch", "optim": {"lr": 0.5}}}},
        "run.toml",
    )
    assert recipe.steps == 7
    assert recipe.inputs == (Input(path="a.txt", kind="txt"),)
    assert recipe.stages["mood"].source == "scratch"
    assert recipe.stages["mood"].optimizer == Optimizer(lr=0.5, warmup_steps=0)


def test_a_table_cannot_be_changed() -> None:
    with pytest.raises(Exception, match="frozen"):
        Optimizer().lr = 0.5


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"steps": 7, "setps": 5}, "run.toml: unknown key 'setps'; did you mean 'steps'?"),
        ({"steps": 7, "qqq": 5}, "run.toml: unknown key 'qqq'; allowed: inputs, optimizer, stages, steps"),
        (
            {"steps": 7, "optimizer": {"warmup": 5}},
            "run.toml: unknown key 'optimizer.warmup'; did you mean 'warmup_steps'?",
        ),
        (
            {"steps": 7, "inputs": [{"path": "a"}, {"path": "b", "knd": "txt"}]},
            "run.toml: unknown key 'inputs.1.knd'; did you mean 'kind'?",
        ),
        (
            {"steps": 7, "stages": {"mood": {"lov": 1}}},
            "run.toml: unknown key 'stages.mood.lov'; did you mean 'low'?",
        ),
        (
            {"steps": 7, "stages": {"mood": {"form": "scratch"}}},
            "run.toml: unknown key 'stages.mood.form'; did you mean 'from'?",
        ),
        (
            {"steps": 7, "stages": {"mood": {"source": "scratch"}}},
            "run.toml: unknown key 'stages.mood.source'; allowed: from, high, low, optim",
        ),
        (
            {"steps": 7, "stages": {"mood": {"optim": {"lrr": 1}}}},
            "run.toml: unknown key 'stages.mood.optim.lrr'; did you mean 'lr'?",
        ),
    ],
    ids=["typo", "no near key", "nested", "list", "dictionary", "alias", "alias's field name", "below an alias"],
)
def test_an_unknown_key_is_answered_with_the_nearest_one(values: Mapping[str, object], expected: str) -> None:
    assert complaint(values) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "run.toml: missing key 'steps'"),
        ({"steps": 7, "inputs": [{}]}, "run.toml: missing key 'inputs.0.path'"),
        ({"steps": 0}, "run.toml: steps = 0: input should be greater than 0"),
        (
            {"steps": "many"},
            "run.toml: steps = 'many': input should be a valid integer, unable to parse string as an integer",
        ),
        (
            {"steps": 7, "inputs": [{"path": "a", "kind": "pdf"}]},
            "run.toml: inputs.0.kind = 'pdf': input should be 'txt' or 'jsonl'",
        ),
        (
            {"steps": 7, "optimizer": {"lr": float("nan")}},
            "run.toml: optimizer.lr = nan: input should be a finite number",
        ),
        ({"steps": 7, "inputs": {"path": "a"}}, "run.toml: inputs = {'path': 'a'}: input should be a list"),
        ({"steps": 7, "optimizer": 3}, "run.toml: optimizer = 3: input should be a table"),
        ({"steps": 7, "stages": "mood"}, "run.toml: stages = 'mood': input should be a table"),
        ({"steps": 7, "optimizer": {"lr": 0.0}}, "run.toml: optimizer.lr = 0.0: input should be greater than 0"),
    ],
)
def test_a_wrong_value_is_named_with_its_key(values: Mapping[str, object], expected: str) -> None:
    assert complaint(values) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"weights": {"mlm": 1.0, "mml": 1.0}}, "run.toml: unknown key 'weights.mml'; did you mean 'mlm'?"),
        ({"weights": {"nsp": 1.0}}, "run.toml: unknown key 'weights.nsp'; allowed: mlm, clm"),
        ({"named": {"Big": 1}}, "run.toml: key 'named.Big': small letters are allowed"),
    ],
)
def test_a_wrong_key_of_a_mapping_is_named_as_a_key(values: Mapping[str, object], expected: str) -> None:
    with pytest.raises(UserError) as error:
        Keyed.parse(values, "run.toml")
    assert str(error.value) == expected


class Several(Config):
    inputs: tuple[Input, ...] = Field(min_length=1)


def test_a_list_is_not_too_short_because_an_entry_is_wrong() -> None:
    for values, expected in (
        ([{"path": "a", "knd": "txt"}], "run.toml: unknown key 'inputs.0.knd'; did you mean 'kind'?"),
        ([], "run.toml: inputs = []: at least 1 is needed"),
    ):
        with pytest.raises(UserError) as error:
            Several.parse({"inputs": values}, "run.toml")
        assert str(error.value) == expected


def test_a_rule_about_several_keys_speaks_for_itself() -> None:
    assert complaint({"steps": 7, "stages": {"mood": {"low": 5}}}) == (
        "run.toml: stages.mood: low = 5 must be below high = 3"
    )
    with pytest.raises(UserError, match=r"^stage\.toml: low = 5 must be below high = 3$"):
        Stage.parse({"low": 5}, "stage.toml")


def test_every_problem_is_in_the_one_line() -> None:
    assert complaint({"optimizer": {"lr": -1.0}, "setps": 5}) == (
        "run.toml: missing key 'steps'; optimizer.lr = -1.0: input should be greater than 0; "
        "unknown key 'setps'; did you mean 'steps'?"
    )


def test_a_huge_value_is_shortened() -> None:
    message = complaint({"steps": "9" * 5 + "x" * 10_007})
    assert message.startswith("run.toml: steps = '99999xxx")
    assert len(message) < 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=7,
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_json_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, value: dict[str, object]) -> None:
    path = tmp_path_factory.getbasetemp() / "value.json"
    write_json(path, value)
    assert read_json(path) == value


def test_json_is_written_for_people(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"label": "Größe", "n": [1]})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "label": "Größe",\n  "n": [\n    1\n  ]\n}\n'


def json_complaint(path: Path) -> str:
    with pytest.raises(UserError) as error:
        read_json(path)
    return str(error.value).removeprefix(f"{path}: ")


def test_a_missing_json_file(tmp_path: Path) -> None:
    assert json_complaint(tmp_path / "none.json") == "no such file"
    assert json_complaint(tmp_path) == "no such file"


def test_a_json_file_is_measured_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": 1}\n')
    monkeypatch.setattr(config, "MAX_JSON_BYTES", 8)
    assert json_complaint(path) == "9 bytes; a JSON file here has at most 8"
    monkeypatch.setattr(config, "MAX_JSON_BYTES", 9)
    assert read_json(path) == {"a": 1}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"a": 1}}', b"weights", b'{"a": "\xff"}', b"[" * 100_003, b'{"a": ' * 50_021, b"1" * 5003],
    ids=["empty", "cut", "too much", "words", "not UTF-8", "deep list", "deep object", "endless number"],
)
def test_what_is_not_json_is_called_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    message = json_complaint(path)
    assert message.startswith("not valid JSON (")
    assert message.endswith("); the file is damaged, fetch or write it again")
    assert "\n" not in message


@pytest.mark.parametrize(("value", "kind"), [([1], "list"), ("a", "str"), (None, "NoneType"), (7, "int")])
def test_json_that_is_no_object(tmp_path: Path, value: object, kind: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps(value))
    assert json_complaint(tmp_path / "a.json") == f"holds a {kind}; a JSON object is needed"


def test_an_array_where_one_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("[1, 2]")
    assert read_json_list(path) == [1, 2]
    with pytest.raises(UserError) as error:
        read_json(path)
    assert str(error.value) == f"{path}: holds a list; a JSON object is needed"
    path.write_text("{}")
    with pytest.raises(UserError) as error:
        read_json_list(path)
    assert str(error.value) == f"{path}: holds a dict; a JSON array is needed"
