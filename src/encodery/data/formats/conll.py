"""Files of columns: a word a line, a blank line between sentences, the tag in one of the columns (CoNLL and its kin).

The file is read three times, so that none of it has to be held: once for its layout, once for its tag scheme, once
for the sentences.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from encodery.data.formats.options import FormatOptions
from encodery.data.formats.source import WordSource
from encodery.data.formats.tags import SchemeEvidence, TagScheme, split_tag, to_iob2
from encodery.errors import UserError
from encodery.files.records import Record
from encodery.files.streams import open_bytes, read_lines

DOCSTART = "-DOCSTART-"
INDEX = re.compile(r"[0-9]{1,9}")
OTHER_INDEX = re.compile(r"[0-9]+[-.][0-9]+")
"""CoNLL-U's lines of a word written together (`3-4`) and of a word left out (`5.1`)."""
_CONLLU_WIDTH, _CONLLU_TAG = 10, 4
_GAPS = re.compile(r"[ \t]+")


@dataclass(frozen=True)
class Layout:
    """How the lines of a file are to be taken apart. Columns count from 0 here."""

    tabs: bool
    width: int
    indexed: bool
    token: int
    tag: int
    tags: frozenset[str]
    """Tags on lines that are surely words: a line that opens with `#` is one, too, if it ends in such a tag."""

    def cells(self, line: str) -> list[str]:
        return cells(line, self.tabs)

    def is_word(self, row: list[str]) -> bool:
        if row[0].startswith("#"):
            return len(row) == self.width and row[self.tag] in self.tags
        return not (self.indexed and OTHER_INDEX.fullmatch(row[0]))


@dataclass
class Sentence:
    """Rows of cells, each with its line, and what stands between them."""

    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    comments: list[list[int | str]] = field(default_factory=list)
    """Lines that are no words, each with the number of words before it."""
    docstart: str | None = None


def read_columns(path: Path, indexed: bool, options: FormatOptions) -> Iterator[tuple[str, Record]]:
    """Sentences as `{"tokens", "tags"}`, tags in IOB2, each with the line of its first word; that is a `WordSource`,
    which knows those of the others.

    Also kept, where the file has them: `columns` (the cells of every other column, but the index), `comments`
    (lines that are no words, each with the number of words before it), `docstart` (the line that opens a document).

    Raises:
        UserError: columns that are missing, ragged or empty; tags of no scheme or of two.
    """
    layout = _layout(path, indexed, options)
    if layout is None:
        return
    scheme = options.tag_scheme or _scheme(path, layout)
    for sentence in _sentences(path, layout):
        source = WordSource(f"{path}:{sentence.lines[0]}", sentence.lines)
        yield source, _record(sentence, layout, scheme)


def cells(line: str, tabs: bool) -> list[str]:
    """The cells of a line; a space is only a separator where the file has no tabs."""
    return line.rstrip(" ").split("\t") if tabs else _GAPS.split(line.strip(" \t"))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with open_bytes(path) as stream:
        yield from enumerate(read_lines(stream, str(path)), start=1)


def _layout(path: Path, indexed: bool, options: FormatOptions) -> Layout | None:
    """The layout that most lines have; None for a file without a word."""
    tabs: bool | None = None
    widths: Counter[int] = Counter()
    last: set[str] = set()
    fourth: set[str] = set()
    given: set[str] = set()
    for _, line in _lines(path):
        if line.startswith(("#", DOCSTART)) or not line.strip(" \t"):
            continue
        tabs = "\t" in line.strip("\t ") if tabs is None else tabs
        row = cells(line, tabs)
        widths[len(row)] += 1
        last.add(row[-1])
        fourth.update(row[_CONLLU_TAG - 1 : _CONLLU_TAG])
        given.update(row[options.tag_column - 1 : options.tag_column] if options.tag_column else ())
    if tabs is None:
        return None
    width = widths.most_common(1)[0][0]
    token = (options.token_column or 1 + indexed) - 1
    proper = indexed and width == _CONLLU_WIDTH and not all(split_tag(tag)[0] for tag in last)
    tag = (options.tag_column or (_CONLLU_TAG if proper else width)) - 1
    if not (token < width and tag < width and token != tag):
        raise UserError(
            f"{path}: words in column {token + 1} and tags in column {tag + 1}, but the file has {width} "
            f"(separated by {'tabs' if tabs else 'spaces'}); write words and tags in columns of their own"
        )
    tags = given if options.tag_column else fourth if proper else last
    return Layout(tabs, width, indexed, token, tag, frozenset(tags))


def _sentences(path: Path, layout: Layout) -> Iterator[Sentence]:
    sentence = Sentence()
    for number, line in _lines(path):
        if not line.strip(" \t"):
            if sentence.rows:
                yield sentence
                sentence = Sentence()
            continue
        row = layout.cells(line)
        if row[0] == DOCSTART:
            if sentence.rows:
                yield sentence
                sentence = Sentence()
            sentence.docstart = line
        elif not layout.is_word(row):
            sentence.comments.append([len(sentence.rows), line])
        else:
            _check(f"{path}:{number}", row, layout)
            sentence.rows.append(row)
            sentence.lines.append(number)
    if sentence.rows:
        yield sentence


def _check(source: str, row: list[str], layout: Layout) -> None:
    if len(row) != layout.width:
        plural = "s" if len(row) != 1 else ""
        separator = "tab" if layout.tabs else "space"
        raise UserError(
            f"{source}: {len(row)} column{plural} where the other lines have {layout.width} (separated by "
            f"{separator}s): {' '.join(row)!r:.80}; repair the line, or leave one blank if a sentence ends here"
        )
    for meaning, column in (("word", layout.token), ("tag", layout.tag)):
        if not row[column].strip(" "):
            raise UserError(f"{source}: the {meaning} (column {column + 1}) is empty; write it or remove the line")
    if layout.indexed and not INDEX.fullmatch(row[0]):
        raise UserError(f"{source}: {row[0]!r:.80} where the other lines have the word's number; repair the line")


def _scheme(path: Path, layout: Layout) -> TagScheme:
    evidence = SchemeEvidence()
    for sentence in _sentences(path, layout):
        evidence.add([row[layout.tag] for row in sentence.rows], sentence.lines)
    return evidence.scheme(str(path))


def _record(sentence: Sentence, layout: Layout, scheme: TagScheme) -> Record:
    columns = list(zip(*sentence.rows, strict=True))
    record: Record = {
        "tokens": list(columns[layout.token]),
        "tags": to_iob2(columns[layout.tag], scheme),
    }
    known = {layout.token, layout.tag}
    if layout.indexed and _is_count(columns[0]):
        known.add(0)
        if columns[0][0] != "1":
            record["first_index"] = int(columns[0][0])
    if len(known) < layout.width:
        record["columns"] = {str(at + 1): list(column) for at, column in enumerate(columns) if at not in known}
    if sentence.comments:
        record["comments"] = sentence.comments
    if sentence.docstart is not None:
        record["docstart"] = sentence.docstart
    return record


def _is_count(indices: tuple[str, ...]) -> bool:
    first = int(indices[0])
    return all(index == str(first + at) for at, index in enumerate(indices))
