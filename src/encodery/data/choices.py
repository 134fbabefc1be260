"""A text with some choices, of which one is right."""

from dataclasses import dataclass
from typing import Any

from encodery.data import columns
from encodery.errors import UserError
from encodery.files.records import Record


class ChoiceFields(columns.Fields):
    """The columns that hold the text, the list of choices, and which of them is right, counted from 0."""

    text: str = "text"
    choices: str = "choices"
    label: str = "label"
    language: str = "language"


@dataclass(frozen=True)
class ChoiceExample:
    """A text and its choices, as many as there are; `label` is the place of the right one, if it is known."""

    text: str
    choices: tuple[str, ...]
    label: int | None
    source: str
    language: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """What a tokenizer reads of it."""
        return (self.text, *self.choices)


def read_choice(source: str, record: Record, fields: ChoiceFields) -> ChoiceExample:
    """A labelled record.

    Raises:
        UserError: a column is missing, the text or a choice is blank, there are fewer than two choices, or the label
            is none of them; begins with `source`.
    """
    stated = columns.column(source, record, "choices", fields.choices)
    choices = _choices(source, stated, fields.choices)
    if blank := [choice for choice in choices if not choice.strip()]:
        raise UserError(f"{source}: {fields.choices} holds {blank[0]!r:.80}; remove or repair the record")
    return ChoiceExample(
        columns.text(source, record, "text", fields.text),
        choices,
        _label(source, columns.column(source, record, "label", fields.label), choices, fields.label),
        source,
        columns.language(source, record, fields.language),
    )


def input_choice(source: str, record: Record) -> ChoiceExample:
    """A record to predict for; a label in it is passed over.

    Raises:
        UserError: no text, or fewer than two choices; begins with `source`.
    """
    text = columns.given_text(source, record, "text")
    choices = _choices(source, record.get("choices"), "choices")
    return ChoiceExample(text, choices, None, source, columns.given_language(source, record))


def _choices(source: str, stated: Any, name: str) -> tuple[str, ...]:
    if not isinstance(stated, list) or len(stated) < 2 or not all(isinstance(choice, str) for choice in stated):
        raise UserError(f"{source}: {name} = {stated!r:.80}; a list of two or more texts is needed")
    return tuple(stated)


def _label(source: str, label: Any, choices: tuple[str, ...], name: str) -> int:
    if not isinstance(label, int) or isinstance(label, bool) or not 0 <= label < len(choices):
        raise UserError(
            f"{source}: {name} = {label!r:.80}; the place of the right choice is needed, counted from 0, at most "
            f"{len(choices) - 1} here"
        )
    return label
