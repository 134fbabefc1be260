"""The two forms of tagged records, words with tags and text with entities, each as the other.

From words to text and back is no round trip: words are joined by spaces, and texts are cut at spaces, around
punctuation and where entities begin and end.
"""

import re
from collections.abc import Collection
from itertools import pairwise
from typing import Any

from encodery.data.formats.entities import entity
from encodery.data.formats.tags import Span, spans_of_tags, tags_of_spans
from encodery.errors import UserError
from encodery.files.records import Record

_WORD = re.compile(r"\w+|[^\w\s]")


def as_entities(source: str, record: Record) -> Record:
    """The record with `text` (and `entities`) instead of `tokens` (and `tags`); others stay as they are.

    Raises:
        UserError: it has neither words nor a text.
    """
    if isinstance(record.get("text"), str):
        _entities(source, record)
        return record
    tokens = _tokens(source, record)
    starts, at = [], 0
    for token in tokens:
        starts.append(at)
        at += len(token) + 1
    converted: Record = {"text": " ".join(tokens)}
    if record.get("tags") is not None:
        converted["entities"] = [
            {
                "start": starts[span.start],
                "end": starts[span.stop - 1] + len(tokens[span.stop - 1]),
                "label": span.label,
            }
            for span in spans_of_tags(_tags(source, record, tokens))
        ]
    return converted | {key: value for key, value in record.items() if key not in ("tokens", "tags")}


def as_tags(source: str, record: Record) -> Record:
    """The record with `tokens` (and `tags`, in IOB2) instead of `text` (and `entities`).

    Raises:
        UserError: it has neither, or entities that overlap, are outside the text or hold no word.
    """
    if "tokens" in record:
        _tags(source, record, _tokens(source, record))
        return record
    text = record.get("text")
    if not isinstance(text, str):
        raise UserError(f"{source}: neither 'tokens' nor 'text'; the keys are: {', '.join(record) or 'none'}")
    entities = _entities(source, record)
    words = _words(text, {place[edge] for place in entities for edge in ("start", "end")})
    converted: Record = {"tokens": [text[start:end] for start, end in words]}
    if record.get("entities") is not None:
        converted["tags"] = _tags_of_entities(source, entities, words)
    return converted | {key: value for key, value in record.items() if key not in ("text", "entities")}


def only_keys(source: str, record: Record, allowed: Collection[str], where: str) -> None:
    """Refuse a record that would lose something.

    Raises:
        UserError: names the keys that have no place.
    """
    if lost := [key for key in record if key not in allowed]:
        raise UserError(f"{source}: {where} has no place for {', '.join(map(repr, lost))}; remove it or write jsonl")


def _entities(source: str, record: Record) -> list[Any]:
    entities = record.get("entities")
    if entities is None:
        return []
    if not isinstance(entities, list) or not all(isinstance(place, dict) for place in entities):
        raise UserError(f"{source}: entities = {entities!r:.80} is not a list of objects; repair the record")
    for place in entities:
        entity(source, place.get("start"), place.get("end"), place.get("label"))
    return entities


def _words(text: str, cuts: set[int]) -> list[tuple[int, int]]:
    words = []
    for match in _WORD.finditer(text):
        edges = [match.start(), *sorted(cut for cut in cuts if match.start() < cut < match.end()), match.end()]
        words += list(pairwise(edges))
    return words


def _tags_of_entities(source: str, entities: list[Any], words: list[tuple[int, int]]) -> list[str]:
    spans = []
    for place in entities:
        inside = [at for at, (start, end) in enumerate(words) if place["start"] <= start and end <= place["end"]]
        if not inside:
            raise UserError(f"{source}: the entity {place!r:.80} holds no word; repair it")
        spans.append(Span(inside[0], inside[-1] + 1, place["label"]))
    try:
        return tags_of_spans(spans, len(words))
    except UserError as error:
        raise UserError(f"{source}: {error}") from None


def _tokens(source: str, record: Record) -> list[str]:
    tokens = record.get("tokens")
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise UserError(f"{source}: tokens = {tokens!r:.80} is not a list of texts; repair the record")
    return tokens


def _tags(source: str, record: Record, tokens: list[str]) -> list[str]:
    tags = record.get("tags")
    if tags is None:
        return []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise UserError(f"{source}: tags = {tags!r:.80} is not a list of texts; repair the record")
    if len(tags) != len(tokens):
        raise UserError(f"{source}: {len(tags)} tags for {len(tokens)} words; repair the record")
    return tags
