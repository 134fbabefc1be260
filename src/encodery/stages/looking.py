"""A look at a labelled file, for a first recipe: its task, columns, lengths, labels and words."""

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from encodery.data.aligned import is_aligned, paths_of
from encodery.data.examples import read_records
from encodery.data.formats import detect
from encodery.data.scripts import is_unspaced
from encodery.data.validation.rows import Kind, kind_of
from encodery.errors import UserError
from encodery.files.records import Record
from encodery.files.streams import inner_suffix
from encodery.stages.looking_pairs import Sides, columns_of_pairs, look_at_pairs
from encodery.text.byte_bpe import ByteBpeSpec
from encodery.text.wordpiece import WordPieceSpec

SAMPLE = 5_000
"""Records of the training file that are looked at."""
_FEW_LABELS = 200
CORPUS_FORMATS = ("jsonl", "csv", "tsv", "parquet")
_SMALLEST_VOCABULARY, _LARGEST_VOCABULARY = 16, 8000


@dataclass(frozen=True)
class Look:
    """What a sample of a file's records showed."""

    kind: Kind
    file_format: str
    records: int
    fields: Mapping[str, str]
    """Our names of columns that are called otherwise in the file."""
    words: int
    """So many words have 95 % of the texts at most, pairs taken together."""
    labels: Counter[str]
    numbers: bool
    """Labels are quantities."""
    vocab_size: int | None
    """What the text supports; None where a corpus cannot read the file."""
    pairs: Sides | None = None
    """Of texts with their translations."""


def look_at(path: Path, kind: Kind | None) -> Look:
    """A sample of a labelled file; its task is what most records look like if `kind` is not given.

    Raises:
        UserError: as `read_records`; or no column can be the text or the label.
    """
    file_format = _format(path)
    records = [record for _, record in islice(read_records(path), SAMPLE)]
    found = kind or _kind(records)
    if found == "translation":
        return _look_at_pairs(path, file_format, records)
    fields = _columns(path, records, found)
    seen = [{ours: record.get(fields.get(ours, ours)) for ours in _TEXTS[found]} for record in records]
    lengths = sorted(sum(_words(value) for value in record.values()) for record in seen)
    labels = [label for record in records for label in _labels(record, found, fields)]
    return Look(
        found,
        file_format,
        len(records),
        fields,
        lengths[math.ceil(0.95 * len(lengths)) - 1],
        Counter(map(str, labels)),
        numbers=bool(labels) and all(isinstance(label, float) for label in labels),
        vocab_size=_vocab_size(file_format, [record.get(text_field(found, fields)) for record in records]),
    )


def _kind(records: Sequence[Record]) -> Kind:
    return "translation" if columns_of_pairs(records) else Counter(map(kind_of, records)).most_common(1)[0][0]


def _format(path: Path) -> str:
    """The format of labelled data; of aligned files what a corpus calls it."""
    if not is_aligned(path):
        return detect(path)
    files = paths_of(path)
    return "txt" if len(files) > 1 else inner_suffix(files[0].name).removeprefix(".")


def _look_at_pairs(path: Path, file_format: str, records: Sequence[Record]) -> Look:
    sides = look_at_pairs(path, records)
    texts = [text for both in sides.sides for text in both]
    lengths = sorted(max(map(_words, both), default=0) for both in sides.sides)
    readable = file_format in (*CORPUS_FORMATS, "txt") and any(map(str.strip, texts))
    size = ByteBpeSpec(vocab_size=_LARGEST_VOCABULARY).fitting_size(texts) if readable else None
    longest = lengths[math.ceil(0.99 * len(lengths)) - 1]
    return Look(
        "translation",
        file_format,
        len(records),
        sides.fields,
        longest,
        Counter({"-".join(pair): count for pair, count in sides.directions.items()}),
        numbers=False,
        vocab_size=size,
        pairs=sides,
    )


def _vocab_size(file_format: str, texts: Sequence[Any]) -> int | None:
    """A size that the texts support, if they are what a corpus can read."""
    if file_format not in CORPUS_FORMATS or not all(isinstance(text, str) for text in texts):
        return None
    return min(_LARGEST_VOCABULARY, max(_SMALLEST_VOCABULARY, WordPieceSpec().fitting_size(texts)))


def text_field(kind: Kind, fields: Mapping[str, str]) -> str:
    """The column that a corpus is to read."""
    return fields.get("text", "context" if kind == "question-answering" else "text")


_TEXTS: Mapping[Kind, tuple[str, ...]] = {
    "text-classification": ("text", "text_pair"),
    "token-classification": ("text", "tokens"),
    "question-answering": ("question", "context"),
    "multiple-choice": ("text", "choices"),
    "translation": ("text", "translation"),
}


def _words(value: Any) -> int:
    """Words of a text (characters, where no spaces are between words), or of the longest of some texts; a list of
    words as many as it has."""
    if isinstance(value, str):
        return len(value.split()) + sum(map(is_unspaced, value))
    parts = [part for part in value if isinstance(part, str)] if isinstance(value, list) else []
    return max(len(parts), *(len(part.split()) for part in parts)) if parts else 0


def _labels(record: Record, kind: Kind, fields: Mapping[str, str]) -> list[Any]:
    if kind == "token-classification":
        tags = [str(tag).partition("-")[2] for tag in record.get("tags") or () if tag != "O"]
        spans = [entity.get("label") for entity in record.get("entities") or () if isinstance(entity, dict)]
        return [*filter(None, tags), *filter(None, spans)]
    label = record.get(fields.get("label", "label"))
    return label if isinstance(label, list) else [] if label is None else [label]


def _columns(path: Path, records: Sequence[Record], kind: Kind) -> dict[str, str]:
    """Text and label of a table with other names: the longest text, and the column with few different values."""
    names = list(dict.fromkeys(name for record in records for name in record))
    if kind != "text-classification" or {"text", "label"} <= {*names}:
        return {}
    texts = {name: [record.get(name) for record in records] for name in names}
    lengths = {
        name: statistics.mean(len(value) for value in values if isinstance(value, str))
        for name, values in texts.items()
        if any(isinstance(value, str) for value in values)
    }
    few = {name: len({str(value) for value in values}) for name, values in texts.items()}
    text = "text" if "text" in names else max(lengths, key=lambda name: lengths[name], default=None)
    labels = [name for name in names if name != text and 1 < few[name] <= min(_FEW_LABELS, max(2, len(records) // 2))]
    label = "label" if "label" in names else min(labels, key=lambda name: few[name], default=None)
    if text is None or label is None:
        raise UserError(
            f"{path}: no column looks like a {'label' if text else 'text'} (columns: {', '.join(names)}); write the "
            "recipe by hand and name it in fields, for examples see recipes/"
        )
    return {ours: theirs for ours, theirs in (("text", text), ("label", label)) if ours != theirs}
