"""A file of the finished corpus: JSON Lines, compressed by zstd, or Parquet."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa
from pyarrow import parquet

from encodery.corpus.clean_table import OutputFormat
from encodery.corpus.page import Page
from encodery.errors import UserError

LEVEL = 3
"""Of zstd, in both formats."""
_TEXTS = ("text", "language", "source", "url", "date")
_SCHEMA = pa.schema([*((name, pa.string()) for name in _TEXTS), ("scores", pa.map_(pa.string(), pa.float64()))])


@runtime_checkable
class OutputFile(Protocol):
    """Takes documents."""

    def write(self, pages: Sequence[Page]) -> None:
        """Append some."""


@contextmanager
def output_file(path: Path, chosen: OutputFormat) -> Iterator[OutputFile]:
    """A new file at `path`.

    Raises:
        UserError: the package zstandard is missing.
    """
    if chosen == "parquet":
        with parquet.ParquetWriter(path, _SCHEMA, compression="zstd", compression_level=LEVEL) as writer:
            yield _Parquet(writer)
        return
    try:
        import zstandard
    except ImportError:
        raise UserError('[corpus.clean] writes .zst with zstandard; pip install "encodery[crawl]"') from None
    with path.open("wb") as raw, zstandard.ZstdCompressor(LEVEL).stream_writer(raw) as stream:
        yield _JsonLines(stream)


class _JsonLines:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, pages: Sequence[Page]) -> None:
        for page in pages:
            line = json.dumps(_record(page), ensure_ascii=False, separators=(",", ":"))
            self._stream.write(f"{line}\n".encode())


class _Parquet:
    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def write(self, pages: Sequence[Page]) -> None:
        columns = [[getattr(page, name) for page in pages] for name in _TEXTS]
        scores = [list(page.scores.items()) for page in pages]
        self._writer.write_table(pa.table([*columns, scores], schema=_SCHEMA))


def _record(page: Page) -> dict[str, Any]:
    """A document as it is published: what is not known of it is left out."""
    values = {**{name: getattr(page, name) for name in _TEXTS}, "scores": page.scores}
    return {name: value for name, value in values.items() if value}
