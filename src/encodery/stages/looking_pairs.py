"""A look at texts with their translations, for a first recipe: columns, languages, where a corpus finds the text."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from encodery.corpus.languages import is_known_code
from encodery.data.validation.columns import Columns
from encodery.data.validation.rows import LABEL, LANGUAGES, TRANSLATION
from encodery.errors import UserError
from encodery.files.records import Record
from encodery.files.tables import missing_header_hint

UNNAMED = ("source", "target")
"""What languages are called that nothing names."""
SIDES = ("text", TRANSLATION)
_NO_LANGUAGE = ("id", "no")
"""Names of columns that are codes of languages (Indonesian, Norwegian) and rarely mean them."""


@dataclass(frozen=True)
class Sides:
    """What a sample of pairs showed."""

    fields: Mapping[str, str]
    """Our names of columns that are called otherwise in the file."""
    stated: Mapping[str, str]
    """The languages that the recipe has to say, because records do not."""
    guessed: bool
    """Whether these are no names of languages, but stand for them."""
    directions: Counter[tuple[str, str]]
    texts: Sequence[Mapping[str, str]]
    """Where a corpus finds text: of each column, `text_field` and its `language` or `language_field`."""
    sides: Sequence[tuple[str, ...]]
    """Text and translation of each record, as far as they are texts."""

    @property
    def languages(self) -> list[str]:
        """All of them, each once."""
        return list(dict.fromkeys(name for pair in self.directions for name in pair))


def columns_of_pairs(records: Sequence[Record]) -> list[str]:
    """Two columns that are called by languages and hold text, as tables of pairs have them; else none."""
    if not records or LABEL in records[0]:
        return []
    names = [name for name in records[0] if is_known_code(name) and name not in _NO_LANGUAGE]
    return names if len(names) == 2 and all(map(_holds_text, [records] * 2, names)) else []


def look_at_pairs(path: Path, records: Sequence[Record]) -> Sides:
    """The columns and languages of pairs.

    Raises:
        UserError: a table has not two columns of text, or no header.
    """
    fields = _fields(path, records)
    named = [fields.get(side, side) for side in SIDES]
    by_name = is_known_code(named[0]) and is_known_code(named[1]) and bool(fields)
    columns = [Columns(fields).of("translation", record) for record in records]
    seen = [each.view(record) for each, record in zip(columns, records, strict=True)]
    lacking = any(not isinstance(row.get(key), str) or not row[key] for row in seen for key in LANGUAGES)
    stated = dict(zip(LANGUAGES, named if by_name else UNNAMED, strict=True)) if lacking else {}
    source, target = LANGUAGES
    directions = Counter(
        (str(row.get(source) or stated[source]), str(row.get(target) or stated[target])) for row in seen
    )
    texts: dict[str, dict[str, str]] = {}
    for each in columns:
        for side, key in zip(SIDES, LANGUAGES, strict=True):
            column = each.names.get(side, side)
            language = each.defaults.get(key) or stated.get(key)
            told = {"language": language} if language else {"language_field": key}
            texts.setdefault(column, {"text_field": column, **told})
    sides = [tuple(row[side] for side in SIDES if isinstance(row.get(side), str)) for row in seen]
    return Sides(fields, stated, bool(stated) and not by_name, directions, list(texts.values()), sides)


def _fields(path: Path, records: Sequence[Record]) -> dict[str, str]:
    """Columns of text and translation, where they are called otherwise."""
    names = list(dict.fromkeys(name for record in records for name in record))
    if isinstance(records[0].get(TRANSLATION), dict) or {*SIDES} <= {*names}:
        return {}
    found = columns_of_pairs(records)
    if not found:
        texts = [name for name in names if name not in LANGUAGES and _holds_text(records, name)]
        codes = [name for name in texts if is_known_code(name) and name not in _NO_LANGUAGE]
        found = codes[:2] if len(codes) > 1 else texts[:2]
    if len(found) < 2 or missing_header_hint(names):
        raise UserError(
            f"{path}: no two columns look like a text and its translation (columns: {', '.join(names):.80})"
            f"{missing_header_hint(names) or '; write the recipe by hand and name them in fields'}"
        )
    return {ours: theirs for ours, theirs in zip(SIDES, found, strict=True) if ours != theirs}


def _holds_text(records: Sequence[Record], name: str) -> bool:
    """Whether a column has a text with a letter in most records."""
    texts = [value for record in records if isinstance(value := record.get(name), str)]
    return sum(any(map(str.isalpha, text)) for text in texts) > len(records) // 2
