"""A translator behind a worker: its answers are those of `predict`, whoever else asks in the same batch."""

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
from encodery.serve.computing import FiniteEngine
from encodery.serve.predictor import Predictor, load
from encodery.serve.sending import Wire
from encodery.serve.worker import Worker
from tests.serve.test_worker import Caller
from tests.tasks.conftest import CONFIG, make_tokenizer
from tests.tasks.translating import make_translator

RECORDS: list[dict[str, Any]] = [
    {"text": "the river sees a city", "source_language": "en", "target_language": "de"},
    {"text": "dull"},
    {"text": ""},
    {"text": "the baker finds the city. " * 7 + "\n\nnot happy", "target_language": "de"},
]


@pytest.fixture
def predictor(tmp_path: Path) -> Predictor:
    info = {"task": "translation", "directions": [["en", "de"]], "max_seqlen": 17, "generation": {"num_beams": 2}}
    save_folder(tmp_path, ModelFolder(FAMILIES["bert"], make_translator(CONFIG), make_tokenizer(), info=info))
    return load(tmp_path)


@pytest.fixture
def caller(predictor: Predictor) -> Iterator[Caller]:
    ours, theirs = socket.socketpair()
    ours.settimeout(10.0)
    served = Predictor(predictor.folder, predictor.task, engine=FiniteEngine(predictor.engine))
    with ours, theirs:
        worker = Worker(served, Wire(theirs), 64)
        serving = Thread(target=worker.serve, args=(theirs,), daemon=True)
        serving.start()
        yield Caller(serving, ours)
        ours.shutdown(socket.SHUT_RDWR)
        serving.join(timeout=10)
        worker.batcher.close()


def test_answers_are_those_of_predict(predictor: Predictor, caller: Caller) -> None:
    expected = predictor.predict(RECORDS)
    together = caller.ask(*RECORDS)
    alone = [caller.ask(record) for record in RECORDS]
    for found in (caller.predictions(together), [caller.predictions(number)[0] for number in alone]):
        assert [one["translation"] for one in found] == [one["translation"] for one in expected]
        assert [one["score"] for one in found] == pytest.approx([one["score"] for one in expected], rel=1e-4)
    assert expected[2]["translation"] == ""
    assert expected[3]["translation"].count("\n\n") == 1


def test_a_record_that_cannot_be_translated_is_refused_alone(caller: Caller) -> None:
    wrong = caller.ask(RECORDS[0], {"text": "a", "target_language": "fr"})
    right = caller.ask(RECORDS[0])
    refusal = caller.refusal(wrong)
    assert (refusal.code, refusal.place) == ("invalid_input", 1)
    assert refusal.message == (
        "record 2: target_language = 'fr' is not one of the model's languages (en, de); name one of these"
    )
    assert caller.predictions(right)
