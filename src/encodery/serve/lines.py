"""Files of records through a model folder, for the command line."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from encodery.data.examples import Example, ExampleFields, read_examples, read_records
from encodery.errors import UserError
from encodery.serve.predictor import load, to_example
from encodery.tasks.task import Scored

RECORDS_AT_ONCE = 1024


def predict_lines(model: Path, text: str | None, file: Path | None) -> Iterator[str]:
    """Predictions as JSON lines, for one text or for every record of a file, in order.

    Raises:
        UserError: neither or both are given, or a record is not one; names file and line.
    """
    if (text is None) == (file is None):
        raise UserError("predict needs either a text or --file records.jsonl")
    predictor = load(model)
    examples = iter([to_example(text, "the text")]) if text is not None else _examples(file)
    while chunk := list(islice(examples, RECORDS_AT_ONCE)):
        for prediction in predictor.predict_examples(chunk):
            yield json.dumps(prediction, ensure_ascii=False)


def _examples(file: Path | None) -> Iterator[Example]:
    assert file is not None
    for source, record in read_records(file):
        yield to_example(record, source)


def evaluate_file(model: Path, data: Path, fields: Sequence[str]) -> str:
    """The task's scores over a labelled file, as one JSON object.

    Raises:
        UserError: a field is no `ours=theirs`, the file is not readable, or a label is not the model's.
    """
    pairs = [field.partition("=") for field in fields]
    if wrong := [field for field, (_, equals, _) in zip(fields, pairs, strict=True) if not equals]:
        raise UserError(f"--field {wrong[0]}: write it as OURS=THEIRS, for example --field text=sentence")
    columns = ExampleFields.parse({ours: theirs for ours, _, theirs in pairs}, "--field")
    examples = read_examples(data, columns, require_label=True)
    predictor = load(model)
    if not isinstance(predictor.task, Scored):
        raise UserError(
            f"{model}: its task is {predictor.task.name}, which has no scores; fine-tune it for one that has"
        )
    scores = predictor.task.score(predictor.predict_examples(examples), examples)
    return json.dumps({"examples": len(examples), **scores}, ensure_ascii=False)
