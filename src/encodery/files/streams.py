"""From a file to decoded lines: plain, gzip, zstd or bzip2 bytes, streamed, with every failure told in one line.

A `name` is what messages call the data: a path, or `archive!member`. Memory is bounded by the longest line.
"""

import bz2
import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Protocol, runtime_checkable

from encodery.errors import DamageError, UserError

EncodingErrors = Literal["strict", "replace"]

COMPRESSIONS = (".gz", ".zst", ".bz2")
MAX_LINE_BYTES = 64 << 20
BINARY_HINT = "Encodery reads text in UTF-8"
UNREADABLE = "\0"
"""What stands for a line that cannot be read, where its reader goes on behind it; no line that can be read is it."""
_LONGEST_SUFFIX = 12
_BUFFER_BYTES = 1 << 16
_BROKEN_BZIP2 = "Invalid data stream"
"""How the library says it, by an error that files which cannot be read raise as well."""
# A compressed block of zstd may expand thousands of times, so it is handed over in small pieces.
_ZSTD_PIECE_BYTES = 1 << 13


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn what goes wrong while `name` is read (missing, forbidden, truncated, corrupt) into a UserError; a
    DamageError, if it is the file itself that is broken."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{name}: no such file") from None
    except (gzip.BadGzipFile, zlib.error, zipfile.BadZipFile, tarfile.TarError) as error:
        raise DamageError(f"{name}: broken archive ({_reason(error)}); fetch or pack it again") from None
    except EOFError:
        raise DamageError(f"{name}: broken archive (it ends too early); fetch or pack it again") from None
    except OSError as error:
        if str(error) == _BROKEN_BZIP2:
            raise DamageError(f"{name}: broken archive (invalid bzip2 data); fetch or pack it again") from None
        # with the cause: what may pass is tried again
        raise UserError(f"{name}: cannot be read ({error.strerror or _reason(error)})") from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


@runtime_checkable
class Openable(Protocol):
    """A file that is not open yet: a path, or something that is opened as one. Its text is its name."""

    def open(self, mode: str, /) -> Any: ...


@contextmanager
def open_bytes(path: Path | Openable) -> Iterator[io.BufferedReader]:
    """The bytes of a file, decompressed when its name ends in `.gz`, `.zst` or `.bz2`.

    Raises:
        UserError: the file is missing or cannot be opened; later, while reading under `reading`, it is broken.
    """
    name = str(path)
    with reading(name):
        file = path.open("rb")
    with file:
        yield decompress(file, name)


def inner_suffix(name: str) -> str:
    """The suffix that tells the format, in lower case: `.txt` for `a.TXT.gz`, `.tar` for `a.tgz`."""
    name = name.lower()
    if name.endswith(".tgz"):
        return ".tar"
    for suffix in COMPRESSIONS:
        name = name.removesuffix(suffix)
    return PurePosixPath(name).suffix


def suffix_of(name: str) -> str:
    """What files are counted by: `.json.gz`; what no program would call a suffix is "other"."""
    last, inner = PurePosixPath(name).suffix.lower(), inner_suffix(name)
    if not last:
        return "no suffix"
    said = inner + last if last in COMPRESSIONS and inner != last else last
    plain = said.replace(".", "")
    named = plain.isascii() and plain.isalnum() and not plain.isdigit() and len(plain) <= _LONGEST_SUFFIX
    return said if named else "other"


def decompress(stream: Any, name: str) -> io.BufferedReader:
    """A readable byte stream behind the compression that `name` ends in, if any."""
    if name.lower().endswith((".gz", ".tgz")):
        return io.BufferedReader(gzip.GzipFile(fileobj=stream), _BUFFER_BYTES)
    if name.lower().endswith(".zst"):
        return io.BufferedReader(_ZstdReader(stream, name), _BUFFER_BYTES)
    if name.lower().endswith(".bz2"):
        return io.BufferedReader(bz2.BZ2File(stream), _BUFFER_BYTES)
    return stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream, _BUFFER_BYTES)


