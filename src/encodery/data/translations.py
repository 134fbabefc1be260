"""A text with its translation, and the languages of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from encodery.data import columns
from encodery.errors import UserError
from encodery.files.records import Record

_FORM = '{"en": "...", "de": "..."} is the form'


class TranslationFields(columns.Fields):
    """The columns that hold the text, its translation, and the languages of both (may be absent).

    Dots lead into tables: `text = "translation.en"`.
    """

    text: str = "text"
    translation: str = "translation"
    source_language: str = "source_language"
    target_language: str = "target_language"


@dataclass(frozen=True)
class TranslationExample:
    """A text and what it is in the other language, if that is known; `source` is `file:line`."""

    text: str
    translation: str | None
    source: str
    source_language: str | None = None
    target_language: str | None = None
    language: str | None = None
    """By what scores are told apart: the name of its file, else the direction, "en-de"."""

    @property
    def texts(self) -> tuple[str, ...]:
        """What a tokenizer reads of it."""
        return (self.text,)

    def between(self, source_language: str | None, target_language: str | None) -> "TranslationExample":
        """The same; a language that it does not say is the one given here."""
        source = self.source_language or source_language
        target = self.target_language or target_language
        named = self.language or direction(source, target)
        return replace(self, source_language=source, target_language=target, language=named)

    @property
    def direction(self) -> str | None:
        """Both languages by one name, if both are known."""
        return direction(self.source_language, self.target_language)


def direction(source: str | None, target: str | None) -> str | None:
    """Both languages by one name; None where one is not known."""
    return f"{source}-{target}" if source and target else None


def read_translation(source: str, record: Record, fields: TranslationFields) -> TranslationExample:
    """A labelled record. Without the column of the text, the translation may be a table of both sides, as the data
    sets of Hugging Face have it: from the first language to the second, or as the record's languages say.

    Raises:
        UserError: a column is missing, a text is blank or none, or the table has not the two languages; begins with
            `source`.
    """
    languages = [columns.language(source, record, name) for name in (fields.source_language, fields.target_language)]
    both = record.get(fields.translation)
    if isinstance(both, Mapping) and fields.text not in record and "." not in fields.text:
        return _from_table(source, both, fields.translation, languages)
    text, translation = (
        _side(source, record, key, name) for key, name in (("text", fields.text), ("translation", fields.translation))
    )
    return TranslationExample(text, translation, source).between(*languages)


def input_translation(source: str, record: Record) -> TranslationExample:
    """A record to predict for; a translation in it is passed over.

    Raises:
        UserError: no text, or a language that is no text; begins with `source`.
    """
    languages = [_given_language(source, record, key) for key in ("source_language", "target_language")]
    return TranslationExample(columns.given_text(source, record, "text"), None, source).between(*languages)


def sides_of(both: Mapping[str, Any], stated: Sequence[str | None]) -> tuple[str, str] | None:
    """The language of the text and that of the translation in a table of both, the first two or those that are
    stated; None where that is not clear."""
    known = [*both]
    first = stated[0] or next((language for language in known if language != stated[1]), None)
    second = stated[1] or next((language for language in known if language != first), None)
    if first is None or second is None or first == second or first not in both or second not in both:
        return None
    return None if len(known) > 2 and None in stated else (first, second)


def _from_table(source: str, both: Mapping[str, Any], name: str, stated: list[str | None]) -> TranslationExample:
    languages = sides_of(both, stated)
    if languages is None:
        raise UserError(
            f"{source}: {name} holds the languages {', '.join(both) or 'none'!s:.80}; {_FORM}, with two languages "
            "or with those of source_language and target_language"
        )
    sides = [columns.text(f"{source}: {name}", dict(both), name, language) for language in languages]
    return TranslationExample(sides[0], sides[1], source).between(*languages)


def _side(source: str, record: Record, key: str, name: str) -> str:
    """A text, in a column or inside of its table."""
    outer, _, inner = name.partition(".")
    table = record.get(outer)
    if name not in record and inner and isinstance(table, Mapping):
        return _side(f"{source}: {outer}", dict(table), key, inner)
    return columns.text(source, record, key, name)


def _given_language(source: str, record: Record, key: str) -> str | None:
    value = record.get(key)
    if not isinstance(value, str | None):
        raise UserError(f"{source}: {key} = {value!r:.80}; a string is needed")
    return value or None
