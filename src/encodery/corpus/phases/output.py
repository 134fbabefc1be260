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
_SCHEMA = pa.schema(
    [*((name, pa.string()) for name in (*_TEXTS, "bucket")), ("scores", pa.map_(pa.string(), pa.float64()))]
)


@runtime_checkable
class OutputFile(Protocol):
    """Takes documents."""

    def write(self, pages: Sequence[Page]) -> None:
        """Append some."""


def check_format(chosen: OutputFormat) -> None:
    """Whether such files can be written here; asked before hours of work and not behind them.

    Raises:
        UserError: the package zstandard is missing.
    """
    if chosen == "jsonl.zst":
        _zstandard()


def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError:
        raise UserError('[corpus.clean] writes .zst with zstandard; pip install "encodery[crawl]"') from None
    return zstandard


@contextmanager
def output_file(path: Path, chosen: OutputFormat, bucket: str = "") -> Iterator[OutputFile]:
    """A new file at `path`; `bucket` is that of its documents, if they have one.

    Raises:
        UserError: the package zstandard is missing.
    """
    if chosen == "parquet":
        with parquet.ParquetWriter(path, _SCHEMA, compression="zstd", compression_level=LEVEL) as writer:
            yield _Parquet(writer, bucket)
        return
    with path.open("wb") as raw, _zstandard().ZstdCompressor(LEVEL).stream_writer(raw) as stream:
        yield _JsonLines(stream, bucket)


class _JsonLines:
    def __init__(self, stream: Any, bucket: str) -> None:
        self._stream = stream
        self._bucket = bucket

    def write(self, pages: Sequence[Page]) -> None:
        for page in pages:
            line = json.dumps(_record(page, self._bucket), ensure_ascii=False, separators=(",", ":"))
            self._stream.write(f"{line}\n".encode())


class _Parquet:
    def __init__(self, writer: Any, bucket: str) -> None:
        self._writer = writer
        self._bucket = bucket

    def write(self, pages: Sequence[Page]) -> None:
        columns = [[getattr(page, name) for page in pages] for name in _TEXTS]
        scores = [list(page.scores.items()) for page in pages]
        buckets = [self._bucket or None] * len(pages)
        self._writer.write_table(pa.table([*columns, buckets, scores], schema=_SCHEMA))


def _record(page: Page, bucket: str) -> dict[str, Any]:
    """A document as it is published: what is not known of it is left out, but for the language."""
    values = {**{name: getattr(page, name) for name in _TEXTS}, "bucket": bucket, "scores": page.scores}
    return {name: value for name, value in values.items() if value or name == "language"}
