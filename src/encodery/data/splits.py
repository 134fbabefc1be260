"""The files of a split: one, or one for each language (or whatever else they are named by)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from encodery.data.aligned import paths_of

SPLITS = ("train", "dev", "test")
"""What the labelled files of a task are for."""
RESERVED = "average"


def _files(value: Any) -> Any:
    """Raises `ValueError` unless it is a file, or a table of files with names."""
    if value is None or isinstance(value, str):
        return value
    wanted = 'a file, or a table of files: { de = "de.jsonl", sw = "sw.jsonl" }'
    if not isinstance(value, Mapping) or not all(isinstance(part, str) for item in value.items() for part in item):
        raise ValueError(f"{value!r:.80} is neither; give {wanted}")
    if not value or not all(part.strip() for item in value.items() for part in item):
        raise ValueError(f"no file, or one without a name; give {wanted}")
    if RESERVED in value:
        raise ValueError(f"{RESERVED!r} is what the mean over the files is called; give that file another name")
    return dict(value)


Files = Annotated[str | dict[str, str] | None, BeforeValidator(_files)]
"""As a recipe has them."""


def files_by_name(files: str | Mapping[str, str] | None) -> dict[str, str]:
    """Name → file; a file alone has no name."""
    if files is None:
        return {}
    return {"": files} if isinstance(files, str) else dict(files)


def paths_by_name(files: str | Mapping[str, str] | None, base: Path) -> dict[str, list[Path]]:
    """Name → the file as it lies on the disk, seen from `base`; both of two aligned ones."""
    return {name: paths_of(base / file) for name, file in files_by_name(files).items()}


def described(files: str | Mapping[str, str] | None) -> str:
    """The files in words."""
    return ", ".join(files_by_name(files).values())
