"""Labelled sets in another language: what is translated, what stays, what is refused."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from encodery.data.translations import TranslationExample
from encodery.errors import UserError
from encodery.serve import blocks
from encodery.serve.predictor import Predictor, Prepared
from encodery.stages import translate_train as module
from encodery.stages.translate_train import Wanted, translate_train
from encodery.tasks.fill_mask import FillMask
from encodery.tasks.windows import Encoded, Reading
from encodery.text.encoding import Cut
from tests.tasks.conftest import make_tokenizer
from tests.tasks.translating import make_task

QUIET = Console(quiet=True)


@dataclass(frozen=True)
class Shout(Prepared):
    """A text that is shouted sentence by sentence."""

    way: str

    @property
    def sequences(self) -> list[Any]:
        text: str = self.example.text
        return text.split(". ")

    @property
    def num_tokens(self) -> int:
        return 1

    def decode(self, outputs: Sequence[str]) -> dict[str, Any]:
        cut = {"truncated": True} if "LOOP" in "".join(outputs) else {}
        return {"translation": f"{'. '.join(outputs)} {self.way}", **cut}


class Shouting(Predictor):
    """Its translation of a text is the text in capitals and the way."""

    def __init__(self) -> None:
        self.task = make_task()
        self.calls: list[int] = []
        self.last = 10**9
        """Calls until it is killed."""

    def prepare(self, record: str | Mapping[str, Any], source: str, task: Any = None) -> Any:
        assert isinstance(record, Mapping)
        if record["text"] == "bad":
            raise UserError(f"{source}: too long")
        way = f"{record['source_language']}-{record['target_language']}"
        return Shout(
            self.task, TranslationExample(record["text"], None, source), Encoded((), False, Cut([], list)), way
        )

    def outputs(self, task: Any, sequences: Sequence[Any]) -> list[Any]:
        if len(self.calls) == self.last:
            raise KeyboardInterrupt
        self.calls.append(len(sequences))
        return [sequence.upper() for sequence in sequences]


@pytest.fixture
def shouting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shouting:
    predictor = Shouting()
    monkeypatch.setattr(module, "load", lambda path, asked: predictor)
    (tmp_path / "model").mkdir()
    return predictor


def translated(
    folder: Path, records: list[dict[str, Any]], *fields: str, console: Console = QUIET, **options: Any
) -> list[dict[str, Any]]:
    file, to = folder / "train.jsonl", folder / "out/train.de.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    translate_train(folder / "model", file, to, Wanted("en", "de", fields, **options), console)
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
    monkeypatch.setattr(blocks, "MAX_RECORDS", 3)
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
    assert not (tmp_path / "out/train.de.jsonl").exists()
    assert translated(tmp_path, [{"text": "a"}], "choices=x")  # nothing of it stands in the way of another call


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
    with pytest.raises(UserError, match=r"train\.de\.jsonl: its 1 predictions are for other records than "):
        translated(tmp_path, [{"text": "b"}])
    with pytest.raises(
        UserError, match=r'train\.de\.jsonl: predicted with the options \{"from": "en", "into": "de"\}'
    ):
        translated(tmp_path, [{"text": "a"}], drop_truncated=True)
    (tmp_path / "out/train.de.jsonl.manifest.json").unlink()
    with pytest.raises(
        UserError, match=r"train\.de\.jsonl: exists, and no train\.de\.jsonl\.manifest\.json says what"
    ):
        translated(tmp_path, [{"text": "a"}])


RECORDS: list[dict[str, Any]] = [{"text": f"{number}. two", "choices": ["x", "y. z"]} for number in range(17)]


def test_a_killed_translation_goes_on(tmp_path: Path, shouting: Shouting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MAX_RECORDS", 3)
    shouting.last = 2
    with pytest.raises(KeyboardInterrupt):
        translated(tmp_path, RECORDS)
    assert not (tmp_path / "out/train.de.jsonl").exists()
    assert len((tmp_path / "out/train.de.jsonl.part").read_text().splitlines()) == 6
    shouting.last = 10**9
    found = translated(tmp_path, RECORDS)
    assert shouting.calls == [15, 15, 15, 15, 15, 10]  # none of them twice
    assert [record["text"] for record in found] == [f"{number}. TWO en-de" for number in range(17)]
    assert found[16]["choices"] == ["X en-de", "Y. Z en-de"]
    assert translated(tmp_path, RECORDS) == found
    assert len(shouting.calls) == 6


def recorded() -> Console:
    return Console(record=True, width=300)


def test_what_did_not_come_to_its_end_is_marked_and_counted(
    tmp_path: Path, shouting: Shouting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MAX_RECORDS", 2)
    records: list[dict[str, Any]] = [
        {"text": "a"},
        {"text": "b", "choices": ["x", "loop"]},
        {"text": "loop"},
        {"text": "c"},
    ]
    shouting.last = 1
    with pytest.raises(KeyboardInterrupt):
        translated(tmp_path, records)
    shouting.last, console = 10**9, recorded()
    found = translated(tmp_path, records, console=console)
    assert ["truncated" in record for record in found] == [False, True, True, False]
    said = '4 records in de; 2 marked "truncated": true, for a translation did not come to its end'
    assert said in console.export_text()  # the one before the kill is counted, too


def test_what_did_not_come_to_its_end_is_left_out_where_that_is_asked(tmp_path: Path, shouting: Shouting) -> None:
    console = recorded()
    records: list[dict[str, Any]] = [
        {"text": "loop"},
        {"text": "a", "truncated": True},
    ]  # a column of one's own is no mark
    assert [record["text"] for record in translated(tmp_path, records, console=console, drop_truncated=True)] == [
        "A en-de"
    ]
    said = "1 records in de; 1 left out, for a translation did not come to its end"
    assert said in console.export_text()


def test_what_cannot_be_translated_is_left_out_where_that_is_asked(tmp_path: Path, shouting: Shouting) -> None:
    records: list[dict[str, Any]] = [{"text": "a"}, {"text": 3}, {"text": "bad"}, {"text": "c"}]
    with pytest.raises(UserError, match=r"train\.jsonl:2: text = 3 is no text"):
        translated(tmp_path, records)
    console = recorded()
    found = translated(tmp_path, records, skip=True, console=console)
    assert [record["text"] for record in found] == ["A en-de", "C en-de"]
    said = "2 records in de; 2 left out that could not be translated; the first: "
    assert f"{said}{tmp_path}/train.jsonl:2: text = 3 is no text" in console.export_text()


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
        translate_train(
            tmp_path / "model", tmp_path / "train.jsonl", tmp_path / "out.jsonl", Wanted(source, target), QUIET
        )
    assert str(error.value).startswith(message)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "train.jsonl"]


def test_the_model_must_translate(tmp_path: Path, shouting: Shouting) -> None:
    shouting.task = FillMask(make_tokenizer(), Reading(max_seqlen=11))
    with pytest.raises(UserError, match="model: this model does fill-mask; name one that translates"):
        translated(tmp_path, [{"text": "a"}])
