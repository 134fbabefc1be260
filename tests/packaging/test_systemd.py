"""The unit: what systemd itself says of it, and that it starts and stops what there is."""

import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest

from tests.packaging.conftest import PACKAGING, parse_serve
from tests.serve.processes import fake_server, status

UNIT = PACKAGING / "encodery.service"
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def settings() -> dict[str, list[str]]:
    """The values of each key, in order."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit with a program that is there: systemd looks."""
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text().replace("/opt/encodery/bin/encodery", sys.executable))
    return path


@needs_systemd
def test_systemd_has_nothing_against_it(installed: Path) -> None:
    done = subprocess.run(["systemd-analyze", "verify", str(installed)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_systemd_finds_it_hardened(installed: Path) -> None:
    """An exposure of 10 is a service without any setting; the largest single part of ours is the network itself."""
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=15", str(installed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_it_starts_the_server_with_flags_that_it_has() -> None:
    unit = settings()
    environment = dict(entry.partition("=")[::2] for entry in unit["Environment"])
    (line,) = unit["ExecStart"]
    for name, value in environment.items():
        line = line.replace(f"${{{name}}}", value).replace(f"${name}", value)
    program, *arguments = shlex.split(line)
    assert program == "/opt/encodery/bin/encodery"
    parsed = parse_serve(arguments)
    assert [str(path) for path in parsed["models"]] == [environment["MODELS"]]
    assert parsed["host"] == "127.0.0.1"
    assert parsed["keys"].parent == Path("%t", *unit["RuntimeDirectory"])  # systemd makes it before the first command


def test_its_documentation_is_installed_with_it() -> None:
    """`pip install` into /opt/encodery puts it there."""
    shared = tomllib.loads((PACKAGING.parent / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    ((source, target),) = shared["wheel"]["shared-data"].items()
    assert (PACKAGING.parent / source).is_file()
    assert settings()["Documentation"] == [f"file:/opt/encodery/{target}"]


def test_a_reload_takes_up_keys_and_a_key_that_was_taken_out_is_refused(tmp_path: Path) -> None:
    """The unit's own commands, on files of this test, before a server and before it is told to read again."""
    unit = settings()
    given, runtime = tmp_path / "given", tmp_path / "encodery"
    runtime.mkdir(mode=0o700)

    def run(command: str) -> None:
        assert command.startswith("+")  # as root, who alone reads the file
        path = command[1:].replace("%t", str(tmp_path)).replace("/etc/encodery/keys", str(given))
        subprocess.run(shlex.split(path), check=True)

    given.write_text(sha256(b"old").hexdigest())
    given.chmod(0o600)
    for command in unit["ExecStartPre"]:
        run(command)
    (keys,) = (str(path) for path in runtime.iterdir())
    with fake_server(keys=keys) as server:
        assert (status(server, "old"), status(server, "new")) == (200, 401)
        *before, told = unit["ExecReload"]
        assert told == "/bin/kill -HUP $MAINPID"
        (tmp_path / "next").write_text(sha256(b"new").hexdigest())
        (tmp_path / "next").replace(given)  # as an editor does
        for command in before:
            run(command)
        server.process.send_signal(signal.SIGHUP)
        server.until("keys read")
        assert (status(server, "old"), status(server, "new")) == (401, 200)


def test_a_reload_is_a_hot_swap_and_a_stop_a_drain(stop_seconds: float) -> None:
    unit = settings()
    assert unit["ExecReload"][-1] == "/bin/kill -HUP $MAINPID"
    assert unit["KillMode"] == ["mixed"]  # workers finish what they have
    assert float(unit["TimeoutStopSec"][0]) > stop_seconds
    assert "KillSignal" not in unit  # SIGTERM


def test_what_cannot_become_better_is_not_started_again() -> None:
    from encodery.errors import UserError

    unit = settings()
    assert unit["RestartPreventExitStatus"] == [str(UserError.exit_code)]
    assert unit["Restart"] == ["on-failure"]
