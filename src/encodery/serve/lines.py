"""Files of records through a model folder, for the command line."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import cast

from encodery.data.examples import read_records
from encodery.errors import UserError
from encodery.serve.predictor import load, to_example

RECORDS_AT_ONCE = 1024


def predict_lines(model: Path, text: str | None, file: Path | None) -> Iterator[str]:
    """Predictions as JSON lines, for one text or for every record of a file, in order.

    Raises:
        UserError: neither or both are given, or a record is not one; names file and line.
    """
    if (text is None) == (file is None):
        raise UserError("predict needs either a text or --file records.jsonl")
    predictor = load(model)
    task = predictor.task
    given = [("the text", text)] if text is not None else read_records(cast(Path, file))
    examples = (to_example(task, record, source) for source, record in given)
    while chunk := list(islice(examples, RECORDS_AT_ONCE)):
        for prediction in predictor.predict_examples(chunk):
            yield json.dumps(prediction, ensure_ascii=False)
