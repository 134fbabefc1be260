"""Comma- and tab-separated tables as rows of cells, each with the line it starts on."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from encodery.errors import DamageError, UserError
from encodery.files.streams import MAX_LINE_BYTES, UNREADABLE

Row = tuple[int, list[str]]
Damaged = Callable[[DamageError], None]

_QUOTING_HINT = "quote a field that holds a comma, a quote or a line break, and double the quotes inside it"
# What follows an opening quote: the content, then a closing quote that ends the field, or the end of the line.
_QUOTED = re.compile(r'([^"]*+(?:""[^"]*+)*+)(?:"(\t|\Z)|\Z)')

# A number, the end of a sentence, or five words and more.
_SENTENCE_OR_NUMBER = re.compile(r"^[-+]?[0-9.]+$|[.!?。！？]$|(\S+ ){4}\S")


def read_table(
    lines: Iterator[str], name: str, delimiter: str, damaged: Damaged | None = None
) -> Iterator[tuple[int, dict[str, str]]]:
    """The records of a table whose first row names the columns; blank lines are skipped.

    Args:
        damaged: told of each row that does not fit, which is then passed over, as are those with a line that could
            not be read (`UNREADABLE`). The next row is looked for on the next line.

    Raises:
        UserError: a column name twice, a row with more or fewer cells than the header, broken quoting.
    """
    first = next(lines, "")
    if first == UNREADABLE:
        raise DamageError(f"{name}: the names of the columns, in its first line, cannot be read; repair that line")
    lines = chain([first], lines)
    report = _raise if damaged is None else damaged
    rows = _read_csv(lines, name, report) if delimiter == "," else _read_tsv(lines, name, report)
    line, header = next(rows, (1, []))
    for column in header:
        if header.count(column) > 1:
            hint = f"rename one{missing_header_hint(header)}"
            raise UserError(f"{name}:{line}: the column {column!r:.80} appears twice in the header; {hint}")
    for line, row in rows:
        if len(row) != len(header):
            columns = ", ".join(header)
            report(
                DamageError(
                    f"{name}:{line}: {len(row)} columns where the header has {len(header)} ({columns}); "
                    "fix the row or its quotes"
                )
            )
            continue
        yield line, dict(zip(header, row, strict=True))


def _raise(error: DamageError) -> None:
    raise error


def missing_header_hint(header: Iterable[str]) -> str:
    """What to add to a message about missing columns when the first row looks like data: nothing, or `; ...`.

    Names of columns are short, have no sentence marks and are no numbers.
    """
    cells = [cell.strip() for cell in header]
    odd = [cell for cell in cells if len(cell) > 40 or _SENTENCE_OR_NUMBER.search(cell) or not cell]
    return "; the first row looks like data: add a header line with the names of the columns" if odd else ""


class _UnreadableError(Exception):
    """A line that could not be read, which somebody was told of."""


class _Lines:
    """Lines with their ends. No generator: what follows a line that cannot be read comes when it is asked for."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        if line == UNREADABLE:
            raise _UnreadableError
        return line + "\n"


def _read_csv(lines: Iterator[str], name: str, report: Damaged) -> Iterator[Row]:
    """Rows by the rules of RFC 4180: fields in double quotes may hold commas, doubled quotes and line breaks."""
    csv.field_size_limit(MAX_LINE_BYTES)  # a setting of the whole process; its default stops at 128 KiB
    reader = csv.reader(_Lines(lines), strict=True)
    lost = 0  # lines that the reader did not see
    while True:
        start = reader.line_num + lost + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            report(DamageError(f"{name}:{start}: broken CSV ({error}); {_QUOTING_HINT}"))
            continue
        except _UnreadableError:
            lost += 1
            continue
        if row is None:
            return
        if row:
            yield start, row


def _read_tsv(lines: Iterator[str], name: str, report: Damaged) -> Iterator[Row]:
    """Rows of a table in which quotes may or may not mean anything: both habits exist, often unannounced.

    A field in double quotes is unquoted when its quotes close properly: inner quotes doubled, a tab or the end of
    the line behind the closing one, as many cells as the header has. It may run over several lines, unless the line
    and the next one are whole rows when taken literally. Every other quote is an ordinary character.
    """
    numbered = enumerate(lines, start=1)
    width = 0
    current = next(numbered, None)
    while current is not None:
        start, line = current
        current = next(numbered, None)
        if not line.strip() or line == UNREADABLE:
            continue
        cells, part = _split(line)
        literal = line.split("\t")
        whole = part is None and len(cells) == width
        alone = part is None or current is None or _is_row(current[1], width)
        if width and not whole and len(literal) == width and alone:
            cells, part = literal, None
        length = len(line)
        while part is not None:
            if current is None or length > MAX_LINE_BYTES or not _goes_on(current[1]):
                report(DamageError(f"{name}:{start}: a field opens with a quote that is not closed; {_QUOTING_HINT}"))
                cells = []
                break
            more, part = _split(current[1], part)
            cells += more
            length += len(current[1])
            current = next(numbered, None)
        width = width or len(cells)
        if cells:
            yield start, cells


def _goes_on(line: str) -> bool:
    """Whether a quoted field may go on here."""
    return line != UNREADABLE and _QUOTED.match(line) is not None


def _is_row(line: str, width: int) -> bool:
    """Whether a line is a whole row by itself (or blank)."""
    return not line.strip() or line == UNREADABLE or line.count("\t") + 1 == width or (len(_split(line)[0]) == width)


def _split(line: str, part: list[str] | None = None) -> tuple[list[str], list[str] | None]:
    """The cells that end on this line and, line by line, the quoted field that is still open at its end.

    `part` is the field that the lines before left open.
    """
    cells: list[str] = []
    position = 0
    while True:
        opens = part is None and line.startswith('"', position)
        if opens or part is not None:
            match = _QUOTED.match(line, position + opens)
            if match is not None:
                part = [*(part or []), match[1]]
                if match[2] is None:
                    return cells, part
                cells.append("\n".join(part).replace('""', '"'))
                if not match[2]:
                    return cells, None
                part, position = None, match.end()
                continue
            part = None  # a lone quote inside: the field is not quoted after all
        end = line.find("\t", position)
        cells.append(line[position:] if end < 0 else line[position:end])
        if end < 0:
            return cells, None
        position = end + 1
