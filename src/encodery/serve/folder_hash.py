"""Which model a folder holds: a hash that changes when what it predicts may. A server without torch imports it."""

import hashlib
from pathlib import Path

from encodery.artifact import MANIFEST
from encodery.artifact.disk import explained, sha256
from encodery.config import read_json
from encodery.errors import UserError

ADAPTER_CONFIG = "adapter_config.json"
"""What `families.adapter` calls so."""


def folder_hash(folder: Path) -> str:
    """Of the names and contents of the files in a model folder or bundle, and in the base of an adapter; a manifest,
    which has a date, and texts for people do not count.

    Raises:
        UserError: there is no such folder, or a file cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; a model folder is needed")
    hashes = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.name != MANIFEST and path.suffix != ".md":
            with explained("read", path):
                hashes.update(f"{path.relative_to(folder).as_posix()}\0{sha256(path)}\n".encode())
    if (folder / ADAPTER_CONFIG).is_file() and not (folder / "config.json").is_file():
        base = read_json(folder / ADAPTER_CONFIG).get("base_model_name_or_path")
        if isinstance(base, str) and Path(base).is_dir():  # else it cannot be opened, which says more
            hashes.update(folder_hash(Path(base)).encode())
    return hashes.hexdigest()


def version_of(folder: Path) -> str:
    """What a model in a folder is called apart from others of its name.

    Raises:
        UserError: as `folder_hash`.
    """
    return folder_hash(folder)[:16]
