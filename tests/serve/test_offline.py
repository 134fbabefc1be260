"""No network: sockets are refused, and attempts are seen even where that is swallowed, for commands on a folder."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from encodery.serve.frames import Splitter
from encodery.serve.job import WorkerJob
from encodery.serve.messages import Failed, read_message
from tests.serve.conftest import LABELS, sentence, write_records

ROOT = Path(__file__).parents[2]
REFUSE = """
import os, socket, sys

def refuse(event, details):
    if event not in (
        "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo",
        "socket.sendto", "socket.sendmsg", "urllib.Request", "http.client.connect",
    ):
        return
    if details and getattr(details[0], "family", None) == socket.AF_UNIX:
        return
    with open(os.environ["SEEN"], "a") as file:
        file.write(f"{event} {details[1:]}\\n")
    raise PermissionError(f"{event}: the network is gone")

sys.addaudithook(refuse)
"""
"""As `sitecustomize`: in every Python that is started, children of children, too."""
RUN = """
import json, sys
from encodery.cli import main
from encodery.deploy import choose, openvino_int8, verify
choose.SECONDS, openvino_int8.ALPHAS, verify.EXTREMES = 0.01, (0.95,), verify.EXTREMES[:3]
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["encodery", *arguments]
    try:
        main()
    except SystemExit as end:
        assert not end.code, (arguments, end.code)
"""


def run_offline(code: str, folder: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """A program without a network, and what it tried to reach."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(REFUSE)
    seen = folder / "seen"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_"))}
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(folder / "site"), str(ROOT / "src")]),
        "SEEN": str(seen),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)
    return done, seen.read_text() if seen.exists() else ""


def test_the_test_would_see_it(tmp_path: Path) -> None:
    code = (
        "import socket, subprocess, sys, urllib.request\n"
        "for attempt in (lambda: socket.create_connection(('192.0.2.1', 9), 0.1),\n"
        "                lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b'a', ('192.0.2.1', 9)),\n"
        "                lambda: urllib.request.urlopen('http://192.0.2.1')):\n"
        "    try:\n        attempt()\n    except PermissionError:\n        print('refused')\n"
        "subprocess.run([sys.executable, '-c', 'import socket; socket.gethostbyname(\"localhost\")'])\n"
    )
    done, seen = run_offline(code, tmp_path)
    assert done.stdout == "refused\n" * 3, done.stderr
    assert [line.split()[0] for line in seen.splitlines()] == [
        "socket.getaddrinfo",
        "socket.sendto",
        "urllib.Request",
        "socket.gethostbyname",
    ]


@pytest.mark.parametrize("exports", [False, True], ids=["use", "export"])
def test_commands_on_a_folder_use_no_network(exports: bool, model_folder: Path, tmp_path: Path) -> None:
    """Nor the tools beneath, which like to tell their makers."""
    records = [{"text": sentence(number), "label": LABELS[number % 2]} for number in range(23)]
    data = str(write_records(tmp_path / "dev.jsonl", records))
    model = str(model_folder)
    use = [
        ["inspect", model],
        ["predict", model, "a city"],
        ["evaluate", model, "--data", data],
        ["validate", data, "--model", model],
    ]
    export = ["export", model, "--to", "bundle", "--engine", "openvino", "--calibrate", data, "--min-cosine", "0.9"]
    if exports:
        pytest.importorskip("nncf", reason="nncf is not installed: pip install 'encodery[export]'")
    commands = [export, ["predict", "bundle", "a city"]] if exports else use
    done, seen = run_offline(RUN, tmp_path, json.dumps(commands))
    assert done.returncode == 0, done.stderr[-3000:]
    assert seen == ""
    assert '"label"' in done.stdout


ATTEMPT = """
import socket, sys
from encodery.errors import UserError
from encodery.serve import worker

def attempt(job):
    datagrams = socket.socket(type=socket.SOCK_DGRAM)
    refused = []
    for number, ask in enumerate((
        lambda: socket.create_connection(("192.0.2.1", 9), 0.1),
        lambda: socket.socket().connect(("192.0.2.1", 9)),
        lambda: datagrams.sendto(b"a", ("192.0.2.1", 9)),
        lambda: datagrams.sendmsg([b"a"], [], 0, ("192.0.2.1", 9)),
        lambda: socket.gethostbyaddr("192.0.2.1"),
        lambda: socket.gethostbyname("localhost"),
        lambda: socket.getnameinfo(("192.0.2.1", 9), 0),
        lambda: socket.socket().bind(("127.0.0.1", 0)),
    )):
        try:
            ask()
        except PermissionError as error:
            assert "a worker opens no connections" in str(error)
            refused.append(number)
    raise UserError(f"refused: {refused}")

worker.prepare = attempt
worker.main(sys.argv[1:])
"""


def test_what_a_worker_loads_reaches_nobody(model_folder: Path) -> None:
    """The process as it is started, with a model that tries to."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        job = WorkerJob(fd=theirs.fileno(), name="m", folder=model_folder, threads=1, batch_tokens=256)
        process = subprocess.Popen(
            [sys.executable, "-c", ATTEMPT, job.model_dump_json()],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        )
        theirs.close()
        ours.settimeout(60)
        (frame,) = Splitter().feed(ours.recv(1 << 16))
        assert process.wait(60) == 0
    message = read_message(frame)
    assert isinstance(message, Failed)
    assert message.message == "refused: [0, 1, 2, 3, 4, 5, 6, 7]"
