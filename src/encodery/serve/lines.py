"""Records through a model folder, for the command line: a text, or the records of a file with their predictions."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, cast

from rich.console import Console

from encodery.errors import UserError
from encodery.serve import files
from encodery.serve.asked import Asked
from encodery.serve.blocks import Records
from encodery.serve.json_line import json_line
from encodery.serve.predictor import load, to_example

RECORDS_AT_ONCE = 1024


def predict_lines(
    model: Path,
    text: str | None,
    file: Path | None,
    console: Console | None = None,
    skip: bool = False,
    asked: Asked | None = None,
) -> Iterator[str]:
    """Predictions as JSON lines; raises as `predict_records`.

    A file's are computed as `files.predict_file` does, and `skip` is as there; its progress is told on `console`.
    """
    _check_one(text, file)
    if file is not None:
        return files.predict_lines(model, file, console or Console(quiet=True), skip, asked)
    return (json_line(prediction).decode() for _, prediction in predict_records(model, text, None, asked))


def predict_records(
    model: Path, text: str | None, file: Path | None, asked: Asked | None = None
) -> Iterator[tuple[str | Mapping[str, Any], dict[str, Any]]]:
    """One text or every record of a file, in order, with the prediction for it.

    Raises:
        UserError: neither or both are given, or a record is not one; names file and line.
    """
    _check_one(text, file)
    predictor = load(model, asked=asked)
    task = predictor.task
    given: Iterable[tuple[str, Any]] = [("the text", text)] if text is not None else Records(cast(Path, file))
    read: Iterator[tuple[Any, Any]] = ((record, to_example(task, record, source)) for source, record in given)
    while chunk := list(islice(read, RECORDS_AT_ONCE)):
        predictions = predictor.predict_examples(example for _, example in chunk)
        yield from ((record, prediction) for (record, _), prediction in zip(chunk, predictions, strict=True))


def _check_one(text: str | None, file: Path | None) -> None:
    if (text is None) == (file is None):
        raise UserError("predict needs either a text or --file records.jsonl")
