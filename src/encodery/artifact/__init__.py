"""Artifacts: a folder and its manifest. Every save goes through here, so a folder is there whole or not at all."""

from encodery.artifact.manifest import MANIFEST, FileRecord, Manifest, artifact_key, canonical_json
from encodery.artifact.publishing import discard, publish
from encodery.artifact.reading import read_manifest, verify
from encodery.artifact.recovery import recover

__all__ = [
    "MANIFEST",
    "FileRecord",
    "Manifest",
    "artifact_key",
    "canonical_json",
    "discard",
    "publish",
    "read_manifest",
    "recover",
    "verify",
]
