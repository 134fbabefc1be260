"""What a benchmark is asked for: the cases that `--case` names, and the packages that it compares with."""

import importlib.util
from collections.abc import Sequence

from encodery.errors import UserError


def wanted_of(wanted: Sequence[str], names: Sequence[str]) -> list[str]:
    """The names that begin as one of the wanted ones; all if none is wanted.

    Raises:
        UserError: one of the wanted fits no name.
    """
    for name in wanted:
        if not any(known.startswith(name) for known in names):
            raise UserError(f"--case {name}: there is no such case; choose from {', '.join(names)}")
    return [name for name in names if not wanted or name.startswith(tuple(wanted))]


def require_peers(bench: str, *packages: str) -> None:
    """Raises `UserError` if one of the packages that `bench` compares with is not installed."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise UserError(
                f"bench {bench} compares with {package}, which is not installed; try: pip install 'encodery[dev]'"
            )
