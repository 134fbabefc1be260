"""Read an artifact: trust nothing that its manifest does not vouch for."""

from pathlib import Path

from encodery.artifact.disk import RESTORE, explained, regular_size, sha256
from encodery.artifact.manifest import MANIFEST, Manifest
from encodery.artifact.recovery import put_back
from encodery.errors import UserError

MANIFEST_MAX_BYTES = 16 * 2**20


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of `folder`, checked against its own hash; None where there is none, so no complete artifact.

    Raises:
        UserError: the manifest cannot be read, is damaged, or names a file outside the folder.
    """
    path = folder / MANIFEST
    with explained("read", folder):
        if not folder.exists():
            put_back(folder.parent, folder.name)
    with explained("read", path):
        if not path.exists():
            return None
        if (size := regular_size(path)) > MANIFEST_MAX_BYTES:
            raise UserError(f"{path}: {size:,} bytes, a manifest has at most {MANIFEST_MAX_BYTES:,}; {RESTORE}")
        return Manifest.from_bytes(path.read_bytes(), path)


def verify(folder: Path) -> Manifest:
    """Check size, then hash, of every file of an artifact against its manifest, which is returned.

    Raises:
        UserError: there is no manifest, or a file is missing, truncated or changed: names the file, what it should be
            and what it is.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise UserError(f"{folder}: no {MANIFEST}, so this is no complete artifact; {RESTORE}")
    for name, expected in manifest.files.items():
        path = folder / name
        with explained("read", path):
            _refuse_links(folder, path)
            if (size := regular_size(path)) != expected.size:
                raise UserError(f"{path}: {size:,} bytes instead of {expected.size:,}; {RESTORE}")
            if (digest := sha256(path)) != expected.sha256:
                raise UserError(f"{path}: damaged, sha256 is {digest} instead of {expected.sha256}; {RESTORE}")
    return manifest


def _refuse_links(folder: Path, path: Path) -> None:
    """Refuse folders below `folder` that are symbolic links: they may lead anywhere."""
    for part in path.parents:
        if part == folder:
            return
        if part.is_symlink():
            raise UserError(f"{part}: a symbolic link, which an artifact may not hold; {RESTORE}")
