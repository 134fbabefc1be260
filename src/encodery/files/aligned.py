"""Files of lines that belong together: line `n` of one is the translation of line `n` of the others."""

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
    counts = [0] * len(paths)
    with ExitStack() as stack:
        streams = [stack.enter_context(open_bytes(path)) for path in paths]
        sides = [
            read_lines(stream, str(path), encoding_errors, hint) for stream, path in zip(streams, paths, strict=True)
        ]
        for number, row in enumerate(zip_longest(*sides), start=1):
            counts = [count + (line is not None) for count, line in zip(counts, row, strict=True)]
            lines = tuple(line for line in row if line is not None)
            if len(lines) == len(paths):
                yield number, lines
    if len(set(counts)) > 1:
        rest = ", ".join(f"{path} has {count:,}" for path, count in zip(paths[1:], counts[1:], strict=True))
        raise UserError(
            f"{paths[0]} has {counts[0]:,} lines, {rest}: line by line they must be translations of each other; align "
            "them again, with an empty line where a side has nothing"
        )
