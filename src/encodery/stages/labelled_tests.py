"""Test sets in the formats of labelled data, written as records of text that the steps of a corpus read."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from encodery.artifact.disk import explained, write_bytes
from encodery.corpus.clean_table import CleanTable
from encodery.corpus.dedup.evaluation import LABELLED, EvaluationFile
from encodery.data.examples import read_records
from encodery.errors import UserError
from encodery.files.records import Record


def with_tests_written(clean: CleanTable, base: Path, into: Path) -> CleanTable:
    """The table, with the texts of its labelled test sets in files of `into`, which all workers see.

    Raises:
        UserError: as `read_records`; or a set has no text in its fields.
    """
    if clean.decontaminate is None:
        return clean
    against = [
        _written(entry, base, into / f"{number}.jsonl") if entry.format == LABELLED else entry
        for number, entry in enumerate(clean.decontaminate.against)
    ]
    decontaminate = clean.decontaminate.model_copy(update={"against": tuple(against)})
    return clean.model_copy(update={"decontaminate": decontaminate})


def _written(entry: EvaluationFile, base: Path, file: Path) -> EvaluationFile:
    path = base / entry.path
    texts = dict.fromkeys(text for _, record in read_records(path) for text in _texts(record, entry))
    if not texts:
        names = ", ".join(entry.fields) or "of any name"
        raise UserError(
            f"{path}: no text in a field {names:.80}, so nothing of it would be kept out of the corpus; set fields "
            "to names that the file has"
        )
    with explained("save", file):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(file, "".join(json.dumps({"text": text}) + "\n" for text in texts).encode())
    return entry.model_copy(update={"path": str(file), "name": entry.label, "format": "jsonl", "fields": ("text",)})


def _texts(record: Record, entry: EvaluationFile) -> Iterator[str]:
    for name in entry.fields or record:
        value: Any = record.get(name)
        strings = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        strings = [text for text in strings if isinstance(text, str) and text.strip()]
        if name == entry.words and strings:
            yield " ".join(strings)
        else:
            yield from strings
