"""The manifest of an artifact: what it is, what it was made from, and the hash of each of its files."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from encodery.artifact.disk import RESTORE
from encodery.config import Config
from encodery.errors import UserError

MANIFEST = "manifest.json"


def _inside(name: str) -> str:
    """A file name of a manifest: relative, with forward slashes, never leading out of the folder."""
    if re.search(r"[\\:\0]", name) or any(part in ("", ".", "..") for part in name.split("/")):
        raise ValueError(f"file {name!r} is not a relative path inside the folder")
    return name


class FileRecord(Config):
    """Size in bytes and hash of one file, as published."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int = Field(ge=0)


class Manifest(Config):
    """The completion mark of an artifact, written last as `manifest.json` together with its own hash."""

    stage: str
    key: str
    """`artifact_key` of what it was made with and from: an equal key is an equal artifact."""
    parents: dict[str, str] = Field(default_factory=dict)
    """Name of an input → key of the artifact it was."""
    files: dict[Annotated[str, AfterValidator(_inside)], FileRecord] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    created: str = ""
    """UTC, ISO 8601."""
    config: dict[str, Any] = Field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The text of `manifest.json`: readable, and sealed with the hash of its own content."""
        # through JSON once, so that what is hashed is what will be read: tuples are lists, keys are strings
        values = json.loads(canonical_json(self.model_dump(mode="json")))
        values["sha256"] = hashlib.sha256(canonical_json(values)).hexdigest()
        return json.dumps(values, indent=1, sort_keys=True).encode() + b"\n"

    @classmethod
    def from_bytes(cls, content: bytes, path: Path) -> "Manifest":
        """Read the text of a manifest; `path` opens the message.

        Raises:
            UserError: the content does not match its own hash, or it names a file outside the folder.
        """
        try:
            values = json.loads(content)
            intact = values.pop("sha256") == hashlib.sha256(canonical_json(values)).hexdigest()
        except (ValueError, RecursionError, AttributeError, TypeError, KeyError):
            intact = False
        if not intact:
            raise UserError(f"{path}: damaged, it does not match its own sha256; {RESTORE}")
        return cls.parse(values, str(path))


def canonical_json(value: Any) -> bytes:
    """The one spelling of a JSON value: sorted keys, no spaces, ASCII. ValueError for what JSON has no number for."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def artifact_key(config: Mapping[str, Any], parents: Mapping[str, str]) -> str:
    """The name of a result before it exists: sha256 of what it is made with and of what it is made from."""
    return hashlib.sha256(canonical_json({"config": dict(config), "parents": dict(parents)})).hexdigest()
