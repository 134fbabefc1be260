"""`encodery translate`: a labelled training set in another language, by a model of ours; labels stay as they are.

Translate-train, as the XNLI and XTREME papers call it (Conneau et al. 2018, section 4.1; Hu et al. 2020, section 4):
a model for a language without labelled data learns from the machine-translated data of another one.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from rich.console import Console

from encodery.artifact.disk import rename
from encodery.data.formats import read_labelled
from encodery.data.translations import TranslationExample
from encodery.errors import UserError
from encodery.files.records import Record
from encodery.serve.predictor import Predictor, load
from encodery.tasks.translation import Translation

AT_ONCE = 1000
"""Records whose texts are translated together."""
TEXTS = {"text": "text", "text_pair": "text_pair", "choices": "choices"}
"""What is translated, and the columns that it is in if nothing else is said."""
_AT_PLACES = ("entities", "tags", "tokens", "ner_tags", "answers", "answer_start")


def translate_train(
    model: Path,
    file: Path,
    to: Path,
    source_language: str,
    target_language: str,
    fields: Sequence[str],
    console: Console,
    asked: str = "",
) -> None:
    """Write the records of `file` to `to` as JSON Lines, in the same order: `text`, `text_pair` and `choices`
    translated, `language` the one translated into, all else as it was.

    `fields` say which columns hold these, as OURS=THEIRS; `asked` is where the languages were asked for. The file is
    there whole or not at all.

    Raises:
        UserError: the model does not translate so, a record has no text, `to` is there, or its labels belong to
            places of the text (entities, answers), which a translation does not keep.
    """
    predictor = load(model)
    if not isinstance(predictor.task, Translation):
        raise UserError(f"{model}: this model does {predictor.task.name}; name one that translates")
    if to.exists():
        raise UserError(f"{to}: is there already; remove it, or name another file with --to")
    asked = asked or f"--from {source_language} --into {target_language}"
    predictor.task.directions.find(TranslationExample("", None, asked, source_language, target_language))
    names = _columns(fields)
    part = to.with_name(f"{to.name}.part")
    to.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    try:
        with part.open("w", encoding="utf-8") as out:
            records = iter(read_labelled(file))
            while block := list(islice(records, AT_ONCE)):
                for record in _translated(predictor, block, names, source_language, target_language):
                    out.write(json.dumps(record, ensure_ascii=False) + "\n")
                    count += 1
                console.print(f"{count:,} records", end="\r", markup=False)
            out.flush()
            os.fsync(out.fileno())
        rename(part, to)
    finally:
        part.unlink(missing_ok=True)
    console.print(f"{to}: {count:,} records in {target_language}", markup=False, soft_wrap=True)


def _columns(fields: Iterable[str]) -> dict[str, str]:
    names = dict(TEXTS)
    for given in fields:
        ours, equals, theirs = given.partition("=")
        if not equals or ours not in TEXTS or not theirs:
            allowed = ", ".join(TEXTS)
            raise UserError(f"--field {given}: write it as OURS=THEIRS with one of {allowed}: --field text=sentence")
        names[ours] = theirs
    return names


def _translated(
    predictor: Predictor, block: Sequence[tuple[str, Record]], names: dict[str, str], source: str, target: str
) -> Iterator[dict[str, Any]]:
    """The records of a block, their texts translated all at once."""
    found = [_texts(place, record, names) for place, record in block]
    asked = [
        {"text": text, "source_language": source, "target_language": target}
        for text in chain.from_iterable(chain.from_iterable(texts.values()) for texts in found)
    ]
    told = iter([prediction["translation"] for prediction in predictor.predict(asked)])
    for (_, record), texts in zip(block, found, strict=True):
        changed: dict[str, Any] = {}
        for name, parts in texts.items():
            said = [next(told) for _ in parts]
            changed[name] = said if isinstance(record[name], list) else said[0]
        yield {**record, **changed, "language": target}


def _texts(place: str, record: Record, names: dict[str, str]) -> dict[str, list[str]]:
    """The texts of a record by their columns."""
    if at := [name for name in _AT_PLACES if name in record]:
        raise UserError(
            f"{place}: the labels in {at[0]!r} belong to places of the text, and nobody knows where these are in its "
            "translation; translate the texts to predict for (encodery predict), or label data in the language"
        )
    if names["text"] not in record:
        raise UserError(
            f"{place}: no column {names['text']!r}; the columns are: {', '.join(record) or 'none'}; name the one "
            "that holds the text with --field text=COLUMN, in a recipe with fields"
        )
    found: dict[str, list[str]] = {}
    for ours, name in names.items():
        value = record.get(name)
        if value is None:
            continue
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, str) for part in parts) or not parts:
            raise UserError(f"{place}: {name} = {value!r:.80} is no text ({ours}); repair the record")
        found[name] = parts
    return found
