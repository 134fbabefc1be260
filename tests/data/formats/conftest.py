"""Files to read: written from text here, or real ones where they are at hand."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from encodery.data.formats import FormatOptions, read_labelled
from encodery.errors import UserError
from encodery.files.records import Record

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file, compressed by its suffix."""

    def function(name: str, content: str | bytes) -> Path:
        data = content.encode() if isinstance(content, str) else content
        path = tmp_path / name
        if path.suffix == ".gz":
            data = gzip.compress(data)
        path.write_bytes(zstandard.compress(data) if path.suffix == ".zst" else data)
        return path

    return function


def records(path: Path, file_format: str | None = None, options: FormatOptions | None = None) -> list[Record]:
    return [record for _, record in read_labelled(path, file_format, options)]


def lines(path: Path, file_format: str | None = None) -> list[int]:
    """The line of each record."""
    return [int(source.removeprefix(f"{path}:")) for source, _ in read_labelled(path, file_format)]


def fails(path: Path, file_format: str | None = None, options: FormatOptions | None = None) -> str:
    """The message, which has one line, without the folder."""
    with pytest.raises(UserError) as caught:
        records(path, file_format, options)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(f"{path.parent}/", "")
