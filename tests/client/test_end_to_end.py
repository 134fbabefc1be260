"""The clients ask `encodery serve` itself, in a process of its own, on a tiny model folder."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from encodery.client import (
    AsyncClient,
    Client,
    DeniedError,
    InvalidInputError,
    Retries,
    UnavailableError,
    UnknownModelError,
)
from encodery.serve.predictor import Predictor, load
from tests.serve.conftest import model_folder as model_folder  # the fixture
from tests.serve.conftest import sentence
from tests.serve.processes import Server, process
from tests.serve.test_end_to_end import children

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
TEXTS = [sentence(number) for number in range(601)]


@pytest.fixture(scope="module")
def server(model_folder: Path) -> Iterator[Server]:
    arguments = ["-m", "encodery", "serve", f"mood={model_folder}", "--port", "0", "--set", "worker.threads=1"]
    with process(*arguments, "--set", "notice_seconds=0.0", ENCODERY_API_KEYS=KEY) as running:
        running.until("ready")
        yield running


@pytest.fixture(scope="module")
def predictor(model_folder: Path) -> Predictor:
    return load(model_folder)


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.url, api_key=KEY, timeout=60.0) as client:
        yield client


def test_what_it_serves(client: Client) -> None:
    assert client.ready()
    (card,) = client.models()
    assert (card["id"], card["task"], card["labels"]) == ("mood", "text-classification", ["schlecht", "größer"])


def test_predictions_are_those_of_predict(client: Client, predictor: Predictor) -> None:
    found, expected = client.classify(TEXTS), predictor.predict(TEXTS)
    assert [prediction["label"] for prediction in found] == [prediction["label"] for prediction in expected]
    scores = [[*prediction["scores"].values()] for prediction in found]
    np.testing.assert_allclose(scores, [[*prediction["scores"].values()] for prediction in expected], atol=1e-5)


def test_vectors_are_those_of_embed(client: Client, predictor: Predictor) -> None:
    np.testing.assert_allclose(client.embed(TEXTS), predictor.embed(TEXTS), atol=1e-5)


def test_parts_on_their_way_at_once_come_in_order(server: Server, client: Client) -> None:
    async def ask() -> list[object]:
        async with AsyncClient(server.url, api_key=KEY, parallel=3) as asking:
            return [*await asking.classify(TEXTS)]

    found = asyncio.run(ask())
    assert [one["label"] for one in client.classify(TEXTS)] == [one["label"] for one in found]  # type: ignore[index]


def test_errors_say_what_and_where(server: Server, client: Client) -> None:
    with pytest.raises(InvalidInputError) as raised:
        client.predict("text-classification", [*TEXTS[:300], {"texts": "a"}], request_id="mine")
    assert (raised.value.field, raised.value.code) == ("/inputs/300", "invalid_input")
    assert "texts" in raised.value.message
    assert raised.value.request_id == "mine-256"
    with pytest.raises(UnknownModelError, match="moods"):
        client.classify(["a"], model="moods")
    with pytest.raises(UnknownModelError):
        client.entities(["a"])
    with Client(server.url) as unknown, pytest.raises(DeniedError) as denied:
        unknown.classify(["a"])
    assert denied.value.status == 401


def test_a_worker_that_is_killed_is_not_noticed(server: Server, client: Client) -> None:
    """What the dead one had is sent to the next one, and what is refused meanwhile is asked again."""
    (worker,) = children(server.process.pid)
    killer = threading.Timer(0.05, os.kill, (worker, signal.SIGKILL))
    killer.start()
    found = client.classify(TEXTS * 3)
    killer.join()
    labels = [prediction["label"] for prediction in found]
    assert labels == labels[: len(TEXTS)] * 3
    assert len(client.classify(TEXTS[:7])) == 7


def test_a_server_that_is_gone(server: Server) -> None:
    """The last one here: it ends the server."""
    url = server.url
    server.process.send_signal(signal.SIGTERM)
    assert server.end() == 0
    with Client(url, api_key=KEY, retries=Retries(most=2, base=0.001)) as client:
        assert not client.ready()
        with pytest.raises(UnavailableError, match="is the server running there") as raised:
            client.classify(["a"])
    assert raised.value.code == "connection"
