"""Servers that are started, asked and ended: a small one of the standard library stands for all of them."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from encodery.bench.engines import Worker
from encodery.bench.machine import family_of
from encodery.bench.predict_engines import Places
from encodery.bench.predict_setup import Ground
from encodery.bench.serve import Load, busy_neighbour
from encodery.bench.serve_sides import INFINITY, OPENVINO, OURS, PLAIN, Launch, Server, free_port, launch, start
from encodery.errors import UserError

SERVER = """
import http.server, subprocess, sys
child = subprocess.Popen(["sleep", "600"])
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.say(200 if self.path == "/health" else 404, b"{}")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.say(int(sys.argv[2]), body)
    def say(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def server(tmp_path: Path, status: int = 200, code: str = SERVER) -> Server:
    port = free_port()
    command = (sys.executable, "-c", code, str(port), str(status))
    return Server("a server", Launch(command, "/ask", "/health", "text"), port, tmp_path / "log.txt")


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    places = Places(tmp_path / "model", tmp_path / "files", tmp_path / "bundles")
    return Ground("minilm", places, tmp_path / "texts.json", tmp_path, None)


@pytest.fixture
def clients(tmp_path: Path) -> Iterator[Worker]:
    with Worker("clients", (sys.executable, "-m", "encodery.bench.clients"), tmp_path / "clients.txt") as worker:
        yield worker


def test_a_server_is_asked_by_many_and_ended_with_its_children(tmp_path: Path, clients: Worker) -> None:
    with server(tmp_path) as running:
        family = family_of(running.pid)
        turn = Load(clients, {"it": running}, "gogo", 0.2).turn("it", 3)
    assert len(family) == 2
    assert len(turn.times) > 6
    assert 0.2 <= turn.seconds < 2.0
    until = time.monotonic() + 5  # a child that was killed is gone a moment later
    while living := [pid for pid in family if not is_dead(pid)]:
        assert time.monotonic() < until, living


def is_dead(pid: int) -> bool:
    try:
        return ") Z" in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


TOLD_TO_END = """
import sys, time
from pathlib import Path
from encodery.bench.serve_sides import Launch, Server, end_on_terminate
end_on_terminate()
code, port, log = sys.argv[1], sys.argv[2], Path(sys.argv[3])
launch = Launch((sys.executable, "-c", code, port, "200"), "/ask", "/health", "text")
with Server("it", launch, int(port), log) as server:
    print(server.pid, flush=True)
    time.sleep(60)
"""


def test_a_benchmark_that_is_told_to_end_leaves_no_server(tmp_path: Path) -> None:
    arguments = (SERVER, str(free_port()), str(tmp_path / "log.txt"))
    with subprocess.Popen(
        (sys.executable, "-c", TOLD_TO_END, *arguments), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as bench:
        assert bench.stdout is not None
        pid = int(bench.stdout.readline())
        assert not is_dead(pid)
        bench.terminate()
        bench.wait(timeout=30)
    assert is_dead(pid)


def test_a_refusal_is_not_measured(tmp_path: Path, clients: Worker) -> None:
    with server(tmp_path, status=429) as running, pytest.raises(UserError) as raised:
        Load(clients, {"it": running}, "gogo", 0.05).turn("it", 1)
    assert str(raised.value).startswith("bench serve: a server answered with the statuses {'429': ")


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    code = "import sys; print('chatter'); sys.exit('OSError: no such model')"
    with pytest.raises(UserError) as raised, server(tmp_path, code=code):
        pass
    assert str(raised.value) == "bench serve: a server did not start: OSError: no such model"


def test_a_server_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("encodery.bench.serve_sides.START_SECONDS", 0.1)
    running = server(tmp_path, code="import time; time.sleep(600)")
    with pytest.raises(UserError, match="a server did not start: it said nothing"), running:
        pass
    assert not Path(f"/proc/{running.pid}").exists()


def test_a_neighbour_takes_a_core_and_goes() -> None:
    with busy_neighbour(0.1) as process:
        time.sleep(0.3)
        stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    assert int(stat[11]) > 0  # it has used the processor
    assert process.returncode is not None


@pytest.mark.parametrize(
    ("side", "words", "path", "body"),
    [
        (OURS, ("-m", "encodery", "serve"), "/v1/text-classification", {"inputs": "gogo"}),
        (PLAIN, ("-m", "uvicorn", "--factory"), "/classify", {"text": "gogo"}),
        (OPENVINO, ("-m", "uvicorn", "--factory"), "/classify", {"text": "gogo"}),
    ],
)
def test_how_each_side_is_started_and_asked(
    ground: Ground, side: str, words: Sequence[str], path: str, body: Any
) -> None:
    launched = launch(side, ground, 8123)
    assert tuple(launched.command[:4]) == (sys.executable, *words)
    assert list(launched.command[-2:]) == ["--port", "8123"]
    request = launched.request("gogo")
    assert (request.path, request.body) == (path, body)


def test_plain_servers_run_the_engine_that_they_are_told(ground: Ground, tmp_path: Path) -> None:
    told = [json.loads(launch(side, ground, 1).environment["ENCODERY_BENCH_SIDE"]) for side in (PLAIN, OPENVINO)]
    assert [engine for engine, *_ in told] == ["encodery-int8", "openvino-int8"]
    assert told[0][1:] == [str(tmp_path / part) for part in ("model", "files", "bundles")]


def test_infinity_lives_in_the_other_python(ground: Ground, tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        start(INFINITY, ground)
    assert str(raised.value) == "infinity-emb is not installed in the Python of --peers"
    there = Ground("minilm", ground.places, ground.texts, tmp_path, tmp_path / "bin" / "python")
    launched = launch(INFINITY, there, 7)
    assert launched.command[:2] == (str(tmp_path / "bin" / "infinity_emb"), "v2")
    assert launched.request("gogo").body == {"input": ["gogo"], "model": "bench"}
