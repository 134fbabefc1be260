"""The record of a run for programs: one JSON object per line, each step once, however often the run was killed.

A line counts once its newline is on file, so whatever a killed process left behind the last newline is dropped.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from encodery.errors import UserError

LOG = "log.jsonl"
"""The name of its file in a training's folder."""
Event = Literal["step", "eval", "checkpoint", "skip", "best", "resume", "shards"]


class TrainLog:
    """Appends events to `path`, which is created with its first line. Use it as a context manager.

    Raises:
        UserError: the file cannot be written (read-only folder, disk full).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            _drop_torn_tail(path)
            # unbuffered, in append mode: a line is with the system when `write` returns, whatever kills us next
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise _unwritable(path, error) from None

    def __enter__(self) -> "TrainLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the log takes no further events."""
        self._file.close()

    def write(self, event: Event, step: int, **values: object) -> None:
        """Append one event. Numbers that JSON has no word for (NaN, infinities) become null."""
        record = {"event": event, "step": step, **values}
        line = json.dumps(_finite(record), ensure_ascii=False, allow_nan=False).encode() + b"\n"
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as error:
            raise _unwritable(self.path, error) from None

    def resume(self, step: int) -> None:
        """Continue from the checkpoint of `step`: cut what a killed run logged beyond it, note the resumption.

        The shorter file replaces the longer one in a single rename, so a kill leaves the one or the other.

        Raises:
            UserError: a line of the existing log is damaged, or the file cannot be written.
        """
        kept = [record for record in read_log(self.path) if record.get("step", 0) <= step]
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in kept)
        beside = self.path.with_name(self.path.name + ".part")
        self._file.close()
        try:
            with beside.open("wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
            self._file = self.path.open("ab", buffering=0)
        except OSError as error:
            raise _unwritable(self.path, error) from None
        self.write("resume", step)


class NoLog:
    """The log of a rank that is not the first: what it would say, the first one says."""

    def __enter__(self) -> "NoLog":
        return self

    def __exit__(self, *_: object) -> None: ...

    def write(self, event: Event, step: int, **values: object) -> None:
        """Nothing."""

    def resume(self, step: int) -> None:
        """Nothing."""


def read_log(path: Path) -> list[dict[str, Any]]:
    """The events of a log in the order they were written; a torn last line is left out.

    Raises:
        UserError: the file is missing, or a line before the last is not a JSON object.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise UserError(f"{path}: cannot read the training log: {error.strerror}") from None
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict):
            records.append(record)
        elif number < len(lines):
            raise UserError(
                f"{path}:{number}: {line[:60].decode(errors='replace')!r} is not a JSON object; "
                "the log was changed or damaged: move the file away or remove that line"
            )
    return records


def _drop_torn_tail(path: Path) -> None:
    """Cut the file behind its last newline, so that the next event starts on a line of its own."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        file.truncate(file.read().rfind(b"\n") + 1)


def _finite(value: object) -> object:
    """The same JSON value with every non-finite number replaced by None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(item) for item in value]
    return value


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(
        f"{path}: cannot write the training log: {error.strerror}; "
        "free some space or choose another output folder, then run the same command again"
    )
