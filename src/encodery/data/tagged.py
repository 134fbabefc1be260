"""Texts with entities: spans of characters, or words with tags."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, TypeGuard

from encodery.data import columns
from encodery.data.formats.tags import spans_of_tags, split_tag
from encodery.data.scripts import is_unspaced
from encodery.errors import UserError
from encodery.files.records import Record

OUTSIDE = "O"
Span = tuple[int, int]


class Entity(NamedTuple):
    """Characters of a text (code points, half-open) and what they name."""

    start: int
    end: int
    label: str


class TaggedFields(columns.Fields):
    """The columns that hold the text and its entities; or, in place of both, words and their tags."""

    text: str = "text"
    entities: str = "entities"
    tokens: str = "tokens"
    tags: str = "tags"
    language: str = "language"


@dataclass(frozen=True)
class TaggedExample:
    """A text with its entities, in order, if they are known; `source` is `file:line`."""

    text: str
    entities: tuple[Entity, ...] | None
    words: tuple[Span, ...] | None
    """Where the words stand, if the record gave words: the text is these, with spaces as their script has them."""
    source: str
    language: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """What a tokenizer reads of it."""
        return (self.text,)


def read_tagged(source: str, record: Record, fields: TaggedFields) -> TaggedExample:
    """A labelled record: words and tags if it has these columns, else a text and its entities.

    Raises:
        UserError: a column is missing, a text is blank, a span is outside of the text or overlaps another, or a tag
            is of no scheme; begins with `source`.
    """
    language = columns.language(source, record, fields.language)
    if fields.tokens in record and fields.text not in record:
        words = _words(source, columns.column(source, record, "tokens", fields.tokens), fields.tokens)
        tags = columns.column(source, record, "tags", fields.tags)
        text, spans = joined(words)
        entities = _entities_of_tags(source, tags, spans, fields.tags)
        return TaggedExample(text, entities, spans, source, language)
    text = columns.text(source, record, "text", fields.text)
    stated = columns.column(source, record, "entities", fields.entities)
    return TaggedExample(text, _entities(source, stated, text, fields.entities), None, source, language)


def input_tagged(source: str, record: Record) -> TaggedExample:
    """A record to predict for, with `text` or `tokens`; entities and tags in it are passed over.

    Raises:
        UserError: it has neither or both, or they are no text; begins with `source`.
    """
    language = columns.given_language(source, record)
    if "tokens" not in record:
        return TaggedExample(columns.given_text(source, record, "text"), None, None, source, language)
    if "text" in record:
        raise UserError(f"{source}: both text and tokens; give one of them")
    text, spans = joined(_words(source, record["tokens"], "tokens"))
    return TaggedExample(text, None, spans, source, language)


def joined(words: Sequence[str]) -> tuple[str, tuple[Span, ...]]:
    """The words as a text, with a space between two unless their script has none, and where each one is."""
    text = ""
    spans = []
    for word in words:
        if text and not (word and is_unspaced(text[-1]) and is_unspaced(word[0])):
            text += " "
        spans.append((len(text), len(text) + len(word)))
        text += word
    return text, tuple(spans)


def tags_of(words: Sequence[Span], entities: Iterable[Entity]) -> list[str]:
    """The tag (IOB2) of each word; an entity is in the words of which it has a character."""
    tags = [OUTSIDE] * len(words)
    for start, end, label in entities:
        inside = [index for index, word in enumerate(words) if word[0] < end and start < word[1]]
        for place, index in enumerate(inside):
            tags[index] = f"{'I' if place else 'B'}-{label}"
    return tags


def _words(source: str, words: Any, name: str) -> list[str]:
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UserError(f"{source}: {name} = {words!r:.80} is no list of strings; repair the record")
    if not words or not all(word.strip() for word in words):
        raise UserError(f"{source}: {name} = {words!r:.80} has an empty word, or none at all; repair the record")
    return words


def _entities_of_tags(source: str, tags: Any, words: Sequence[Span], name: str) -> tuple[Entity, ...]:
    """What the tags of words spell, in whatever scheme; a tag that continues nothing begins an entity."""
    if not isinstance(tags, list) or len(tags) != len(words):
        shown = f"{len(tags)} tags" if isinstance(tags, list) else f"{tags!r:.80}"
        raise UserError(f"{source}: {name} = {shown} for {len(words)} words; give each word one tag")
    for tag in tags:
        if not isinstance(tag, str) or not split_tag(tag)[0]:
            raise UserError(
                f"{source}: tag {tag!r:.80} is neither O nor a label behind B-, I-, E-, S-, L- or U-; correct it"
            )
    spans = spans_of_tags(tags)
    return tuple(Entity(words[span.start][0], words[span.stop - 1][1], span.label) for span in spans)


def _entities(source: str, stated: Any, text: str, name: str) -> tuple[Entity, ...]:
    if not isinstance(stated, list):
        raise UserError(f"{source}: {name} = {stated!r:.80} is no list; give a list of start, end and label")
    entities = sorted(_entity(source, entity, text, name) for entity in stated)
    for first, second in pairwise(entities):
        if second.start < first.end:
            raise UserError(
                f"{source}: {name}: {first.start}-{first.end} ({first.label}) and {second.start}-{second.end} "
                f"({second.label}) overlap; a character can be in one entity only"
            )
    return tuple(entities)


def _entity(source: str, entity: Any, text: str, name: str) -> Entity:
    """An entity without the white space at its ends, which no token holds."""
    wanted = f"{source}: {name}: {entity!r:.80}"
    if not isinstance(entity, dict):
        raise UserError(f"{wanted} is no object with start, end and label")
    start, end, label = (entity.get(key) for key in ("start", "end", "label"))
    if not _is_whole(start) or not _is_whole(end) or not isinstance(label, str) or not label:
        raise UserError(f"{wanted}: start and end must be whole numbers, label a string")
    if not 0 <= start < end <= len(text) or not text[start:end].strip():
        raise UserError(f"{wanted}: no characters of the text, which has {len(text)}; correct the offsets")
    inner = text[start:end]
    return Entity(start + len(inner) - len(inner.lstrip()), start + len(inner.rstrip()), label)


def _is_whole(number: Any) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool)
