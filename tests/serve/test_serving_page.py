"""docs/serving.md: its commands run, its tables are what the code has."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import BaseRoute
from typer.main import get_command

from encodery.cli import app as command_line
from encodery.client import DeniedError, InvalidInputError, ServiceError, UnavailableError
from encodery.client.errors import KINDS as RAISED
from encodery.serve.app import create_app
from encodery.serve.auth import read_hashes
from encodery.serve.problems import KINDS
from encodery.serve.settings import Settings
from tests.serve.fakes import FakeModel, service_of
from tests.serve.live import listening

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
MODELS = {"sentiment": "text-classification", "ner": "token-classification", "qa": "question-answering"} | {
    "words": "fill-mask",
    "vectors": "feature-extraction",
    "choices": "multiple-choice",
    "translations": "translation",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def shell_lines(program: str) -> list[str]:
    """Commands of the shell blocks that begin with a program, continued lines joined."""
    joined = "\n".join(blocks("sh")).replace("\\\n", " ")
    return [line for line in joined.splitlines() if re.search(rf"^(\w+=\S+ )*{program}\b", line)]


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def named(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with listening(service_of({name: FakeModel(name, task) for name, task in MODELS.items()}, port=0)) as url:
        yield url


def test_its_commands_parse() -> None:
    lines = re.findall(r"^encodery serve (.*?)(?:\s+#.*)?$", "\n".join(blocks("console")), re.MULTILINE)
    lines += [line.split(" encodery serve ")[1] for line in shell_lines("docker run") if " serve " in line]
    assert len(lines) == 5
    serve = get_command(command_line).commands["serve"]  # type: ignore[attr-defined]
    for line in lines:
        serve.make_context("serve", line.split())


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_its_calls_are_answered(address: str) -> None:
    lines = shell_lines("curl")
    assert len(lines) == 2
    for line in lines:
        command = line.replace("http://127.0.0.1:8080", address).replace("curl", "curl --fail-with-body -s", 1)
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout[0] in "[{"


@pytest.mark.parametrize("number", [0, 1], ids=["sync", "async"])
def test_its_programs_run(address: str, number: int, capsys: pytest.CaptureFixture[str]) -> None:
    program = blocks("python")[number].replace("http://127.0.0.1:8080", address)
    exec(compile(program, "serving.md", "exec"), {})
    assert capsys.readouterr().out == ("" if number == 0 else "1000\n")
    assert len(blocks("python")) == 2


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_its_keys_are_keys(tmp_path: Path) -> None:
    lines = [*shell_lines("openssl"), *shell_lines("printf %s")]
    assert len(lines) == 2
    subprocess.run(["bash", "-ec", "\n".join(lines)], cwd=tmp_path, check=True)
    ((_, name),) = read_hashes(tmp_path / "keys.txt")
    assert name == "alice"


def test_the_errors_are_those_that_there_are() -> None:
    told = [(int(status), *named(code)) for status, code, _ in rows("Errors")]
    assert sorted(told) == sorted((kind.status, code) for code, kind in KINDS.items())


def test_the_client_knows_what_each_error_is() -> None:
    kinds = {code: RAISED.get(kind.status, ServiceError) for code, kind in KINDS.items()}
    assert kinds["invalid_input"] is kinds["bad_json"] is kinds["body_too_large"] is InvalidInputError
    assert kinds["unauthorized"] is kinds["forbidden"] is DeniedError
    assert kinds["overloaded"] is kinds["not_ready"] is UnavailableError
    assert {code for code, kind in kinds.items() if kind is ServiceError} == {
        "method_not_allowed",
        "timeout",
        "headers_too_large",
        "internal",
        "model_output",
    }


def test_the_settings_are_those_that_there_are() -> None:
    settings = Settings()
    flags = {"host", "port", "keys", "no_keys", "origins", "open_paths"}
    told = {name for row in rows("Settings") for name in named(row[0])}
    assert {name for name in told if "." not in name} == Settings.model_fields.keys() - flags - {"worker"}
    for first, default, _ in rows("Settings"):
        for name in named(first):
            value: Any = settings
            for part in name.split("."):
                value = getattr(value, part)
            assert default == ("" if value is None else str(value).lower()), name


def test_the_metrics_are_those_that_there_are() -> None:
    service = service_of()
    found = {
        f"{metric.name}_total" if metric.type == "counter" else metric.name
        for metric in service.metrics.registry.collect()
        if not metric.name.startswith("process_")
    }
    told = {name for row in rows("Metrics and log") for name in named(row[0])} - {"process_*"}
    assert found <= told
    source = (Path(__file__).parents[2] / "src/encodery/serve/metrics.py").read_text()
    for name in told - found:  # those of workers, which the models of this test do not have
        assert f'"{name.removesuffix("_total")}"' in source, name


def test_the_routes_are_those_that_there_are() -> None:
    told = set(re.findall(r"(?<=[`, ])(/[\w/{}.-]*)", "\n".join(row[0] for row in rows("Routes"))))
    paths = {path for route in create_app(service_of()).routes for path in _paths(route)}
    prefix = "/v2/models/{model}/versions/{version}"
    covered = {path.replace(prefix, "/v2/models/{model}") for path in paths if not path.startswith("/static")}
    tasks = {path for path in covered if path.removeprefix("/v1/") in MODELS.values()}
    assert {path.removeprefix("/v1/") for path in tasks} == {*named(rows("Routes")[1][1])}
    assert covered - tasks <= told
    assert told - {"/v1/TASK"} <= covered


def _paths(route: BaseRoute) -> Iterator[str]:
    if path := getattr(route, "path", None):
        yield path
    for inner in getattr(route, "routes", None) or ():
        yield from _paths(inner)
