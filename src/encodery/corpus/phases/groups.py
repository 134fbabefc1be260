"""Which input files make one task: the same whatever the number of workers."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from encodery.corpus.inputs import CorpusInput, InputFile, look_for_files, size_of


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
        UserError: as `look_for_files`.
    """
    return found_sources(inputs, base)[0]


def found_sources(inputs: Sequence[CorpusInput], base: Path) -> tuple[list[Source], list[InputFile]]:
    """The same, and the files in folders and globs that no input reads."""
    found: dict[InputFile, Source] = {}
    others: dict[InputFile, None] = {}
    for entry in inputs:
        files, passed_over = look_for_files(entry, base)
        others.update(dict.fromkeys(map(_real, passed_over)))
        for file in files:
            real = _real(file)
            found.setdefault(real, Source(real, entry, _name(file, entry, base)))
    return list(found.values()), [file for file in others if file not in found]


def _real(file: InputFile) -> InputFile:
    return file.parent.resolve() / file.name if isinstance(file, Path) else file


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
