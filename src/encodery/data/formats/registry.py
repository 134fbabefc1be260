"""The formats by name: how each is read, what a record must be to fit into it, and how it is written."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from encodery.data.formats import doccano, label_studio, prodigy, spacy
from encodery.data.formats.conll import read_columns
from encodery.data.formats.conll_writing import column_lines, prepare_columns
from encodery.data.formats.hugging_face import arrow_table, read_dataset, write_dataset
from encodery.data.formats.options import FormatOptions
from encodery.data.formats.output import compressed, write_document, write_json_lines, write_lines
from encodery.data.formats.squad import prepare_squad, read_squad, squad_document
from encodery.data.formats.tables import json_rows, prepare_row, read_json, read_plain, table_lines
from encodery.files.records import Record, RecordFormat

FormatName = Literal[
    "jsonl",
    "json",
    "csv",
    "tsv",
    "parquet",
    "hf-dataset",
    "conll",
    "conllu",
    "squad",
    "label-studio",
    "doccano",
    "prodigy",
    "spacy",
]
Located = Iterator[tuple[str, Record]]
Decode = Callable[[str, Any, FormatOptions], Record | None]
Prepare = Callable[[str, Record], Record]


@dataclass(frozen=True)
class Format:
    """A format of labelled files."""

    read: Callable[[Path, FormatOptions], Located]
    prepare: Prepare
    """The record as it will be read back, or a UserError that says why the format cannot hold it."""
    write: Callable[[Path, Sequence[Record], FormatOptions], None]


def _decoded(path: Path, options: FormatOptions, decode: Decode) -> Located:
    for source, row in json_rows(path):
        record = decode(source, row, options)
        if record is not None:
            yield source, record


def _spacy(path: Path, options: FormatOptions) -> Located:
    """Some annotation tools wrap the pairs: `{"classes": [...], "annotations": [...]}`."""
    for source, row in spacy.rows(path):
        record = spacy.decode_spacy(source, row, options)
        if record is not None:
            yield source, record


def _as_is(source: str, record: Record) -> Record:
    return record


def _plain(file_format: RecordFormat) -> Callable[[Path, FormatOptions], Located]:
    return lambda path, options: read_plain(path, file_format)


def _columns(indexed: bool) -> Format:
    return Format(
        read=lambda path, options: read_columns(path, indexed, options),
        prepare=lambda source, record: prepare_columns(source, record, indexed),
        write=lambda path, records, options: write_lines(path, column_lines(records, indexed, options)),
    )


def _table(file_format: RecordFormat, delimiter: str) -> Format:
    return Format(
        read=_plain(file_format),
        prepare=prepare_row,
        write=lambda path, records, options: write_lines(path, table_lines(records, delimiter)),
    )


def _write_parquet(path: Path, records: Sequence[Record], options: FormatOptions) -> None:
    table = arrow_table(str(path), records)
    from pyarrow import parquet

    with compressed(path) as sink:
        parquet.write_table(table, sink)


_FORMATS: dict[FormatName, Format] = {
    "jsonl": Format(_plain("jsonl"), _as_is, lambda path, records, options: write_json_lines(path, records)),
    "json": Format(read_json, _as_is, lambda path, records, options: write_document(path, records)),
    "csv": _table("csv", ","),
    "tsv": _table("tsv", "\t"),
    "parquet": Format(_plain("parquet"), _as_is, _write_parquet),
    "hf-dataset": Format(read_dataset, _as_is, write_dataset),
    "conll": _columns(indexed=False),
    "conllu": _columns(indexed=True),
    "squad": Format(
        read_squad, prepare_squad, lambda path, records, options: write_document(path, squad_document(records))
    ),
    "label-studio": Format(
        partial(_decoded, decode=label_studio.decode_label_studio),
        label_studio.prepare_label_studio,
        lambda path, records, options: write_document(
            path, [label_studio.encode_label_studio(record) for record in records]
        ),
    ),
    "doccano": Format(
        partial(_decoded, decode=doccano.decode_doccano),
        doccano.prepare_doccano,
        lambda path, records, options: write_json_lines(path, [doccano.encode_doccano(record) for record in records]),
    ),
    "prodigy": Format(
        partial(_decoded, decode=prodigy.decode_prodigy),
        prodigy.prepare_prodigy,
        lambda path, records, options: write_json_lines(path, [prodigy.encode_prodigy(record) for record in records]),
    ),
    "spacy": Format(
        _spacy,
        spacy.prepare_spacy,
        lambda path, records, options: write_document(path, [spacy.encode_spacy(record) for record in records]),
    ),
}
FORMATS: tuple[FormatName, ...] = get_args(FormatName)


def format_named(name: FormatName) -> Format:
    """The format of that name."""
    return _FORMATS[name]
