"""Label Studio: the JSON export (tasks with their annotations) and the shorter JSON-MIN.

Of several annotations of a task the ground truth counts, otherwise the last that was not cancelled.
"""

from typing import Any

from encodery.data.formats.conversion import as_entities
from encodery.data.formats.entities import entity, located
from encodery.data.formats.options import FormatOptions
from encodery.errors import UserError
from encodery.files.records import Record

_KEPT = "label_studio"
"""The key of a record for what only Label Studio understands."""


def looks_like_label_studio(row: Any) -> bool:
    """Whether a record is a task of either export."""
    if not isinstance(row, dict):
        return False
    if isinstance(row.get("data"), dict):
        return isinstance(row.get("annotations", row.get("completions", row.get("predictions"))), list)
    return any(_is_regions(value) for value in row.values())


def decode_label_studio(source: str, row: Any, options: FormatOptions) -> Record | None:
    """A task as a record; without `entities` and `label` where nobody has annotated it.

    Raises:
        UserError: not a task, no text, or entities that are not in the text.
    """
    if not isinstance(row, dict):
        raise UserError(f"{source}: {row!r:.80} where a task is expected; export as JSON or JSON-MIN")
    if isinstance(row.get("data"), dict):
        return _full(source, row, options)
    return _minimal(source, row, options)


def _full(source: str, task: Record, options: FormatOptions) -> Record:
    name = "annotations" if "annotations" in task else "completions"
    results, others = _results(source, task.get(name) or [])
    data = dict(task["data"])
    texts = {result.get("to_name") for result in results or []}
    key = _text_key(source, data, [name for name in texts if isinstance(name, str)])
    record: Record = {"id": task["id"]} if "id" in task else {}
    record["text"] = data.pop(key)
    record |= _labels(source, record["text"], results, options)
    rest = {name: value for name, value in task.items() if name not in ("id", "data", "annotations", "completions")}
    rest |= {"result": others} if others else {}
    rest |= {"text_key": key} if key != "text" else {}
    return record | data | ({_KEPT: rest} if rest else {})


def _results(source: str, annotations: Any) -> tuple[list[Record] | None, list[Any]]:
    """The results that are entities and choices, and all others; None where nobody has annotated."""
    if not isinstance(annotations, list) or not all(isinstance(entry, dict) for entry in annotations):
        raise UserError(f"{source}: annotations = {annotations!r:.80} is not a list of objects; export again")
    done = [entry for entry in annotations if not entry.get("was_cancelled")]
    chosen = next((entry for entry in done if entry.get("ground_truth")), done[-1] if done else None)
    if chosen is None:
        return None, []
    results = chosen.get("result") or []
    for result in results:
        kind = str(result.get("type")) if isinstance(result, dict) else ""
        if kind.endswith("labels") and kind != "labels":
            raise UserError(
                f"{source}: a result of the type {kind!r:.80}; of labels, only those of plain text are read"
            )
    ours = [result for result in results if isinstance(result, dict) and result.get("type") in ("labels", "choices")]
    return ours, [result for result in results if result not in ours]


def _text_key(source: str, data: Record, named: list[str]) -> str:
    """The column with the text: `text`, or the one that results name, or the only one that is text."""
    texts = [key for key, value in data.items() if isinstance(value, str)]
    candidates: list[str] = ["text", *named, *(texts if len(texts) == 1 else ())]
    if found := [key for key in candidates if key in texts]:
        return found[0]
    raise UserError(
        f"{source}: no column 'text'; the columns are: {', '.join(data) or 'none'}; rename the one with it"
    )


def _labels(source: str, text: str, results: list[Record] | None, options: FormatOptions) -> Record:
    if results is None:
        return {}
    values = [result["value"] for result in results if isinstance(result.get("value"), dict)]
    choices = [choice for value in values for choice in value.get("choices", ())]
    regions = [value for value in values if "start" in value]
    labels: Record = {"label": choices[0] if len(choices) == 1 else choices} if choices else {}
    if regions or not choices:
        labels["entities"] = _entities(source, text, regions, options)
    return labels


def _entities(source: str, text: str, regions: list[Record], options: FormatOptions) -> list[Record]:
    entities, stated = [], []
    for region in regions:
        for label in region.get("labels") or [None]:
            entities.append(entity(source, region["start"], region.get("end"), label))
            stated.append(region["text"] if isinstance(region.get("text"), str) else None)
    return located(source, text, entities, stated, options.check_offsets)


def _minimal(source: str, row: Record, options: FormatOptions) -> Record:
    record = dict(row)
    regions: list[Record] = []
    for key, value in row.items():
        if _is_regions(value):
            regions += value
            del record[key]
    key = _text_key(source, record, [])
    text = record.pop(key)
    found = _entities(source, text, regions, options)
    return {"text": text, "entities": found, **record}


def _is_regions(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(region, dict) and {"start", "end", "labels"} <= region.keys() for region in value)
    )


def prepare_label_studio(source: str, record: Record) -> Record:
    """The record in the form with text.

    Raises:
        UserError: it has neither text nor words.
    """
    return as_entities(source, record)


def encode_label_studio(record: Record) -> Record:
    """A prepared record as a task with one annotation."""
    kept = dict(record.get(_KEPT, {}))
    others = kept.pop("result", [])
    key = kept.pop("text_key", "text")
    data = {name: value for name, value in record.items() if name not in ("id", "text", "entities", "label", _KEPT)}
    results = [_region(key, record["text"], place) for place in record.get("entities", ())]
    label = record.get("label")
    if label is not None:
        choices = label if isinstance(label, list) else [label]
        results.append({"from_name": "class", "to_name": key, "type": "choices", "value": {"choices": choices}})
    task = {"id": record["id"]} if "id" in record else {}
    done = "entities" in record or label is not None
    return {**task, "data": {key: record["text"], **data}, "annotations": _annotation(results + others, done), **kept}


def _annotation(results: list[Any], done: bool) -> list[Record]:
    return [{"result": results}] if done else []


def _region(key: str, text: str, place: Record) -> Record:
    start, end = place["start"], place["end"]
    value = {"start": start, "end": end, "text": text[start:end], "labels": [place["label"]]}
    return {"from_name": "label", "to_name": key, "type": "labels", "value": value}
