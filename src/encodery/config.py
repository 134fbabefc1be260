"""The base of every configuration table: frozen, strict, and polite about typos."""

import difflib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from encodery.errors import UserError

MAX_JSON_BYTES = 64 * 2**20
Table = TypeVar("Table", bound="Config")
_IN_TOML = {
    "tuple_type": "input should be a list",
    "list_type": "input should be a list",
    "dict_type": "input should be a table",
    "model_type": "input should be a table",
}
"""What pydantic calls by names of Python's."""
_OF_A_KEY = "[key]"
"""What pydantic puts behind a key of a mapping to say that the key is wrong, not its value."""


class Config(BaseModel):
    """A frozen table of settings. Unknown keys are errors; each part of Encodery owns its own subclass."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    @classmethod
    def parse(cls: type[Table], values: Mapping[str, Any], source: str) -> Table:
        """Build from plain values; `source` (a file, a command) opens the message when they are wrong.

        Raises:
            UserError: a key or value is not allowed; names the key, the value and the nearest allowed key.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            problems = "; ".join(_explain(cls, problem) for problem in _own(error.errors()))
            raise UserError(f"{source}: {problems}") from None


def _own(problems: Sequence[Any]) -> list[Any]:
    """Those that are not of another's making: a list is not too short because an entry of it is wrong."""
    places = [problem["loc"] for problem in problems]
    return [
        problem
        for problem in problems
        if problem["type"] != "too_short"
        or not any(place != problem["loc"] and place[: len(problem["loc"])] == problem["loc"] for place in places)
    ]


def _explain(config: type[BaseModel], problem: Any) -> str:
    """One pydantic error as a sentence: the dotted key, what was wrong and what is allowed."""
    location, tables = _locate(config, [str(part) for part in problem["loc"]])
    if location[-1:] == [_OF_A_KEY]:
        return _explain_key(location[:-1], problem)
    key = ".".join(location)
    if problem["type"] == "extra_forbidden":
        return _unknown(location, sorted({name for table in tables for name, _ in _fields_of(table)}))
    if problem["type"] == "missing":
        return f"missing key {key!r}"
    if problem["type"] == "union_tag_invalid":
        tag, allowed_tags = problem["ctx"]["tag"], problem["ctx"]["expected_tags"]
        return f"{key}.type = {tag!r:.80}: one of {allowed_tags} is allowed"
    if problem["type"] == "value_error":
        message = str(problem["ctx"]["error"])
        if isinstance(problem["input"], Mapping):  # about several keys of a table: the message names them
            return f"{key}: {message}" if key else message
    elif problem["type"] == "too_short":
        message = f"at least {problem['ctx']['min_length']} is needed"
    else:
        message = _IN_TOML.get(problem["type"]) or problem["msg"][:1].lower() + problem["msg"][1:]
    return f"{key} = {problem['input']!r:.80}: {message}"


def _explain_key(location: list[str], problem: Any) -> str:
    """A key of a mapping that is not allowed there."""
    if problem["type"] == "literal_error":
        return _unknown(location, re.findall(r"'([^']*)'", problem["ctx"]["expected"]))
    reason = problem["ctx"]["error"] if problem["type"] == "value_error" else problem["msg"]
    return f"key {'.'.join(location)!r:.80}: {reason}"


def _unknown(location: list[str], allowed: list[str]) -> str:
    near = difflib.get_close_matches(location[-1], allowed, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(allowed)}"
    return f"unknown key {'.'.join(location)!r}; {hint}"


def _locate(config: type[BaseModel], path: list[str]) -> tuple[list[str], list[type[BaseModel]]]:
    """The path without the tags of unions, and the tables in which its last part stands."""
    tables = parents = [config]
    located: list[str] = []
    for part in path:
        tagged = [table for table in tables if len(tables) > 1 and part in _tags(table)]
        if tagged:
            tables = tagged
            continue
        located.append(part)
        parents = tables
        fields = [field.annotation for table in tables for name, field in _fields_of(table) if name == part]
        # a part that is no field is a dictionary key or a list index: stay where we are
        tables = [model for field in fields for model in _models_in(field)] or tables
    return located, parents


def _tags(table: type[BaseModel]) -> tuple[Any, ...]:
    """The values of `type` by which a union knows this table."""
    return get_args(table.model_fields["type"].annotation) if "type" in table.model_fields else ()


def _fields_of(table: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    """The fields of a table by the names that a person writes."""
    return [(field.alias or name, field) for name, field in table.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every table class that occurs in a type annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def apply_override(values: dict[str, Any], override: str) -> None:
    """Set one dotted key of plain values by `key=value`; the value is TOML, or a plain word.

    Raises:
        UserError: no key, or a part of it is no table.
    """
    key, separator, text = override.partition("=")
    parts = key.strip().split(".")
    if not separator or not all(parts):
        raise UserError(f"--set {override}: write it as key=value, for example --set pretrain.steps=200")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    table = values
    for part in parts[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise UserError(f"--set {override}: {part!r} is a value, not a table")
    table[parts[-1]] = value


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a small file that nobody vouches for.

    Raises:
        UserError: missing, too large, not JSON, not an object.
    """
    value = _read_json(path)
    if not isinstance(value, dict):
        raise UserError(f"{path}: holds a {type(value).__name__}; a JSON object is needed")
    return value


def read_json_list(path: Path) -> list[Any]:
    """The same for an array."""
    value = _read_json(path)
    if not isinstance(value, list):
        raise UserError(f"{path}: holds a {type(value).__name__}; a JSON array is needed")
    return value


def _read_json(path: Path) -> Any:
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    size = path.stat().st_size
    if size > MAX_JSON_BYTES:
        raise UserError(f"{path}: {size} bytes; a JSON file here has at most {MAX_JSON_BYTES}")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not valid JSON ({error}); the file is damaged, fetch or write it again") from None


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Readable, stable JSON."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
