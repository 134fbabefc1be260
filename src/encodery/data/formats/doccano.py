"""doccano: a text a line, its entities as `[start, end, label]` or, with relations, as objects."""

from typing import Any

from encodery.data.formats.conversion import as_entities
from encodery.data.formats.entities import entity, located
from encodery.data.formats.options import FormatOptions
from encodery.errors import UserError
from encodery.files.records import Record

_KEYS = ("label", "labels", "entities", "annotations")
"""Where one version or another of doccano writes entities."""
_OFFSETS = {"start_offset", "end_offset", "label"}


def looks_like_doccano(row: Any) -> bool:
    """Whether a record has entities as doccano writes them."""
    return isinstance(row, dict) and any(_is_spans(row.get(key)) for key in _KEYS)


def decode_doccano(source: str, row: Any, options: FormatOptions) -> Record | None:
    """A line of the export as a record; labels of whole texts stay under `label`.

    Raises:
        UserError: no text, or entities that are not in the text.
    """
    if not isinstance(row, dict):
        raise UserError(f"{source}: {row!r:.80} where an object is expected; export as JSONL")
    record = dict(row)
    if "text" not in record and "data" in record:
        record["text"] = record.pop("data")
    text = record.get("text")
    if not isinstance(text, str):
        raise UserError(f"{source}: text = {text!r:.80} is not a string; the keys are: {', '.join(row) or 'none'}")
    spans: list[Any] | None = None
    for key in _KEYS:
        if key in record and (record[key] in ([], None) or _is_spans(record[key])):
            spans = (spans or []) + (record.pop(key) or [])
    if spans is None:
        return record
    entities = [_entity(source, span) for span in spans]
    return {"text": text, "entities": located(source, text, entities, check=options.check_offsets)} | {
        key: value for key, value in record.items() if key != "text"
    }


def _is_spans(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_span(span) for span in value)


def _is_span(span: Any) -> bool:
    if isinstance(span, dict):
        return span.keys() >= _OFFSETS
    return isinstance(span, list) and len(span) == 3 and isinstance(span[0], int) and isinstance(span[1], int)


def _entity(source: str, span: Any) -> Record:
    if isinstance(span, dict):
        extra = {key: value for key, value in span.items() if key not in _OFFSETS}
        return entity(source, span["start_offset"], span["end_offset"], span["label"], extra)
    return entity(source, *span)


def prepare_doccano(source: str, record: Record) -> Record:
    """The record in the form with text.

    Raises:
        UserError: it has neither text nor words, or entities and a label of the whole text.
    """
    record = as_entities(source, record)
    if "entities" in record and ("label" in record or "labels" in record):
        raise UserError(f"{source}: entities and a label of the whole text; doccano holds one of them; write jsonl")
    return record


def encode_doccano(record: Record) -> Record:
    """A prepared record as a line of the export."""
    if "entities" not in record:
        return record
    rest = {key: value for key, value in record.items() if key != "entities"}
    places = record["entities"]
    if any(len(place) > 3 for place in places):
        names = {"start": "start_offset", "end": "end_offset"}
        return rest | {"entities": [{names.get(key, key): value for key, value in place.items()} for place in places]}
    return rest | {"label": [[place["start"], place["end"], place["label"]] for place in places]}
