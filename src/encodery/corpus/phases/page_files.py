"""Pages between phases: Arrow IPC files, compressed by lz4, some thousand paragraphs at a time."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from encodery.corpus.page import Page

PAGES_AT_ONCE = 512
CHARACTERS_AT_ONCE = 1 << 21
"""What a step gets in one call, and what a batch of a file holds: much enough for vectors, little enough to hold."""
_TEXTS = ("text", "source", "url", "date", "language")
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in _TEXTS),
        ("scores", pa.map_(pa.string(), pa.float64())),
        ("number", pa.uint32()),
    ]
)


def batches_of(pages: Iterable[Page]) -> Iterator[list[Page]]:
    """Pages, as many together as steps take at once."""
    batch: list[Page] = []
    size = 0
    for page in pages:
        batch.append(page)
        size += len(page.text)
        if len(batch) == PAGES_AT_ONCE or size >= CHARACTERS_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class PageWriter:
    """A file of pages; a context manager. `OSError` as it comes."""

    def __init__(self, path: Path) -> None:
        self._file = pa.OSFile(str(path), "wb")
        options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
        self._writer = pa.ipc.new_file(self._file, SCHEMA, options=options)
        self.num_batches = 0

    def __enter__(self) -> "PageWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
        self._file.close()

    def write(self, pages: Sequence[Page], numbers: Sequence[int]) -> None:
        """Append some pages as one batch, each with a number."""
        columns = [texts_of([getattr(page, name) for page in pages]) for name in _TEXTS]
        scores = pa.array([list(page.scores.items()) for page in pages], SCHEMA.field("scores").type)
        batch = pa.record_batch([*columns, scores, pa.array(numbers, pa.uint32())], schema=SCHEMA)
        self._writer.write_batch(batch)
        self.num_batches += 1


class PageReader:
    """The batches of a file that `PageWriter` wrote."""

    def __init__(self, path: Path) -> None:
        self._file = pa.OSFile(str(path), "rb")
        options = pa.ipc.IpcReadOptions(use_threads=False)
        self._reader = pa.ipc.open_file(self._file, options=options)

    def __enter__(self) -> "PageReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def batches(self, numbers: Iterable[int] | None = None) -> Iterator[tuple[list[Page], list[int]]]:
        """The pages of these batches, or of all, with their numbers."""
        for index in range(self._reader.num_record_batches) if numbers is None else numbers:
            columns = self._reader.get_batch(index).to_pydict()
            rows = zip(*(columns[name] for name in (*_TEXTS, "scores")), strict=True)
            pages = [
                Page(text, source, url, date, language, dict(scores))
                for text, source, url, date, language, scores in rows
            ]
            yield pages, columns["number"]


def texts_of(texts: list[str]) -> pa.Array:
    """Strings as a column."""
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:  # half a surrogate pair, from an escape in JSON
        return pa.array([text.encode("utf-8", "replace").decode() for text in texts], pa.string())
