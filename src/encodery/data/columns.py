"""Cells of a record: the column that a key of a task is in, and what may stand there."""

from typing import Any

from encodery.config import Config
from encodery.errors import UserError
from encodery.files.records import Record
from encodery.files.tables import missing_header_hint

_HOLDS = {"label": "label", "choices": "choices", "answers": "answers", "entities": "entities", "tags": "tags"}


class Fields(Config):
    """The keys of a task's records, each with the column that holds it."""

    @classmethod
    def keys(cls) -> list[str]:
        """What may stand in a record to predict for."""
        return [*cls.model_fields]


def column(source: str, record: Record, key: str, name: str) -> Any:
    """The cell of the column `name`, which holds what the task calls `key`.

    Raises:
        UserError: there is no such column; begins with `source`.
    """
    if name not in record:
        columns = ", ".join(record) or "none"
        raise UserError(
            f"{source}: no column {name!r}; the columns are: {columns}; set fields.{key} to the one that "
            f"holds the {_HOLDS.get(key, 'text')}{missing_header_hint(record)}"
        )
    return record[name]


def text(source: str, record: Record, key: str, name: str) -> str:
    """A text that is not blank.

    Raises:
        UserError: it is absent, blank or no text; begins with `source`.
    """
    value = column(source, record, key, name)
    if not isinstance(value, str):
        raise UserError(f"{source}: {name} = {value!r:.80} is not a string; repair the record")
    if not value.strip():
        raise UserError(f"{source}: {name} is empty; remove or repair the record")
    return value


def language(source: str, record: Record, name: str) -> str | None:
    """The name of a language; None where there is none.

    Raises:
        UserError: it is no text; begins with `source`.
    """
    value = record.get(name)
    if not isinstance(value, str | None):
        raise UserError(f"{source}: {name} = {value!r:.80} is not a string; repair the record")
    return value or None


def given_text(source: str, record: Record, key: str) -> str:
    """A text to predict for, which may be blank.

    Raises:
        UserError: it is absent or no text; begins with `source`.
    """
    value = record.get(key)
    if not isinstance(value, str):
        raise UserError(f"{source}: {key} = {value!r:.80}; a string is needed")
    return value


def given_language(source: str, record: Record) -> str | None:
    """The language of a text to predict for, if it says one.

    Raises:
        UserError: it is no text; begins with `source`.
    """
    value = record.get("language")
    if not isinstance(value, str | None):
        raise UserError(f"{source}: language = {value!r:.80}; a string is needed")
    return value or None
