"""The tables of facts behind the demo world, and the split that every fact belongs to.

Each table is a CSV file under `facts/`: one row per entity, its name in five languages, its relations by id.
A row belongs to one split by its position: what is said about an entity in `dev` or `test` is never said in `train`.
"""

import csv
import tomllib
from functools import cache
from importlib import resources
from typing import Any

from encodery.errors import UserError

LANGUAGES = ("en", "de", "fr", "es", "sw")
SPLITS = ("train", "dev", "test")
# Of ten neighbouring rows, seven are for training, one for development and two for testing.
_PERIOD = ("train",) * 7 + ("dev", "test", "test")

Row = dict[str, str]


def check_language(language: str) -> None:
    """Raises UserError when the demo world does not speak `language`."""
    if language not in LANGUAGES:
        raise UserError(f"language {language!r} is not in the demo world; allowed: {', '.join(LANGUAGES)}")


def check_split(split: str) -> None:
    """Raises UserError when `split` is not a split of the demo world."""
    if split not in SPLITS:
        raise UserError(f"split {split!r} is not in the demo world; allowed: {', '.join(SPLITS)}")


@cache
def table(name: str) -> dict[str, Row]:
    """The rows of `facts/<name>.csv`, keyed by their first column, in file order."""
    text = (resources.files("encodery.demo") / "facts" / f"{name}.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    return {next(iter(row.values())): row for row in rows}


@cache
def members(name: str, split: str) -> tuple[str, ...]:
    """Keys of the rows of a table that belong to `split`; cities go with the country they lie in."""
    if name == "cities":
        countries = members("countries", split)
        return tuple(key for key, row in table("cities").items() if row["country"] in countries)
    return tuple(key for index, key in enumerate(table(name)) if _PERIOD[index % len(_PERIOD)] == split)


@cache
def patterns(folder: str, name: str) -> dict[str, Any]:
    """One file of sentence patterns, `<folder>/<name>.toml`, as a dictionary."""
    text = (resources.files("encodery.demo") / folder / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
