"""Files of lines that belong together: line `n` of one is the translation of line `n` of the others."""

import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path

from encodery.errors import UserError
from encodery.files.streams import EncodingErrors, open_bytes, read_lines


def read_aligned(
    paths: Sequence[Path], encoding_errors: EncodingErrors = "strict", hint: str = "convert the file to UTF-8"
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The lines of all files side by side, with their number; as the iterator advances, to the end of the longest.

    Raises:
        UserError: a file is missing, not UTF-8 or broken, or they have different numbers of lines.
    """
    with ExitStack() as stack:
        streams = [(str(path), stack.enter_context(open_bytes(path))) for path in paths]
        yield from aligned_lines(streams, encoding_errors, hint)


def aligned_lines(
    streams: Sequence[tuple[str, io.BufferedReader]],
    encoding_errors: EncodingErrors = "strict",
    hint: str = "convert the file to UTF-8",
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The same of streams that are open, each with its name; raises as `read_aligned` does."""
    names = [name for name, _ in streams]
    counts = [0] * len(streams)
    sides = [read_lines(stream, name, encoding_errors, hint) for name, stream in streams]
    for number, row in enumerate(zip_longest(*sides), start=1):
        counts = [count + (line is not None) for count, line in zip(counts, row, strict=True)]
        lines = tuple(line for line in row if line is not None)
        if len(lines) == len(streams):
            yield number, lines
    if len(set(counts)) > 1:
        rest = ", ".join(f"{name} has {count:,}" for name, count in zip(names[1:], counts[1:], strict=True))
        raise UserError(
            f"{names[0]} has {counts[0]:,} lines, {rest}: line by line they must be translations of each other; "
            "align them again, with an empty line where a side has nothing"
        )
