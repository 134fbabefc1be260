"""Records without a field that their input names: each costs itself, and all of them mean that the name is wrong."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, get_args

from encodery.errors import DamageError

FieldSetting = Literal["text_field", "language_field", "url_field", "date_field"]
SHOWN_CHARACTERS = 500


class FieldError(DamageError):
    """A field of a record cannot be used. `is_missing`: it is not there, so that the setting may be wrong."""

    def __init__(
        self, place: str, reason: str, setting: FieldSetting, record: Mapping[str, Any], is_missing: bool
    ) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason
        self.setting = setting
        self.is_missing = is_missing
        self._record = record

    @property
    def shown(self) -> str:
        """The record, for reading."""
        return json.dumps(dict(self._record), ensure_ascii=False, default=str)[:SHOWN_CHARACTERS]


def string_field(record: Mapping[str, Any], name: str, setting: FieldSetting, place: str) -> str:
    """A field of a record that holds text, its own or, by its dots, one of its tables.

    Raises:
        FieldError: it is not there, or is no string.
    """
    value = _value(record, name, setting, place)
    if not isinstance(value, str):
        found = "null" if value is None else f"{type(value).__name__} {value!r}"
        reason = f"{name!r} is {found[:80]}, not a string; repair the record"
        raise FieldError(place, reason, setting, record, is_missing=False)
    return value


def told_field(record: Mapping[str, Any], name: str, setting: FieldSetting, place: str) -> str:
    """A field of a record that may be told or not: times in ISO 8601, "" where there is neither text nor time in it.

    Raises:
        FieldError: there is no such field.
    """
    value = _value(record, name, setting, place)
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, str) else ""


def _value(record: Mapping[str, Any], name: str, setting: FieldSetting, place: str) -> Any:
    value: Any = record
    for part in [name] if name in record else name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            keys = ", ".join(record) or "nothing"
            reason = f"no field {name!r}; it has: {keys:.200}; set {setting}"
            raise FieldError(place, reason, setting, record, is_missing=True)
        value = value[part]
    return value


@dataclass
class FieldTally:
    """How many records of an input have text, and how many lack a field that it names."""

    with_text: int = 0
    without: Counter[FieldSetting] = field(default_factory=Counter)
    first: dict[FieldSetting, str] = field(default_factory=dict)
    """Of each field the first record without it, and what that has instead."""

    def lacks(self, error: FieldError) -> None:
        """Count a record without a field."""
        self.without[error.setting] += 1
        self.first.setdefault(error.setting, str(error))

    def add(self, other: "FieldTally") -> None:
        """Take over what was counted behind this."""
        self.with_text += other.with_text
        self.without.update(other.without)
        self.first = {**other.first, **self.first}

    def wrong(self) -> str | None:
        """What is wrong with the settings of the input: a field that none of its records has."""
        if self.without["text_field"] and not self.with_text:
            return self.first["text_field"]
        for setting in get_args(FieldSetting):
            if self.with_text and self.without[setting] == self.with_text and setting != "text_field":
                return self.first[setting]
        return None
