"""Which files a corpus is made of: the inputs a recipe names, turned into a sorted list of readable files."""

import glob
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, TypeVar, get_args

from pydantic import Field, model_validator

from encodery.config import Config
from encodery.corpus.remote import RemoteFile, is_remote, remote_files
from encodery.corpus.sniffing import HEAD_BYTES, WebFormat, has_json_lines, sniff
from encodery.errors import UserError
from encodery.files.records import RECORD_SUFFIXES, RecordFormat
from encodery.files.streams import COMPRESSIONS, EncodingErrors, inner_suffix, reading, suffix_of

InputFile = Path | RemoteFile
Format = Literal["txt", RecordFormat, WebFormat]
Extractor = Literal["main-content", "full-text", "trafilatura"]

_SUFFIXES: dict[str, Format] = {
    ".txt": "txt",
    **RECORD_SUFFIXES,
    ".warc": "warc",
    ".wet": "wet",
    ".arc": "warc",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
}
_SNIFFED = (".xml", ".json")
"""What is a Wikipedia dump, JSON Lines or anything else: its first bytes tell."""
File = TypeVar("File", Path, RemoteFile)
_LZ4 = ".lz4"
"""A compression of crawl files alone."""
_CONTAINERS = (".zip", ".tar", ".tgz")


def _absent(value: str | None) -> bool:
    """What is not given is not written: settings without it are the same as before there was such a field."""
    return value is None


def _is_main_content(value: str) -> bool:
    return value == "main-content"


def _is_blank_line(value: str) -> bool:
    return value == "blank-line"


class CorpusInput(Config):
    """Text to learn from: a file, a folder (with all below it) or a glob, `**` included; on disk, or at an address
    that fsspec knows (`s3://bucket/folder`).

    `format = "auto"` goes by the suffix, and where that says nothing (`.xml`, `.json`, none) by the first bytes: a
    crawl file, a Wikipedia dump, HTML, JSON Lines; a crawl file is one under the name of a text, too. Any other value
    is the format of every file named or globbed, whatever its suffix, and limits folders and archives to the files of
    that format.
    """

    path: str = Field(min_length=1)
    format: Literal["auto", Format] = "auto"
    text_field: str = "text"
    """The field or column of a record that holds the text; plain text has none. Dots lead into tables:
    "translation.en"."""
    encoding_errors: EncodingErrors = "strict"
    """`replace` reads invalid UTF-8 as U+FFFD instead of stopping."""
    documents: Literal["blank-line", "file"] = Field(default="blank-line", exclude_if=_is_blank_line)
    """What a document of plain text is: what lies between blank lines, of which each line is a paragraph; or a whole
    file, whose paragraphs lie between blank lines, each on lines that are joined (books, as Gutenberg has them)."""
    language: str | None = Field(default=None, min_length=1, exclude_if=_absent)
    """The language of all its text."""
    language_field: str | None = Field(default=None, min_length=1, exclude_if=_absent)
    """The field or column of a record that names its language."""
    url_field: str | None = Field(default=None, min_length=1, exclude_if=_absent)
    """The field or column of a record that holds its address; `[corpus.clean.url]` and `near.urls` go by it."""
    date_field: str | None = Field(default=None, min_length=1, exclude_if=_absent)
    """The field or column of a record that holds its date; what is a time and no string is written in ISO 8601."""
    extractor: Extractor = Field(default="main-content", exclude_if=_is_main_content)
    """What of a web page is its text: `main-content` leaves out menus, headers and footers, `full-text` nothing that
    is seen, both by resiliparse; `trafilatura` (precision mode) is ten times slower (docs/reading.md)."""
    license: str | None = Field(default=None, min_length=1, exclude_if=_absent)
    """Under what the text may be used; said in the card of the corpus."""

    @model_validator(mode="after")
    def _one_source_of_the_language(self) -> "CorpusInput":
        if self.language is not None and self.language_field is not None:
            raise ValueError(
                f"language = {self.language!r} and language_field = {self.language_field!r}: give one of the two"
            )
        return self


