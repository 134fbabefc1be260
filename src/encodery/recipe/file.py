"""A recipe from its file."""

import importlib.util
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from encodery.config import apply_override
from encodery.errors import UserError
from encodery.recipe.recipe import Recipe


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe file, lay the scale it names over it and apply `a.b=c` overrides.

    Raises:
        UserError: the file is missing or no TOML, a key is unknown, or a value is not allowed.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such recipe; a recipe is a TOML file, for examples see recipes/")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid TOML: {error}") from None
    scales = values.pop("scales", {})
    named = [override for override in overrides if override.partition("=")[0].strip() == "scale"]
    for override in named:
        apply_override(values, override)
    values = _scaled(values, scales, str(path))
    for override in overrides:
        apply_override(values, override)
    return Recipe.parse(values, str(path))


def _scaled(values: Mapping[str, Any], scales: Any, source: str) -> dict[str, Any]:
    """The recipe's values with those of its scale laid over them; a scale without a `name` adds its own to it.

    Raises:
        UserError: there is no such scale, or `scales` are no tables.
    """
    if not isinstance(scales, Mapping) or not all(isinstance(table, Mapping) for table in scales.values()):
        raise UserError(
            f"{source}: scales: each is a table of what differs, as [scales.paper.pretrain] steps = 500_000"
        )
    scale = values.get("scale")
    if not scale or not isinstance(scale, str):
        return dict(values)
    if scale not in scales:
        have = ", ".join(scales) or "none"
        raise UserError(
            f"{source}: scale = {scale!r:.80}: the recipe has {have}; leave it out for the recipe as it is"
        )
    named = {"name": f"{values.get('name', '')}-{scale}"}
    return _laid_over(values, {**named, **scales[scale]})


def _laid_over(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with the `changes`, table by table; anything but a table is replaced whole."""
    result = dict(values)
    for key, change in changes.items():
        before = result.get(key)
        both = isinstance(change, Mapping) and isinstance(before, Mapping)
        result[key] = _laid_over(dict(before or {}), change) if both else change
    return result


def resolve(path: str, base: Path) -> Path:
    """A path from a recipe: relative to `base`, or `package:NAME/FOLDER` inside an installed package (never run).

    Raises:
        UserError: the package is not installed.
    """
    if not path.startswith("package:"):
        return base / path
    name, _, rest = path.removeprefix("package:").partition("/")
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"{path}: the package {name!r} is not installed; try: pip install {name.replace('_', '-')}")
    return Path(spec.submodule_search_locations[0]) / rest
