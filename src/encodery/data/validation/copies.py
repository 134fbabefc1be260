"""Corrected copies of labelled files."""

import json
from collections.abc import Iterable
from pathlib import Path

from encodery.data.aligned import is_aligned, parts_of
from encodery.errors import UserError
from encodery.files.records import Record
from encodery.files.streams import COMPRESSIONS


def copy_of(path: Path, folder: Path | None) -> Path:
    """Where the corrected copy of a file goes: beside it, or into `folder`. That of two aligned files is one file,
    which both languages name."""
    languages = ""
    if is_aligned(path):
        before, source, target, after = parts_of(path)
        path, languages = Path(f"{before}{after}"), f".{source}-{target}"
    name = path.name
    for suffix in COMPRESSIONS:
        name = name.removesuffix(suffix)
    stem = Path(name).stem.strip(".") if languages else Path(name).stem
    return (folder or path.parent) / f"{stem}{languages}.fixed.jsonl"


def write_copy(path: Path, records: Iterable[Record]) -> int:
    """Write records as JSON Lines, whole or not at all; how many they are.

    Raises:
        UserError: there is such a file already, or it cannot be written.
    """
    if path.exists():
        raise UserError(f"{path}: is there already; remove it, or name another folder with --to")
    part = path.with_name(path.name + ".part")
    count = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8", newline="\n") as file:
            for record in records:
                file.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
                count += 1
        part.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None
    finally:
        part.unlink(missing_ok=True)
    return count
