"""spaCy's JSON: pairs `[text, {"entities": [[start, end, label]]}]`, `Doc.to_json()`, and version 2's corpora.

`.spacy` files are refused: reading them takes spaCy's own vocabulary tables.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from encodery.data.formats.conversion import as_entities, only_keys
from encodery.data.formats.entities import entity, located
from encodery.data.formats.json_document import Document
from encodery.data.formats.options import FormatOptions
from encodery.data.formats.tables import json_rows
from encodery.data.formats.tags import spans_of_tags, tags_of_spans
from encodery.errors import UserError
from encodery.files.records import Record

_KEPT = "spacy"
"""The key of a record for what only spaCy understands."""
DOCBIN_HINT = (
    "write it as JSON Lines: import json, spacy; from spacy.tokens import DocBin; [print(json.dumps(d.to_json())) "
    "for d in DocBin().from_disk(FILE).get_docs(spacy.blank(LANGUAGE).vocab)]"
)


def rows(path: Path) -> Iterator[tuple[str, Any]]:
    """The values of the file; some annotation tools wrap training pairs: `{"classes": [...], "annotations": [...]}`.

    Raises:
        UserError: not JSON.
    """
    document = Document(path)
    if document.opens != "{" or not is_wrapped(document):
        yield from json_rows(path)
        return
    for at, row in document.array(document.start, "annotations"):
        yield document.source(at), document.sound(at, row)


def is_wrapped(document: Document) -> bool:
    """Whether the document is an object whose `annotations` are training pairs."""
    return next((key for key, _, _ in document.members(document.start)), None) in ("classes", "annotations")


def looks_like_spacy(row: Any) -> bool:
    """Whether a record is a training pair, a `Doc`, or a document of version 2."""
    if isinstance(row, list):
        return len(row) == 2 and isinstance(row[0], str) and isinstance(row[1], dict)
    if not isinstance(row, dict):
        return False
    doc = isinstance(row.get("text"), str) and ("ents" in row or isinstance(row.get("cats"), dict))
    return doc or _is_version_2(row)


def decode_spacy(source: str, row: Any, options: FormatOptions) -> Record | None:
    """A record from any of the forms; None for the `null` that annotation tools leave for an unfinished text.

    Raises:
        UserError: none of the forms, or entities that are not in the text.
    """
    if row is None:
        return None
    if isinstance(row, dict) and _is_version_2(row):
        return _version_2(source, row)
    if not looks_like_spacy(row):
        raise UserError(f'{source}: {row!r:.80} is neither [text, {{"entities": [...]}}] nor {{"text", "ents"}}')
    if isinstance(row, list):
        text, about = row[0], dict(row[1])
        places = about.pop("entities", None)
    else:
        about = dict(row)
        text, places = about.pop("text"), about.pop("ents", None)
    record: Record = {"text": text}
    if places is not None:
        entities = [_entity(source, place) for place in places]
        record["entities"] = located(source, text, entities, check=options.check_offsets)
    cats = about.get("cats")
    if isinstance(cats, dict) and cats:
        positive = [name for name, value in cats.items() if value]
        record["label"] = positive[0] if len(positive) == 1 else positive
    return record | ({_KEPT: about} if about else {})


def _entity(source: str, place: Any) -> Record:
    if isinstance(place, dict):
        extra = {key: value for key, value in place.items() if key not in ("start", "end", "label")}
        return entity(source, place.get("start"), place.get("end"), place.get("label"), extra)
    if not isinstance(place, list) or len(place) < 3:
        raise UserError(f"{source}: the entity {place!r:.80} is not [start, end, label]; repair it")
    return entity(source, *place[:3])


def _is_version_2(row: Record) -> bool:
    paragraphs = row.get("paragraphs")
    return isinstance(paragraphs, list) and all(
        isinstance(paragraph, dict) and "sentences" in paragraph for paragraph in paragraphs
    )


def _version_2(source: str, row: Record) -> Record:
    """A document of version 2 has words with BILUO tags; they are joined by spaces."""
    words = [
        word
        for paragraph in row["paragraphs"]
        for sentence in paragraph["sentences"]
        for word in sentence.get("tokens", ())
    ]
    tags = [word.get("ner", "O") for word in words]
    tags = tags_of_spans(spans_of_tags(["O" if tag == "-" else tag for tag in tags]), len(tags))
    record: Record = {"tokens": [word.get("orth", "") for word in words], "tags": tags}
    return as_entities(source, record) | ({_KEPT: {"id": row["id"]}} if "id" in row else {})


def prepare_spacy(source: str, record: Record) -> Record:
    """The record in the form with text; a label becomes spaCy's `cats`.

    Raises:
        UserError: it has neither text nor words, or keys that a training pair has no place for.
    """
    record = as_entities(source, record)
    kept = dict(record.get(_KEPT, {}))
    only_keys(source, record, ("text", "entities", "label", _KEPT), "spaCy's training pair")
    label = record.get("label")
    if label is not None and "cats" not in kept:
        kept["cats"] = dict.fromkeys(label if isinstance(label, list) else [label], 1.0)
    return {key: value for key, value in record.items() if key != _KEPT} | ({_KEPT: kept} if kept else {})


def encode_spacy(record: Record) -> Any:
    """A prepared record as a training pair; as `Doc.to_json()` has it where more is known of its entities."""
    kept = record.get(_KEPT, {})
    if "entities" not in record:
        return [record["text"], kept]
    places = record["entities"]
    if any(len(place) > 3 for place in places):
        return {"text": record["text"], "ents": places, **kept}
    return [
        record["text"],
        {"entities": [[place["start"], place["end"], place["label"]] for place in places], **kept},
    ]
