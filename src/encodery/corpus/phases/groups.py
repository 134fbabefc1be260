"""Which input files make one task: the same whatever the number of workers."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from encodery.corpus.inputs import CorpusInput, InputFile, files_of, size_of

Source = tuple[InputFile, CorpusInput]


def sources_of(inputs: Sequence[CorpusInput], base: Path) -> list[Source]:
    """The files of all inputs, with the input that each belongs to: the first that names it. In the order of the
    inputs, within one sorted.

    Raises:
        UserError: as `files_of`.
    """
    found: dict[InputFile, CorpusInput] = {}
    for entry in inputs:
        for file in files_of(entry, base):
            found.setdefault(file.parent.resolve() / file.name if isinstance(file, Path) else file, entry)
    return list(found.items())


def groups_of(sources: Iterable[Source], task_bytes: int) -> list[list[Source]]:
    """Neighbours together, until they have so many bytes as they are stored; a file is never split."""
    groups: list[list[Source]] = []
    held = task_bytes
    for source in sources:
        size = size_of(source[0])
        if not groups or held + size > task_bytes:
            groups.append([])
            held = 0
        groups[-1].append(source)
        held += size
    return groups
