"""Labelled sets in another language: what is translated, what stays, what is refused."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from encodery.errors import UserError
from encodery.serve.predictor import Predictor
from encodery.stages import translate_train as module
from encodery.stages.translate_train import translate_train
from encodery.tasks.fill_mask import FillMask
from encodery.tasks.windows import Reading
from tests.tasks.conftest import make_tokenizer
from tests.tasks.translating import make_task

QUIET = Console(quiet=True)


class Shouting(Predictor):
    """Its translation of a text is the text in capitals and the way."""

    def __init__(self) -> None:
        self.task = make_task()
        self.calls: list[int] = []

    def predict(self, records: Iterable[str | Mapping[str, Any]]) -> list[dict[str, Any]]:
        given = [record for record in records if isinstance(record, Mapping)]
        self.calls.append(len(given))
        way = [f"{record['source_language']}-{record['target_language']}" for record in given]
        return [{"translation": f"{record['text'].upper()} {into}"} for record, into in zip(given, way, strict=True)]


@pytest.fixture
def shouting(monkeypatch: pytest.MonkeyPatch) -> Shouting:
    predictor = Shouting()
    monkeypatch.setattr(module, "load", lambda path: predictor)
    return predictor


def translated(folder: Path, records: list[dict[str, Any]], *fields: str) -> list[dict[str, Any]]:
    file, to = folder / "train.jsonl", folder / "out/train.de.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    translate_train(Path("model"), file, to, "en", "de", fields, QUIET)
    return [json.loads(line) for line in to.read_text().splitlines()]


def test_texts_are_translated_and_labels_kept(tmp_path: Path, shouting: Shouting) -> None:
    records: list[dict[str, Any]] = [
        {"text": "a river", "text_pair": "a city", "label": "same", "language": "en"},
        {"text": "two", "label": 0.5, "id": 7},
        {"text": "q", "choices": ["x", "y"], "label": 1},
    ]
    assert translated(tmp_path, records) == [
        {"text": "A RIVER en-de", "text_pair": "A CITY en-de", "label": "same", "language": "de"},
        {"text": "TWO en-de", "label": 0.5, "id": 7, "language": "de"},
        {"text": "Q en-de", "choices": ["X en-de", "Y en-de"], "label": 1, "language": "de"},
    ]
    assert shouting.calls == [6]
    assert not (tmp_path / "out/train.de.jsonl.part").exists()


def test_columns_may_have_other_names(tmp_path: Path, shouting: Shouting) -> None:
    records = [{"premise": "a", "hypothesis": "b", "label": 2}]
    found = translated(tmp_path, records, "text=premise", "text_pair=hypothesis")
    assert found == [{"premise": "A en-de", "hypothesis": "B en-de", "label": 2, "language": "de"}]


def test_records_are_translated_some_at_a_time(
    tmp_path: Path, shouting: Shouting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 3)
    found = translated(tmp_path, [{"text": str(number)} for number in range(7)])
    assert [record["text"] for record in found] == [f"{number} en-de" for number in range(7)]
    assert shouting.calls == [3, 3, 1]


@pytest.mark.parametrize("column", ["entities", "tags", "answers"])
def test_labels_at_places_of_the_text_are_refused(tmp_path: Path, shouting: Shouting, column: str) -> None:
    with pytest.raises(UserError) as error:
        translated(tmp_path, [{"text": "a", column: []}])
    assert str(error.value) == (
        f"{tmp_path}/train.jsonl:1: the labels in {column!r} belong to places of the text, and nobody knows where "
        "these are in its translation; translate the texts to predict for (encodery predict), or label data in the "
        "language"
    )
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("record", "fields", "message"),
    [
        ({"sentence": "a"}, (), "no column 'text'; the columns are: sentence; name the one"),
        ({"text": 3}, (), "text = 3 is no text"),
        (
            {"text": "a"},
            ("label=x",),
            "--field label=x: write it as OURS=THEIRS with one of text, text_pair, choices",
        ),
    ],
)
def test_what_has_no_text_is_refused(
    tmp_path: Path, shouting: Shouting, record: dict[str, Any], fields: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        translated(tmp_path, [record], *fields)


def test_a_file_that_is_there_is_kept(tmp_path: Path, shouting: Shouting) -> None:
    translated(tmp_path, [{"text": "a"}])
    with pytest.raises(UserError, match=r"train\.de\.jsonl: is there already; remove it, or name another file"):
        translated(tmp_path, [{"text": "b"}])


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("en", "xx", "--from en --into xx: target_language = 'xx' is not one of the model's languages ("),
        ("xx", "de", "--from xx --into de: source_language = 'xx' is not one of the model's languages ("),
        ("en", "en", "--from en --into en: the direction en-en was not trained; this model translates en-de"),
    ],
)
def test_the_direction_must_be_trained(
    tmp_path: Path, shouting: Shouting, source: str, target: str, message: str
) -> None:
    (tmp_path / "train.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(UserError) as error:
        translate_train(Path("m"), tmp_path / "train.jsonl", tmp_path / "out.jsonl", source, target, (), QUIET)
    assert str(error.value).startswith(message)
    assert [path.name for path in tmp_path.iterdir()] == ["train.jsonl"]


def test_the_model_must_translate(tmp_path: Path, shouting: Shouting) -> None:
    shouting.task = FillMask(make_tokenizer(), Reading(max_seqlen=11))
    with pytest.raises(UserError, match="model: this model does fill-mask; name one that translates"):
        translated(tmp_path, [{"text": "a"}])
