"""What killed processes leave behind: hidden siblings of a folder, put back or removed by the next one.

The artifact `name` is written as `.name.<pid>.encodery-new`; an artifact that is being replaced waits as
`.name.<pid>.encodery-old` until the new one has its name. Both belong to the process of that number while it lives.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

from encodery.artifact.disk import explained, fsync_path, remove, rename

NEW, OLD = "encodery-new", "encodery-old"


class _Leftover(NamedTuple):
    """A hidden sibling of `folder` that no living process works on."""

    path: Path
    folder: Path
    kind: str


def sibling(folder: Path, kind: str) -> Path:
    """A hidden name beside `folder` that belongs to this process."""
    return folder.with_name(f".{folder.name}.{os.getpid()}.{kind}")


def recover(parent: Path, name: str | None = None) -> None:
    """Put back what killed processes had moved aside in `parent`, and remove the rest that they left.

    Looks after the artifact `name`, or after all. To be called by the process that writes in `parent`.

    Raises:
        UserError: the disk does not allow it.
    """
    with explained("tidy up", parent):
        put_back(parent, name)
        for leftover in _leftovers(parent, name):
            remove(leftover.path)


def put_back(parent: Path, name: str | None = None) -> None:
    """Restore artifacts whose replacement died after they stepped aside and before the new one took their name."""
    for leftover in _leftovers(parent, name):
        if leftover.kind == OLD and not leftover.folder.exists():
            rename(leftover.path, leftover.folder)
            fsync_path(parent)


def _leftovers(parent: Path, name: str | None) -> list[_Leftover]:
    which = ".+" if name is None else re.escape(name)
    pattern = re.compile(rf"\.({which})\.(\d+)\.({NEW}|{OLD})")
    matches = [(path, pattern.fullmatch(path.name)) for path in sorted(parent.glob(".*.encodery-*"))]
    return [_Leftover(path, parent / m[1], m[3]) for path, m in matches if m and not _at_work(int(m[2]))]


def _at_work(pid: int) -> bool:
    """Whether another process of that number lives. Our own number was a dead one's: in containers often so."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
