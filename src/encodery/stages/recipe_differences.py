"""Which keys of the recipes differ between schemes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from encodery.stages.graph import NOT_IN_KEY
from encodery.stages.schemes import Scheme

OWN = ("name", "seed", "output", "scale")
"""Keys that say who a recipe is, not what it does."""
WATCHING = NOT_IN_KEY - {"evaluate_every"}
"""Keys that change how training is watched; when it is evaluated may decide which weights are kept."""
FILES = ("path", "train", "dev", "test")
ABSENT = "–"


def recipe_differences(schemes: Sequence[Scheme]) -> list[tuple[str, list[str]]]:
    """Each key whose value is not the same in all schemes, with the values as TOML would have them."""
    settings = [dict(_flat(_comparable(scheme))) for scheme in schemes]
    keys = dict.fromkeys(key for one in settings for key in one)
    rows = [(key, [one.get(key, ABSENT) for one in settings]) for key in keys]
    return [(key, values) for key, values in rows if len(set(values)) > 1]


def _comparable(scheme: Scheme) -> dict[str, Any]:
    recipe = scheme.recipe.model_dump(mode="json", by_alias=True, exclude={*OWN})
    for table in recipe["finetune"].values():
        del table["seeds"]
    resolved: dict[str, Any] = _resolved(scheme, recipe)
    return resolved


def _resolved(scheme: Scheme, value: Any, is_file: bool = False) -> Any:
    """The same settings with whole paths: two recipes in different folders may name one file."""
    if isinstance(value, Mapping):
        return {key: _resolved(scheme, part, is_file or key in FILES) for key, part in value.items()}
    if isinstance(value, list):
        return [_resolved(scheme, part, is_file) for part in value]
    return scheme.resolved(value) if is_file and isinstance(value, str) else value


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Tables under dotted keys; what is not given is left out."""
    for name, value in values.items():
        if name in WATCHING:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", json.dumps(value, ensure_ascii=False)