def input_files(inputs: Sequence[CorpusInput], base: Path) -> list[InputFile]:
    """Every file that the inputs name, once, sorted. Relative paths start at `base`.

    Raises:
        UserError: a path that does not exist, a glob without a match, a folder or file that holds no known format.
    """
    return sorted({path for entry in inputs for path in files_of(entry, base)}, key=str)


def files_of(entry: CorpusInput, base: Path) -> Sequence[InputFile]:
    """The files of one input, sorted; raises as `input_files` does."""
    return look_for_files(entry, base)[0]


def look_for_files(entry: CorpusInput, base: Path) -> tuple[Sequence[InputFile], Sequence[InputFile]]:
    """The files of one input, and those that were found with them and are passed over, since they are of no format
    to read; both sorted. Raises as `input_files` does."""
    if is_remote(entry.path):
        return _remote_files(entry)
    target = base / entry.path
    with reading(str(target)):
        if target.is_dir():
            return _readable(_below(target), str(target), entry)
        if target.is_file():
            return [_one_readable(target, entry)], []
        if target.exists():
            raise UserError(f"{target}: neither a file nor a folder; name one of these")
        if not glob.has_magic(entry.path):
            raise UserError(f"{target.absolute()}: no such file or folder; check path = {entry.path!r}")
        files = sorted(path for path in _matches(entry.path, base) if path.is_file())
    if not files:
        raise UserError(f"{target.absolute()}: no file matches the pattern; check path = {entry.path!r}")
    return (files, []) if entry.format != "auto" else _readable(files, str(target), entry)


def _remote_files(entry: CorpusInput) -> tuple[Sequence[InputFile], Sequence[InputFile]]:
    """The same for an address."""
    with reading(entry.path):
        files, named = remote_files(entry.path)
    if named:
        return [_one_readable(files[0], entry)], []
    if not files and glob.has_magic(entry.path):
        raise UserError(f"{entry.path}: no file matches the pattern; check path = {entry.path!r}")
    is_folder = not glob.has_magic(entry.path)
    return (files, []) if entry.format != "auto" and not is_folder else _readable(files, entry.path, entry)


def _one_readable(file: File, entry: CorpusInput) -> File:
    """A file that was named outright, if its format is known."""
    if entry.format == "auto" and not is_container(file.name) and found_format(file) is None:
        suffix = inner_suffix(file.name) or PurePosixPath(file.name).suffix or file.name
        raise UserError(
            f'{file}: "{suffix}" is not a text format; {_allowed(entry)}; if it holds text, set format = "txt"'
        )
    return file


def _matches(pattern: str, base: Path) -> Iterable[Path]:
    # Path.glob takes no absolute pattern, and its `**` leaves out files
    return (base / match for match in glob.iglob(pattern, root_dir=base, recursive=True))  # noqa: PTH207


def _below(folder: Path) -> list[Path]:
    """All files under a folder except hidden ones."""
    return sorted(
        path
        for path in folder.rglob("*")
        if not any(part.startswith(".") for part in path.relative_to(folder).parts) and path.is_file()
    )


def _readable(files: Sequence[File], place: str, entry: CorpusInput) -> tuple[list[File], list[File]]:
    readable: list[File] = []
    others: list[File] = []
    for path in files:
        (readable if is_container(path.name) or accepts(entry, path) else others).append(path)
    if not readable:
        raise nothing_readable(place, [path.name for path in files], entry)
    return readable, others


def fingerprint(file: InputFile) -> str:
    """Size and time of change of a file: content is not read, so a terabyte costs nothing. Of a file in an object
    store, what the store says of it.

    Raises:
        UserError: the file is missing.
    """
    if isinstance(file, RemoteFile):
        return file.fingerprint
    if not file.is_file():
        raise UserError(f"{file}: no such file; paths in a recipe are relative to the recipe's folder")
    status = file.stat()
    return f"{status.st_size} bytes, {status.st_mtime_ns}"


