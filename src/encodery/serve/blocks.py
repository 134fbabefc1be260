"""Files of any size as blocks of records: enough that batches of a block pack well, so few that memory stays flat.

Where a block ends is a function of the records alone, so that a run that goes on behind one packs what an
uninterrupted run would have packed, and computes the same numbers.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from encodery.data.formats import detect, read_labelled
from encodery.errors import UserError
from encodery.files.records import Record, json_record
from encodery.files.streams import decompress, read_lines, reading

MAX_RECORDS = 4096
MAX_CHARACTERS = 1 << 18
"""Of the records' JSON; some 60,000 tokens."""
STANDARD_INPUT = Path("-")

Entry = tuple[str, Record | UserError]
"""`file:line`, and what is there: a record, or what is wrong with it."""


class Records:
    """The records of a file, in order; it is read as it is iterated over."""

    def __init__(self, file: Path, keep_broken: bool = False) -> None:
        """`-` is standard input, JSON Lines. With `keep_broken` a line that is no JSON object comes as its error; all
        else that is wrong with a file ends the reading."""
        self.file = file
        self.keep_broken = keep_broken
        self._raw: BinaryIO | None = None
        self._size = 0

    @property
    def share(self) -> float | None:
        """How much of the file has been read, of 1; None where it is not known."""
        if self._raw is None or not self._size:
            return None
        return 1.0 if self._raw.closed else self._raw.tell() / self._size

    def __iter__(self) -> Iterator[Entry]:
        """Raises `UserError` as `data.examples.read_records` does."""
        if self.file != STANDARD_INPUT and (name := detect(self.file)) != "jsonl":
            yield from read_labelled(self.file, name)
            return
        empty = True
        for entry in self._json_lines():
            empty = False
            yield entry
        if empty:
            raise UserError(f"{self.file}: the file holds no record; add examples")

    def _json_lines(self) -> Iterator[Entry]:
        name = "standard input" if self.file == STANDARD_INPUT else str(self.file)
        with reading(name), self._open() as raw:
            for number, line in enumerate(read_lines(decompress(raw, name), name), start=1):
                if not line.strip():
                    continue
                source = f"{name}:{number}"
                try:
                    yield source, json_record(line, source)
                except UserError as error:
                    if not self.keep_broken:
                        raise
                    yield source, error

    def _open(self) -> AbstractContextManager[BinaryIO]:
        if self.file == STANDARD_INPUT:
            return nullcontext(sys.stdin.buffer)
        self._size = self.file.stat().st_size
        self._raw = self.file.open("rb")
        return self._raw


class InputChanged(Exception):  # noqa: N818 (no message: whoever knows what was made of the old ones says more)
    """The first records are not those that they were."""


@dataclass(frozen=True)
class Block:
    """Records that are computed together."""

    entries: list[Entry]
    num_records: int
    """Of the file up to its end."""
    digest: str
    """A hash of all of these."""
    share: float | None
    """How much of the file has been read with it."""


def read_blocks(records: Records, done: int = 0, digest: str = "") -> Iterator[Block]:
    """The blocks behind the first `done` records, whose hash must be `digest`.

    Raises:
        InputChanged: it is not.
        UserError: as the records.
    """
    entries = iter(records)
    sha256 = hashlib.sha256()
    found = 0
    for _, record in islice(entries, done):
        sha256.update(_bytes_of(record))
        found += 1
    if done and (found < done or sha256.hexdigest() != digest):
        raise InputChanged
    block: list[Entry] = []
    characters = 0
    for entry in entries:
        content = _bytes_of(entry[1])
        sha256.update(content)
        found += 1
        block.append(entry)
        characters += len(content)
        if len(block) == MAX_RECORDS or characters >= MAX_CHARACTERS:
            yield Block(block, found, sha256.hexdigest(), records.share)
            block, characters = [], 0
    if block:
        yield Block(block, found, sha256.hexdigest(), records.share)


def _bytes_of(record: Record | UserError) -> bytes:
    return json.dumps(str(record) if isinstance(record, UserError) else record, default=repr).encode() + b"\n"
