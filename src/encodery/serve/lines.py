"""Files of records through a model folder, for the command line."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, cast

from encodery.data.examples import read_records
from encodery.errors import UserError
from encodery.serve.predictor import load, to_example

RECORDS_AT_ONCE = 1024


def predict_lines(model: Path, text: str | None, file: Path | None) -> Iterator[str]:
    """Predictions as JSON lines; raises as `predict_records`."""
    for _, prediction in predict_records(model, text, file):
        yield json.dumps(prediction, ensure_ascii=False)


def predict_records(
    model: Path, text: str | None, file: Path | None
) -> Iterator[tuple[str | Mapping[str, Any], dict[str, Any]]]:
    """One text or every record of a file, in order, with the prediction for it.

    Raises:
        UserError: neither or both are given, or a record is not one; names file and line.
    """
    if (text is None) == (file is None):
        raise UserError("predict needs either a text or --file records.jsonl")
    predictor = load(model)
    task = predictor.task
    given: Iterable[tuple[str, str | Mapping[str, Any]]]
    given = [("the text", text)] if text is not None else read_records(cast(Path, file))
    read = ((record, to_example(task, record, source)) for source, record in given)
    while chunk := list(islice(read, RECORDS_AT_ONCE)):
        predictions = predictor.predict_examples(example for _, example in chunk)
        yield from ((record, prediction) for (record, _), prediction in zip(chunk, predictions, strict=True))
