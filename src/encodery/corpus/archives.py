"""The files behind an input file: itself, or the members of an archive. Nothing is unpacked to disk."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from encodery.corpus.inputs import (
    CorpusInput,
    Format,
    InputFile,
    format_of,
    found_format,
    is_container,
    is_disguised,
    may_be_read,
    nothing_readable,
    sniffed_format,
)
from encodery.corpus.sniffing import HEAD_BYTES
from encodery.errors import DamageError, UserError
from encodery.files.streams import inner_suffix, open_bytes, reading

Opened = tuple[str, io.BufferedReader, Format]
"""What messages call it (a path, or `archive!member`), its bytes as they lie there, compressed or not, its format."""
OpenMember = Callable[[], Any]  # a readable binary file
_TAR_BUFFER_BYTES = 1 << 18
_BUFFER_BYTES = 1 << 16


def opened_files(
    path: InputFile,
    entry: CorpusInput,
    name: str = "",
    skipped: Callable[[str], None] | None = None,
    damaged: Callable[[DamageError], None] | None = None,
) -> Generator[Opened, None, None]:
    """The file, or the members of the archive that are of a format to read, in the archive's order; each is open
    until the next is asked for.

    Args:
        name: what the file is called; its path if not given.
        skipped: told the name of each member that is of no format to read.
        damaged: told of each member whose first bytes cannot be read, which is then passed over.

    Raises:
        DamageError: the same of a member, where nobody is to be told.
        UserError: the file is missing, the archive is broken, locked, or holds nothing to read.
    """
    if is_container(path.name):
        yield from _members(path, entry, name or str(path), skipped or _nothing, damaged or _raise)
        return
    # A file that was named outright need not have a suffix that tells its format: then `format` does.
    chosen = found_format(path) if entry.format == "auto" else entry.format
    assert chosen is not None
    with reading(str(path)):
        file = path.open("rb")
    with file:
        stream = _buffered(file, path.name)
        with reading(str(path)):
            chosen = _undisguised(chosen, stream, entry)
        yield name or str(path), stream, chosen


def _undisguised(chosen: Format, stream: io.BufferedReader, entry: CorpusInput) -> Format:
    """The format of what is called a text, by its first bytes where its name alone says it."""
    if chosen != "txt" or entry.format not in ("auto", "warc"):
        return chosen
    return "warc" if is_disguised(chosen, stream.peek(HEAD_BYTES)) else chosen


def _nothing(_: str) -> None:
    return None


def _raise(error: DamageError) -> None:
    raise error


def _buffered(file: Any, name: str) -> io.BufferedReader:
    """A stream that can be peeked into as far as it takes to know its format."""
    if format_of(name) is None or name.lower().endswith(".bz2"):
        return io.BufferedReader(file, HEAD_BYTES)
    return file if isinstance(file, io.BufferedReader) else io.BufferedReader(file, _BUFFER_BYTES)


def _members(
    path: InputFile,
    entry: CorpusInput,
    name: str,
    report: Callable[[str], None],
    damaged: Callable[[DamageError], None],
) -> Generator[Opened, None, None]:
    found = _zip_members if inner_suffix(path.name) == ".zip" else _tar_members
    skipped: list[str] = []
    any_read = False
    # Closed by hand: an error leaves the generator waiting, with the archive open, until it is collected.
    with closing(found(path)) as members:
        for member, open_member in members:
            if PurePosixPath(member).name.startswith("."):
                continue
            if not may_be_read(member):
                skipped.append(member)
                report(member)
                continue
            source = f"{name}!{member}"
            try:
                stream = _open(source, open_member)
                chosen = _format_of(stream, source, entry)
            except DamageError as error:
                any_read = True
                damaged(error)
                continue
            with stream:
                if chosen is None or entry.format not in ("auto", chosen):
                    skipped.append(member)
                    report(member)
                    continue
                any_read = True
                yield source, stream, chosen
    if not any_read:
        raise nothing_readable(str(path), skipped, entry)


def _format_of(stream: io.BufferedReader, source: str, entry: CorpusInput) -> Format | None:
    """The format of a member: what its name promises; where that is nothing, or a text, what its first bytes show."""
    with reading(source):
        if (promised := format_of(source)) is not None:
            return _undisguised(promised, stream, entry)
        return sniffed_format(source, stream.peek(HEAD_BYTES))


def _open(source: str, open_member: OpenMember) -> io.BufferedReader:
    try:
        with reading(source):
            return _buffered(open_member(), source)
    except RuntimeError:
        raise UserError(f"{source}: it has a password or a rare compression; pack it again without") from None


def _zip_members(path: InputFile) -> Generator[tuple[str, OpenMember], None, None]:
    with reading(str(path)), path.open("rb") as file, zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield info.filename, partial(archive.open, info)


def _tar_members(path: InputFile) -> Generator[tuple[str, OpenMember], None, None]:
    with (
        open_bytes(path) as stream,
        reading(str(path)),
        tarfile.open(fileobj=stream, mode="r|", bufsize=_TAR_BUFFER_BYTES) as archive,
    ):
        while (info := archive.next()) is not None:
            if info.isreg():
                yield info.name, partial(archive.extractfile, info)
            archive.members = []  # type: ignore[attr-defined]  # a million files would leave a million headers
