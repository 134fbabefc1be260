"""`encodery translate`: a labelled training set in another language, by a model of ours; labels stay as they are.

Translate-train, as the XNLI and XTREME papers call it (Conneau et al. 2018, section 4.1; Hu et al. 2020, section 4):
a model for a language without labelled data learns from the machine-translated data of another one.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from rich.console import Console

from encodery.data.translations import TranslationExample
from encodery.errors import UserError
from encodery.files.records import Record
from encodery.serve.asked import Asked
from encodery.serve.blocks import Block, Entry
from encodery.serve.bulk import Predicted
from encodery.serve.files import Outcome, write_file
from encodery.serve.predictor import Predictor, Prepared, load
from encodery.tasks.translation import Translation

TEXTS = {"text": "text", "text_pair": "text_pair", "choices": "choices"}
"""What is translated, and the columns that it is in if nothing else is said."""
_AT_PLACES = ("entities", "tags", "tokens", "ner_tags", "answers", "answer_start")


@dataclass(frozen=True)
class Wanted:
    """How a training set is to be translated."""

    source_language: str
    target_language: str
    fields: Sequence[str] = ()
    """Which columns hold the texts, as OURS=THEIRS."""
    skip: bool = False
    """Leave out a record that cannot be translated, instead of an end."""
    drop_truncated: bool = False
    """Leave out a record with a translation that did not come to its end; it is marked if not."""
    asked: Asked = field(default_factory=Asked)
    """How translations are looked for."""
    source: str = ""
    """Where the languages were named; the options of the command line if not given."""

    @property
    def options(self) -> str:
        """The same for what makes the same lines."""
        stated: dict[str, Any] = {"from": self.source_language, "into": self.target_language}
        stated |= {"field": [*self.fields]} if self.fields else {}
        stated |= {"drop_truncated": True} if self.drop_truncated else {}
        return json.dumps(stated | dict(self.asked.generation))


def translate_train(model: Path, file: Path, to: Path, wanted: Wanted, console: Console) -> Outcome:
    """Write the records of `file` to `to` as JSON Lines, in the same order: `text`, `text_pair` and `choices`
    translated, `language` the one translated into, all else as it was; `"truncated": true` where a translation did
    not come to its end. Killed, the same call goes on, as `serve.files` does.

    Raises:
        UserError: the model does not translate so; a record has no text, or its labels belong to places of the text
            (entities, answers), which a translation does not keep; `to` is of something else.
    """
    names = _columns(wanted.fields)
    outcome = write_file(
        model, file, to, console, wanted.skip, wanted.options, lambda: partial(_blocks, _opened(model, wanted, names))
    )
    console.print(_told(outcome, wanted), markup=False, soft_wrap=True)
    return outcome


def _told(outcome: Outcome, wanted: Wanted) -> str:
    left_out = outcome.errors + (outcome.truncated if wanted.drop_truncated else 0)
    said = f"{outcome.to}: {outcome.records - left_out:,} records in {wanted.target_language}"
    if not outcome.predicted:
        said += "; finished already, nothing to do"
    if outcome.truncated:
        what = "left out" if wanted.drop_truncated else 'marked "truncated": true'
        said += f"; {outcome.truncated:,} {what}, for a translation did not come to its end"
    if outcome.errors:
        said += f"; {outcome.errors:,} left out that could not be translated"
    return said + (f"; the first: {outcome.first_error}" if outcome.first_error else "")


@dataclass(frozen=True)
class _Translator:
    """A model, and what is wanted of it."""

    predictor: Predictor
    wanted: Wanted
    names: Mapping[str, str]


def _opened(model: Path, wanted: Wanted, names: Mapping[str, str]) -> _Translator:
    predictor = load(model, asked=wanted.asked)
    if not isinstance(predictor.task, Translation):
        raise UserError(f"{model}: this model does {predictor.task.name}; name one that translates")
    source, target = wanted.source_language, wanted.target_language
    place = wanted.source or f"--from {source} --into {target}"
    predictor.task.directions.find(TranslationExample("", None, place, source, target))
    return _Translator(predictor, wanted, names)


def _blocks(translator: _Translator, blocks: Iterable[Block], tick: Callable[[int], None]) -> Iterator[Predicted]:
    """The records of each block, their texts translated all at once."""
    predictor, wanted = translator.predictor, translator.wanted
    for block in blocks:
        works = [_prepared(translator, entry) for entry in block.entries]
        texts = [text for work in works if isinstance(work, _Work) for text in work.texts]
        outputs = iter(predictor.outputs(predictor.task, [one for text in texts for one in text.sequences]))
        tick(sum(text.num_tokens for text in texts))
        lines, truncated = [], 0
        for work in works:
            if isinstance(work, UserError):
                continue
            record, cut = work.translated(outputs, wanted.target_language)
            truncated += cut
            if not (cut and wanted.drop_truncated):
                lines.append(json.dumps(record, ensure_ascii=False).encode())
        errors = [str(work) for work in works if isinstance(work, UserError)]
        yield Predicted(block, lines, errors, 0, truncated)


@dataclass(frozen=True)
class _Work:
    """A record, and its texts by their columns, ready for the model."""

    record: Record
    columns: Mapping[str, Sequence[Prepared]]

    @property
    def texts(self) -> list[Prepared]:
        return [*chain.from_iterable(self.columns.values())]

    def translated(self, outputs: Iterator[Any], language: str) -> tuple[dict[str, Any], bool]:
        """The record in the other language, from what the model says of its texts, and whether it is cut."""
        changed: dict[str, Any] = {}
        cut = False
        for name, texts in self.columns.items():
            found = [text.decode(list(islice(outputs, len(text.sequences)))) for text in texts]
            cut = cut or any("truncated" in one for one in found)
            said = [one["translation"] for one in found]
            changed[name] = said if isinstance(self.record[name], list) else said[0]
        return {**self.record, **changed, "language": language, **({"truncated": True} if cut else {})}, cut


def _prepared(translator: _Translator, entry: Entry) -> "_Work | UserError":
    """A record's texts cut into tokens, or why it is left out.

    Raises:
        UserError: the same, where nothing is to be left out.
    """
    place, record = entry
    wanted = translator.wanted
    languages = {"source_language": wanted.source_language, "target_language": wanted.target_language}
    try:
        if isinstance(record, UserError):
            raise record
        columns = {
            name: [translator.predictor.prepare({"text": text, **languages}, place) for text in texts]
            for name, texts in _texts(place, record, translator.names).items()
        }
        return _Work(record, columns)
    except UserError as error:
        if not wanted.skip:
            raise
        return error


def _columns(fields: Iterable[str]) -> dict[str, str]:
    names = dict(TEXTS)
    for given in fields:
        ours, equals, theirs = given.partition("=")
        if not equals or ours not in TEXTS or not theirs:
            allowed = ", ".join(TEXTS)
            raise UserError(f"--field {given}: write it as OURS=THEIRS with one of {allowed}: --field text=sentence")
        names[ours] = theirs
    return names


def _texts(place: str, record: Record, names: Mapping[str, str]) -> dict[str, list[str]]:
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