class _ZstdReader(io.RawIOBase):
    """Decompresses frame after frame; unlike the library's own reader it notices a file that ends too early."""

    def __init__(self, stream: Any, name: str) -> None:
        try:
            import zstandard
        except ImportError:
            raise UserError(
                f'{name}: reading .zst needs the package zstandard; pip install "encodery[corpus]"'
            ) from None
        # Windows up to 2 GiB: what `zstd --long=31` writes.
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 31)
        self._error = zstandard.ZstdError
        self._stream = stream
        self._frame = self._decompressor.decompressobj()
        self._inside_frame = False
        self._output = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._output:
            piece = self._frame.unused_data if self._frame.eof else b""
            piece = piece or self._stream.read(_ZSTD_PIECE_BYTES)
            if not piece:
                if self._inside_frame:
                    raise EOFError
                return 0
            if self._frame.eof:
                self._frame = self._decompressor.decompressobj()
            try:
                self._output = memoryview(self._frame.decompress(piece))
            except self._error as error:
                raise zlib.error(str(error)) from None
            self._inside_frame = not self._frame.eof
        count = min(len(buffer), len(self._output))
        buffer[:count] = self._output[:count]
        self._output = self._output[count:]
        return count


def read_lines(
    stream: io.BufferedReader,
    name: str,
    encoding_errors: EncodingErrors = "strict",
    hint: str = "convert the file to UTF-8",
    damaged: Callable[[DamageError], None] | None = None,
) -> Iterator[str]:
    """The lines of UTF-8 text without their ends (LF or CRLF); a byte order mark is dropped.

    Args:
        encoding_errors: `replace` turns invalid bytes into U+FFFD instead of raising.
        hint: what the message about invalid UTF-8 tells the reader to do.
        damaged: told of each line that cannot be read; `UNREADABLE` then comes in its place, and reading goes on.

    Raises:
        UserError: invalid UTF-8 (line, byte offset in the decompressed file, the bytes), NUL bytes or UTF-16,
            a line over 64 MiB, a broken compressed file.
    """
    with reading(name):
        _check_text(stream.peek(_BUFFER_BYTES), name, lines_may_be_lost=damaged is not None)
        offset = len(stream.read(3)) if stream.peek(3)[:3] == b"\xef\xbb\xbf" else 0
        number = 0
        while raw := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            try:
                line = _decoded(raw, f"{name}:{number}", offset, encoding_errors, hint)
            except DamageError as error:
                if damaged is None:
                    raise
                damaged(error)
                line = UNREADABLE
            offset += len(raw)
            while len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
                raw = stream.readline(MAX_LINE_BYTES + 1)
                offset += len(raw)
            yield line


def _decoded(raw: bytes, place: str, offset: int, encoding_errors: EncodingErrors, hint: str) -> str:
    """A line that begins at `offset`, as text."""
    if len(raw) > MAX_LINE_BYTES:
        raise DamageError(f"{place}: a line over {MAX_LINE_BYTES >> 20} MiB; break it up")
    try:
        line = raw.decode("utf-8", encoding_errors)
    except UnicodeDecodeError as error:
        bad = raw[error.start : error.end].hex(" ")
        raise DamageError(f"{place}: invalid UTF-8 at byte {offset + error.start}: {bad}; {hint}") from None
    if "\0" in line:
        raise DamageError(f"{place}: NUL byte at byte {offset + raw.index(0)}: binary data; {BINARY_HINT}")
    return line.removesuffix("\n").removesuffix("\r")


def _check_text(start: bytes, name: str, lines_may_be_lost: bool) -> None:
    """Reject UTF-16 and binary files by their first bytes: "invalid UTF-8" would point the wrong way. Where lines may
    be lost, a NUL makes a file binary if most lines of its start cannot be read."""
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DamageError(f"{name}: the file is in UTF-16; convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)")
    if b"\0" in start and not (lines_may_be_lost and _mostly_text(start)):
        position = start.index(0)
        line = start.count(b"\n", 0, position) + 1
        raise DamageError(f"{name}:{line}: NUL byte at byte {position}: binary data; {BINARY_HINT}")


def _mostly_text(start: bytes) -> bool:
    lines = start.splitlines()
    unreadable = sum(b"\0" in line or "\ufffd" in line.decode("utf-8", "replace") for line in lines)
    return 2 * unreadable < len(lines)
