"""Sentences written as columns, the inverse of `conll`."""

from collections.abc import Iterator, Sequence

from encodery.data.formats.conversion import as_tags, only_keys
from encodery.data.formats.options import FormatOptions
from encodery.data.formats.tags import from_iob2
from encodery.errors import UserError
from encodery.files.records import Record

_KEPT = ("tokens", "tags", "columns", "comments", "docstart")


def prepare_columns(source: str, record: Record, indexed: bool) -> Record:
    """The record with words and tags, and nothing that columns cannot hold.

    Raises:
        UserError: other keys, no words or no tags, overlapping entities.
    """
    record = as_tags(source, record)
    only_keys(source, record, (*_KEPT, "first_index") if indexed else _KEPT, "a file of columns")
    if not record["tokens"] or "tags" not in record:
        raise UserError(f"{source}: a sentence without {'tags' if record['tokens'] else 'words'}; columns hold both")
    return record


def column_lines(records: Sequence[Record], indexed: bool, options: FormatOptions) -> Iterator[str]:
    """The lines of the file, prepared records in their order, tags in the scheme of the options (IOB2 if none).

    Raises:
        UserError: a cell that holds a separator or nothing, records with different columns.
    """
    tables = []
    for number, record in enumerate(records, start=1):
        tables.append(_table(f"record {number}", record, indexed, options))
        if len(tables[-1][0]) != len(tables[0][0]):
            raise UserError(
                f"record {number}: {len(tables[-1][0])} columns where the first record has {len(tables[0][0])}; "
                "a file has the same columns throughout"
            )
    separator = "\t" if indexed or any(" " in cell for table in tables for row in table for cell in row) else " "
    for number, (record, table) in enumerate(zip(records, tables, strict=True), start=1):
        if record.get("docstart") is not None:
            yield from (_whole_line(f"record {number}", record["docstart"]), "")
        comments = list(record.get("comments", ()))
        for at, row in enumerate(table):
            while comments and comments[0][0] <= at:
                yield _whole_line(f"record {number}", comments.pop(0)[1])
            yield separator.join(_cell(f"record {number}", cell, separator) for cell in row)
        yield from (_whole_line(f"record {number}", line) for _, line in comments)
        yield ""


def _table(source: str, record: Record, indexed: bool, options: FormatOptions) -> list[list[str]]:
    """Rows of cells: what is under `columns` in its place; in the places left index, word and tag."""
    columns = {int(at): column for at, column in record.get("columns", {}).items()}
    first = record.get("first_index", 1)
    tags = from_iob2(record["tags"], options.tag_scheme or "IOB2")
    if options.token_column:
        columns[options.token_column] = record["tokens"]
    if options.tag_column:
        columns[options.tag_column] = tags
    rest = [] if options.tag_column else [tags]
    rest = rest if options.token_column else [record["tokens"], *rest]
    if indexed and 1 not in columns:
        columns[1] = [str(first + at) for at in range(len(tags))]
    places = (at for at in range(1, len(columns) + len(rest) + 1) if at not in columns)
    columns |= dict(zip(places, rest, strict=False))
    width = max(columns)
    if sorted(columns) != list(range(1, width + 1)) or len({len(column) for column in columns.values()}) != 1:
        raise UserError(f"{source}: the columns are not one cell for each word; repair the record")
    return [list(row) for row in zip(*(columns[at] for at in range(1, width + 1)), strict=True)]


def _cell(source: str, cell: str, separator: str) -> str:
    if not cell or any(character in cell for character in ("\t", "\n", "\r", separator)):
        raise UserError(f"{source}: {cell!r:.80} cannot stand in a column (a separator, or nothing); write jsonl")
    return cell


def _whole_line(source: str, line: str) -> str:
    if "\n" in line or "\r" in line:
        raise UserError(f"{source}: {line!r:.80} is more than one line; write jsonl")
    return line
