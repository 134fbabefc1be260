"""What the columns of a file are called, and its records by our names for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from encodery.data.translations import sides_of
from encodery.data.validation.rows import LABEL, LANGUAGES, TRANSLATION, Kind
from encodery.files.records import Record


@dataclass(frozen=True)
class Columns:
    """What the columns are called in the file, where it is not what they are called here (ours → theirs). Dots lead
    into tables: `translation.en`."""

    names: Mapping[str, str] = field(default_factory=dict)
    label_separator: str | None = None
    """Labels that are text are lists whose entries this separates."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """What is in a column where the record does not say it: the languages that a recipe's task names."""

    def of(self, kind: Kind, record: Record) -> "Columns":
        """Those of one record. A table of both sides of a translation, `{"en": "...", "de": "..."}`, says itself what
        its columns and languages are."""
        both = record.get(self._theirs(TRANSLATION))
        text = self._theirs("text")
        if kind != "translation" or not isinstance(both, Mapping) or text in record or "." in text:
            return self
        stated = [record.get(self._theirs(key)) for key in LANGUAGES]
        languages = sides_of(both, [value if isinstance(value, str) and value else None for value in stated])
        if languages is None:
            return self
        source, target = (f"{self._theirs(TRANSLATION)}.{language}" for language in languages)
        names = {**self.names, "text": source, TRANSLATION: target}
        return replace(self, names=names, defaults=dict(zip(LANGUAGES, languages, strict=True)))

    def view(self, record: Record) -> Record:
        """The record with our names; a column whose name another one takes is not seen."""
        seen = dict(record)
        for ours, theirs in self.names.items():
            seen.pop(ours, None)
            if (found := _cell(record, theirs)) is not None:
                table, key = found
                seen[ours] = table[key]
        if self.label_separator and isinstance(label := seen.get(LABEL), str):
            seen[LABEL] = [part.strip() for part in label.split(self.label_separator) if part.strip()]
        return seen | {key: value for key, value in self.defaults.items() if seen.get(key) in (None, "")}

    def write_back(self, record: Record, before: Record, after: Record) -> Record:
        """The file's record with what changed between two views of it."""
        changed = {key: value for key, value in after.items() if before.get(key) != value}
        if self.label_separator and isinstance(label := changed.get(LABEL), list) and LABEL in changed:
            changed[LABEL] = self.label_separator.join(map(str, label))
        for key, value in changed.items():
            record = _put(record, self._theirs(key), value)
        return record

    def _theirs(self, ours: str) -> str:
        return self.names.get(ours, ours)


def _cell(record: Record, name: str) -> tuple[Record, str] | None:
    """The table that a column is in, which may be the record itself, and its key there."""
    outer, _, inner = name.partition(".")
    if name in record:
        return record, name
    table = record.get(outer)
    return _cell(table, inner) if inner and isinstance(table, dict) else None


def _put(record: Record, name: str, value: object) -> Record:
    """A record with another value in a column; the given one stays as it is."""
    outer, _, inner = name.partition(".")
    if name in record or not inner or not isinstance(record.get(outer), dict):
        return {**record, name: value}
    return {**record, outer: _put(record[outer], inner, value)}
