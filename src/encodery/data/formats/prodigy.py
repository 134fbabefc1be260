"""Prodigy: a task a line, with `spans` or a `label` and the annotator's answer.

Only what was accepted becomes a record: of a rejected task nobody knows the right labels, an ignored one has none.
"""

from typing import Any

from encodery.data.formats.conversion import as_entities
from encodery.data.formats.entities import entity, located
from encodery.data.formats.options import FormatOptions
from encodery.errors import UserError
from encodery.files.records import Record

ANSWERS = ("accept", "reject", "ignore")
_KEPT = "prodigy"
"""The key of a record for what only Prodigy understands, such as its own tokens."""
_OURS = ("text", "spans", "label", "accept", "meta", "id")


def looks_like_prodigy(row: Any) -> bool:
    """Whether a record is a task with spans or with an answer."""
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        return False
    spans = row.get("spans")
    listed = isinstance(spans, list) and all(isinstance(span, dict) and "label" in span for span in spans)
    return listed or row.get("answer") in ANSWERS or "_task_hash" in row


def decode_prodigy(source: str, row: Any, options: FormatOptions) -> Record | None:
    """A task as a record; None unless it was accepted.

    Raises:
        UserError: no text, an answer that Prodigy does not know, or spans that are not in the text.
    """
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise UserError(f"{source}: {row!r:.80} is no task with a text; export with `prodigy db-out`")
    answer = row.get("answer", "accept")
    if answer not in ANSWERS:
        raise UserError(f"{source}: answer = {answer!r:.80}; allowed: {', '.join(ANSWERS)}")
    if answer != "accept":
        return None
    record: Record = {"text": row["text"]}
    if row.get("spans") is not None:
        record["entities"] = _entities(source, row, options)
    if isinstance(row.get("accept"), list):
        record["label"] = row["accept"][0] if len(row["accept"]) == 1 else row["accept"]
    elif "label" in row:
        record["label"] = row["label"]
    record |= {key: row[key] for key in ("meta", "id") if key in row}
    kept = {key: value for key, value in row.items() if key not in _OURS}
    return record | ({_KEPT: kept} if kept else {})


def _entities(source: str, row: Record, options: FormatOptions) -> list[Record]:
    entities = []
    for span in row["spans"]:
        if not isinstance(span, dict):
            raise UserError(f"{source}: the span {span!r:.80} is not an object; export with `prodigy db-out`")
        extra = {key: value for key, value in span.items() if key not in ("start", "end", "label")}
        entities.append(entity(source, span.get("start"), span.get("end"), span.get("label"), extra))
    return located(source, row["text"], entities, check=options.check_offsets)


def prepare_prodigy(source: str, record: Record) -> Record:
    """The record in the form with text, other columns under `prodigy`.

    Raises:
        UserError: it has neither text nor words.
    """
    record = as_entities(source, record)
    ours = ("text", "entities", "label", "meta", "id")
    kept = {key: value for key, value in record.items() if key not in (*ours, _KEPT)} | record.get(_KEPT, {})
    prepared = {key: record[key] for key in ours if key in record}
    return prepared | ({_KEPT: kept} if kept else {})


def encode_prodigy(record: Record) -> Record:
    """A prepared record as an accepted task."""
    task = {key: value for key, value in record.items() if key not in ("entities", "label", _KEPT)}
    if "entities" in record:
        task["spans"] = record["entities"]
    label = record.get("label")
    if "label" in record:
        task["accept" if isinstance(label, list) else "label"] = label
    kept: Record = record.get(_KEPT, {})
    return task | kept
