"""Which input files make one task: the same whatever the number of workers."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from encodery.corpus.inputs import CorpusInput, InputFile, files_of, size_of


class Source(NamedTuple):
    """A file to read."""

    file: InputFile
    entry: CorpusInput
    """The input that it belongs to."""
    name: str
    """What documents of it are said to come from: its path as the recipe has it, from the recipe's folder on if it is
    not absolute, or its address. So what comes out is the same wherever the project lies."""


def sources_of(inputs: Sequence[CorpusInput], base: Path) -> list[Source]:
    """The files of all inputs, with the input that each belongs to: the first that names it. In the order of the
    inputs, within one sorted.

    Raises:
        UserError: as `files_of`.
    """
    found: dict[InputFile, Source] = {}
    for entry in inputs:
        for file in files_of(entry, base):
            real = file.parent.resolve() / file.name if isinstance(file, Path) else file
            found.setdefault(real, Source(real, entry, _name(file, entry, base)))
    return list(found.values())


def _name(file: InputFile, entry: CorpusInput, base: Path) -> str:
    if isinstance(file, Path) and not Path(entry.path).is_absolute():
        return str(file.relative_to(base))
    return str(file)


def groups_of(sources: Iterable[Source], task_bytes: int) -> list[list[Source]]:
    """Neighbours together, until they have so many bytes as they are stored; a file is never split."""
    groups: list[list[Source]] = []
    held = task_bytes
    for source in sources:
        size = size_of(source.file)
        if not groups or held + size > task_bytes:
            groups.append([])
            held = 0
        groups[-1].append(source)
        held += size
    return groups
