"""Which format a file is of, by its name and its beginning. A guess is never made: what is unclear is asked back."""

import json
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from encodery.data.formats.conll import DOCSTART, INDEX, OTHER_INDEX, cells
from encodery.data.formats.doccano import looks_like_doccano
from encodery.data.formats.hugging_face import is_dataset_folder
from encodery.data.formats.json_document import Document
from encodery.data.formats.label_studio import looks_like_label_studio
from encodery.data.formats.prodigy import looks_like_prodigy
from encodery.data.formats.registry import FORMATS, FormatName
from encodery.data.formats.spacy import DOCBIN_HINT, is_wrapped, looks_like_spacy
from encodery.data.formats.tags import split_tag
from encodery.errors import UserError
from encodery.files.streams import inner_suffix, open_bytes, read_lines

_SAMPLE, _SAMPLE_CHARACTERS = 200, 1 << 20
"""How many lines are looked at, fewer if they are long."""
_BY_SUFFIX: dict[str, FormatName] = {".parquet": "parquet", ".csv": "csv", ".arrow": "hf-dataset"}
_JSON = (".json", ".jsonl", ".ndjson")
_COLUMNS = (".conll", ".conllu", ".conllx", ".iob", ".iob2", ".bio", ".bioes", ".bilou", ".ner")
_TEXT = ("", ".txt", ".tsv", ".tab", ".data", ".train", ".dev", ".valid", ".test")
_PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib")
_TOOLS: dict[FormatName, Callable[[Any], bool]] = {
    "label-studio": looks_like_label_studio,
    "doccano": looks_like_doccano,
    "spacy": looks_like_spacy,
    "prodigy": looks_like_prodigy,
}


def detect(path: Path) -> FormatName:
    """The name of the file's format, one of `FORMATS`.

    Raises:
        UserError: unknown or unclear; the message lists the formats.
    """
    if path.is_dir():
        if is_dataset_folder(path):
            return "hf-dataset"
        raise _unclear(path, "a folder, but not one that Dataset.save_to_disk wrote")
    suffix = inner_suffix(path.name)
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if suffix == ".spacy":
        raise UserError(f"{path}: spaCy's binary files are not read; {DOCBIN_HINT}")
    if suffix in _PICKLES:
        raise UserError(f"{path}: a pickle may run any code and is never read; write jsonl")
    lines = _sample(path)
    if suffix in _JSON:
        return _json_format(path, suffix, lines)
    if suffix in _COLUMNS:
        return _column_format(lines)
    if suffix in _TEXT:
        return _text_format(path, suffix, lines)
    raise _unclear(path, f"{suffix!r} is not the suffix of a format that is known")


def _unclear(path: Path, what: str) -> UserError:
    return UserError(f"{path}: {what}; set format to one of {', '.join(FORMATS)} (files also .gz or .zst)")


def _sample(path: Path) -> list[str]:
    lines, size = [], 0
    with open_bytes(path) as stream:
        for line in islice(read_lines(stream, str(path)), _SAMPLE):
            lines.append(line)
            size += len(line)
            if size > _SAMPLE_CHARACTERS:
                break
    return lines


def _json_format(path: Path, suffix: str, lines: Sequence[str]) -> FormatName:
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("["):
        document = Document(path)
        rows = [value for _, value in islice(document.elements(document.start), _SAMPLE)]
        return _tool(rows) or "json"
    rows = [_parsed(line) for line in lines if line.strip()]
    if suffix != ".json":
        return _tool(rows) or "jsonl"
    if rows and isinstance(rows[0], dict) and not _is_squad(rows[0]) and not _wraps(path, rows[0]):
        return _tool(rows) or "jsonl"
    return _document_format(path) if first else "jsonl"


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _tool(rows: Sequence[Any]) -> FormatName | None:
    """The tool that wrote the records: the first row that any tool would have written decides."""
    return next((name for row in rows for name, looks in _TOOLS.items() if looks(row)), None)


def _is_squad(value: Any) -> bool:
    data = value.get("data") if isinstance(value, dict) else None
    return isinstance(data, list) and all(isinstance(entry, dict) and "paragraphs" in entry for entry in data)


def _wraps(path: Path, value: dict[str, Any]) -> bool:
    pairs = value.get("annotations")
    return isinstance(pairs, list) and bool(pairs) and isinstance(pairs[0], list) and is_wrapped(Document(path))


def _document_format(path: Path) -> FormatName:
    """The format of one JSON object over many lines."""
    document = Document(path)
    members = {key: value for key, _, value in document.members(document.start)} if document.opens == "{" else None
    if members is None:
        return "jsonl"
    if _is_squad(members):
        return "squad"
    if _wraps(path, members):
        return "spacy"
    raise _unclear(
        path, f"one JSON object with the keys {', '.join(members) or 'none'!s:.80}, in no layout that is known"
    )


def _rows(lines: Sequence[str]) -> list[list[str]]:
    """The cells of lines that are surely words of a file of columns, if it is one."""
    words = [line for line in lines if line.strip() and not line.startswith(("#", DOCSTART))]
    tabs = bool(words) and "\t" in words[0].strip("\t ")
    return [cells(line, tabs) for line in words]


def _column_format(lines: Sequence[str]) -> FormatName:
    rows = _rows(lines)
    counted = [row for row in rows if len(row) > 2 and (INDEX.fullmatch(row[0]) or OTHER_INDEX.fullmatch(row[0]))]
    return "conllu" if len(counted) > 0.8 * len(rows) else "conll"


def _text_format(path: Path, suffix: str, lines: Sequence[str]) -> FormatName:
    """A table or a file of columns: the latter has tags at the end of its lines, or blank lines between sentences."""
    rows = _rows(lines)
    tagged = [row for row in rows if len(row) > 1 and split_tag(row[-1])[0]]
    if rows and len(tagged) > 0.8 * len(rows):
        return _column_format(lines)
    if suffix in (".tsv", ".tab"):
        return "tsv"
    widths = {len(row) for row in rows}
    blank = any(not line.strip() for line in lines[:-1])
    if len(widths) == 1 and widths != {1}:
        if blank:
            return _column_format(lines)
        if "\t" in lines[0]:
            return "tsv"
    raise _unclear(path, "neither a table with tabs nor words with tags")
