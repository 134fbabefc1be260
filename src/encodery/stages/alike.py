"""What differs between settings: of a stage now and when it ran, of a run on one rank and on another."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from encodery.errors import UserError
from encodery.train.distributed import Ranks


def changes(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Differences of two settings as `key: old → new`."""
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
            old, new = _numbered(old), _numbered(new)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from changes(old, new, f"{prefix}{name}.")
        elif old != new:
            key = f"{prefix}{name}".removeprefix("config.")
            yield f"{key} changed" if prefix.startswith("inputs") else f"{key} {old!r:.80} → {new!r:.80}"


def _numbered(values: Sequence[Any]) -> dict[str, Any]:
    """The entries of a list by their places, as keys name them: `corpus.inputs.0.path`."""
    return {str(place): value for place, value in enumerate(values)}


def check_alike(ranks: Ranks, settings: Mapping[str, Any]) -> None:
    """Raises `UserError`, on all ranks, if these settings are not the same on each."""
    mine = json.loads(json.dumps(settings))
    differences = ranks.gather(list(changes(ranks.first(lambda: mine), mine)))
    for rank, different in enumerate(differences):
        if different:
            raise UserError(
                f"rank {rank} was not started as rank 0 was: {'; '.join(different[:3])}; start every rank with the "
                "same recipe file and arguments"
            )