def size_of(file: InputFile) -> int:
    """Bytes of a file as it is stored; 0 where its store does not say."""
    size = fingerprint(file).partition(" ")[0]
    return int(size) if size.isdigit() else 0


def format_of(name: str) -> Format | None:
    """The format that a file name promises, compression aside."""
    suffix = inner_suffix(name)
    if suffix != _LZ4:
        return _SUFFIXES.get(suffix)
    found = _SUFFIXES.get(inner_suffix(name[: -len(_LZ4)]))
    return found if found in ("warc", "wet") else None


def is_container(name: str) -> bool:
    """Whether the name is that of an archive of files."""
    return inner_suffix(name) in _CONTAINERS


def record_format(found: Format | None) -> RecordFormat | None:
    """The format as one of records; None if it is not."""
    return next((known for known in get_args(RecordFormat) if known == found), None)


def found_format(file: InputFile) -> Format | None:
    """The format of a file: what its name promises, else what its first bytes show."""
    found = format_of(file.name)
    if found is not None or is_container(file.name):
        return found
    return sniffed_format(file.name, _head(file))


def sniffed_format(name: str, head: bytes) -> Format | None:
    """The format of a file whose name does not tell it, by its first bytes."""
    return "jsonl" if inner_suffix(name) == ".json" and has_json_lines(head) else sniff(head)


def is_disguised(chosen: Format | None, head: bytes) -> bool:
    """Whether what is called a text is a crawl file (`sample.warc.txt`)."""
    return chosen == "txt" and sniff(head) == "warc"


def _head(file: InputFile) -> bytes:
    with reading(str(file)), file.open("rb") as stream:
        head: bytes = stream.read(HEAD_BYTES)
    return head


def may_be_read(name: str) -> bool:
    """Whether a file met in a folder or an archive may be one to read: of a known suffix, or `.xml`, `.json`."""
    return format_of(name) is not None or inner_suffix(name) in _SNIFFED


def accepts(entry: CorpusInput, file: InputFile) -> bool:
    """Whether a file met in a folder is one to read."""
    found = found_format(file) if may_be_read(file.name) else None
    if entry.format == "warc" and found == "txt":
        return is_disguised(found, _head(file))
    return found is not None and entry.format in ("auto", found)


def suffixes_of(names: Iterable[str], at_most: int = 5) -> str:
    """How many files there are of each suffix, the most frequent first: `7 .json.gz, 2 .png`."""
    suffixes = Counter(map(suffix_of, names))
    more = ", ..." if len(suffixes) > at_most else ""
    return ", ".join(f"{count:,} {suffix}" for suffix, count in suffixes.most_common(at_most)) + more


def nothing_readable(place: str, names: Sequence[str], entry: CorpusInput) -> UserError:
    """The error for a folder or an archive without a file to read: what was found and what is allowed."""
    if not names:
        return UserError(f"{place}: there is no file in it; {_allowed(entry)}")
    hint = 'a file or a glob with format = "..." is read whatever its suffix'
    return UserError(f"{place}: no readable file in it, found {suffixes_of(names)}; {_allowed(entry)}; {hint}")


def _allowed(entry: CorpusInput) -> str:
    suffixes = [suffix for suffix, found in _SUFFIXES.items() if entry.format in ("auto", found)]
    if entry.format in ("auto", "wikipedia"):
        suffixes.append(".xml of Wikipedia")
    if entry.format in ("auto", "jsonl"):
        suffixes.append(".json with an object a line")
    packed = f"{', '.join(COMPRESSIONS[:-1])} or {COMPRESSIONS[-1]}"
    return f"allowed: {', '.join(suffixes)} (plain, {packed}) and archives of these (.zip, .tar, .tar.gz, .tar.zst)"
