"""Files of records through a model folder, for the command line."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, cast

from encodery.data.examples import read_records
from encodery.errors import UserError
from encodery.serve.predictor import load, to_example
from encodery.tasks.task import Trainable

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


def evaluate_file(model: Path, data: Path, fields: Sequence[str]) -> str:
    """The task's scores over a labelled file, as one JSON object.

    Raises:
        UserError: a field is no `ours=theirs`, the file is not readable, or a label is not the model's.
    """
    pairs = [field.partition("=") for field in fields]
    if wrong := [field for field, (_, equals, _) in zip(fields, pairs, strict=True) if not equals]:
        raise UserError(f"--field {wrong[0]}: write it as OURS=THEIRS, for example --field text=sentence")
    predictor = load(model)
    task = predictor.task
    columns = task.fields.parse({ours: theirs for ours, _, theirs in pairs}, "--field")
    if not isinstance(task, Trainable):
        raise UserError(f"{model}: its task is {task.name}, which has no scores; fine-tune it for one that has")
    examples = [task.read(source, record, columns) for source, record in read_records(data)]
    scores = task.score(predictor.predict_examples(examples), examples)
    return json.dumps({"examples": len(examples), **scores}, ensure_ascii=False)
