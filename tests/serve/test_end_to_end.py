"""`encodery serve` on a model folder, as a user runs it."""

import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from encodery.serve.folder_hash import version_of
from encodery.serve.predictor import load
from tests.serve.conftest import sentence
from tests.serve.processes import Server, process

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
TEXTS = [sentence(number) for number in range(17)]


def client_of(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {KEY}"}, timeout=30)


def test_the_servers_answers_are_those_of_predict(model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mood"
    folder.symlink_to(model_folder)
    expected = load(folder).predict(TEXTS)
    arguments = ("-m", "encodery", "serve", str(folder), "--port", "0", "--set", "notice_seconds=0.1")
    with process(*arguments, "--set", "worker.threads=1", ENCODERY_API_KEYS=KEY) as server:
        server.until("ready")
        with client_of(server) as client:
            reply = client.post("/v1/text-classification", json={"inputs": TEXTS, "model": "mood"})
            assert reply.status_code == 200, reply.text
            assert_close(reply.json(), expected)
            assert {phase.split(";")[0] for phase in reply.headers["server-timing"].split(", ")} == {
                "queue", "tokenize", "infer", "decode", "total",
            }  # fmt: skip
            wrong = client.post("/v1/text-classification", json={"inputs": ["a", {"texts": "b"}]})
            assert (wrong.status_code, wrong.json()["field"]) == (422, "/inputs/1")
            vectors = client.post("/v1/embeddings", json={"input": TEXTS[:2]}).json()["data"]
            assert_close([item["embedding"] for item in vectors], load(folder).embed(TEXTS[:2]).tolist())
            assert httpx.get(f"{server.url}/v1/models").status_code == 401
            assert server.of("listening")[0]["keys"] == 1
            server.process.send_signal(signal.SIGHUP)
            assert server.until("unchanged")["version"] == reply.headers["x-model-version"] == version_of(folder)
            assert not server.of("swapped")
        assert_ends(server)


@pytest.mark.slow
def test_another_model_in_the_folder(model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mood"
    shutil.copytree(model_folder, folder)
    expected = load(folder).predict(TEXTS)
    arguments = ("-m", "encodery", "serve", str(folder), "--port", "0", "--set", "notice_seconds=0.1")
    with process(*arguments, ENCODERY_API_KEYS=KEY) as server:
        server.until("ready")
        with client_of(server) as client:
            version = client.get("/v2/models/mood").json()["versions"]
            (folder / "config.json").rename(folder / "config.json.away")
            server.process.send_signal(signal.SIGHUP)
            assert server.until("not reloaded")["what"] == "mood"
            assert client.get("/v2/models/mood").json()["versions"] == version  # the old one answers on
            (folder / "config.json.away").rename(folder / "config.json")
            (folder / "note.txt").write_text("the same weights, another version")
            server.process.send_signal(signal.SIGHUP)
            server.until("swapped")
            assert_close(client.post("/v1/text-classification", json={"inputs": TEXTS}).json(), expected)
        assert_ends(server)


@pytest.mark.slow
def test_a_worker_that_is_killed(model_folder: Path) -> None:
    arguments = ("-m", "encodery", "serve", f"m={model_folder}", "--port", "0", "--set", "notice_seconds=0.0")
    with process(*arguments, ENCODERY_API_KEYS=KEY) as server:
        server.until("ready")
        (worker,) = children(server.process.pid)
        os.kill(worker, signal.SIGKILL)
        with client_of(server) as client:
            for _ in range(300):
                reply = client.post("/v1/text-classification", json={"inputs": TEXTS[0]})
                assert reply.status_code in (200, 503)
                if reply.status_code == 200:
                    break
                time.sleep(0.1)
            assert reply.status_code == 200
            assert 'enc_worker_restarts_total{model="m"} 1.0' in client.get("/metrics").text
        assert_ends(server)


@pytest.mark.slow
def test_a_folder_that_holds_no_model(tmp_path: Path) -> None:
    with process("-m", "encodery", "serve", str(tmp_path), "--port", "0") as server:
        assert server.end(60) == 2
        assert len(server.plain) == 1
        assert server.plain[0].startswith("encodery: ")
        assert str(tmp_path) in server.plain[0]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def assert_ends(server: Server) -> None:
    """By itself, and nothing stays behind."""
    workers = children(server.process.pid)
    server.process.send_signal(signal.SIGTERM)
    assert server.end() == 0
    assert workers
    assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()]


def assert_close(found: Any, expected: Any) -> None:
    """The same documents, numbers within what another batch may change."""
    if isinstance(expected, float):
        assert found == pytest.approx(expected, abs=1e-5)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert_close(found[key], value)
    else:
        assert found == expected, json.dumps(found)
