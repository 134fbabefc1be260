"""The image and the compose file, as far as they can be checked without building."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from encodery.cli import app
from encodery.serve.auth import HEALTH
from tests.packaging.conftest import PACKAGING, parse_serve

ROOT = PACKAGING.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def steps() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile with what follows them, comments gone and lines joined."""
    lines = [line for line in (PACKAGING / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def said(instruction: str) -> list[str]:
    return [rest for name, rest in steps() if name == instruction]


@pytest.fixture
def service() -> Any:
    return yaml.safe_load((PACKAGING / "compose.yaml").read_text())["services"]["encodery"]


def test_every_instruction_is_one() -> None:
    known = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "RUN", "STOPSIGNAL", "USER"}
    assert {name for name, _ in steps()} <= {*known, "WORKDIR"}
    assert len(said("FROM")) == 2  # what it was built with stays behind


def test_what_is_installed_are_extras_of_the_project() -> None:
    (extras,) = [rest.removeprefix("EXTRAS=") for rest in said("ARG") if rest.startswith("EXTRAS=")]
    assert {*extras.split(",")} <= PROJECT["optional-dependencies"].keys()
    assert {"serve", "engines"} <= {*extras.split(",")}
    assert any('".[${EXTRAS}]"' in run for run in said("RUN"))


def test_the_image_that_makes_bundles_has_what_that_needs() -> None:
    """docs/serving.md builds it, and runs `encodery export` in it and in no other."""
    page = (ROOT / "docs" / "serving.md").read_text().replace("\\\n", " ")
    ((extras, image),) = re.findall(r"docker build -f packaging/Dockerfile --build-arg EXTRAS=(\S+) -t (\S+) ", page)
    given = {*extras.split(",")}
    assert {"export", "serve", "xlm"} <= given <= PROJECT["optional-dependencies"].keys()
    exporting = [line for line in page.splitlines() if line.startswith("docker run") and " export " in line]
    assert len(exporting) == 1
    for line in exporting:
        options, _, command = line.partition(f" {image} ")
        given_ = get_command(app).commands["export"].make_context("export", command.split()[1:]).params  # type: ignore[attr-defined]
        mounts = re.findall(r'-v "?[^: ]+:([^: "]+)(:ro)?', options)
        writable = [mount for mount, read_only in mounts if not read_only]
        assert any(str(given_["to"]).startswith(f"{mount}/") for mount in writable)
        for key in ("model", "calibrate"):
            assert any(str(given_[key]).startswith(mount) for mount, _ in mounts)


def test_torch_is_the_pinned_one_without_cuda() -> None:
    fetched = [run for run in said("RUN") if "download.pytorch.org" in run]
    assert ["https://download.pytorch.org/whl/cpu" in run and "-c constraints.txt" in run for run in fetched] == [
        True
    ]
    assert re.search(r"^torch==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)


def test_the_python_is_one_that_the_project_takes() -> None:
    (version,) = [rest.removeprefix("PYTHON=") for rest in said("ARG") if rest.startswith("PYTHON=")]
    least = PROJECT["requires-python"].removeprefix(">=")
    assert [*map(int, version.split("."))] >= [*map(int, least.split("."))]


def test_what_is_copied_is_there_and_sent_to_the_builder() -> None:
    ignore = (PACKAGING / "Dockerfile.dockerignore").read_text().splitlines()
    sent = {line[1:] for line in ignore if line.startswith("!")}
    copied = {path for rest in said("COPY") if not rest.startswith("--from") for path in rest.split()[:-1]}
    assert copied == sent
    assert all((ROOT / path).exists() for path in copied)
    assert {PROJECT["readme"], *PROJECT["license-files"], "pyproject.toml"} <= copied


def test_it_runs_as_nobody_and_writes_nothing_but_temporary_files() -> None:
    user, group = said("USER")[0].split(":")
    assert int(user) == int(group) == 10001
    assert any(f"--uid {user}" in run for run in said("RUN"))
    last = [name for name, _ in steps()]
    assert last.index("USER") < last.index("ENTRYPOINT")
    environment = " ".join(said("ENV"))
    assert "HOME=/tmp" in environment
    assert "HF_HUB_OFFLINE=1" in environment


def test_it_serves() -> None:
    assert json.loads(said("ENTRYPOINT")[0]) == ["encodery"]
    parsed = parse_serve(json.loads(said("CMD")[0]))
    assert str(parsed["port"]) == said("EXPOSE")[0]
    assert parsed["host"] == "0.0.0.0"
    assert said("STOPSIGNAL") == ["SIGTERM"]


def test_its_health_is_asked_at_a_path_that_needs_no_key() -> None:
    path = re.search(r"http://127\.0\.0\.1:8080(/[\w/]+)", said("HEALTHCHECK")[0])
    assert path is not None
    assert path[1] == "/health/live"
    command = said("HEALTHCHECK")[0].partition("CMD ")[2]
    compile(json.loads(command)[2], "HEALTHCHECK", "exec")


def test_compose_starts_the_server_with_flags_that_it_has(service: Any) -> None:
    parsed = parse_serve(service["command"])
    mounted = {volume["target"] for volume in service["volumes"]}
    # what they lie in, so that SIGHUP sees another in their place
    assert {str(Path(path).parent) for path in (*parsed["models"], parsed["keys"])} == mounted
    assert service["ports"] == [f"127.0.0.1:{parsed['port']}:{parsed['port']}"]
    assert (PACKAGING / service["build"]["context"] / service["build"]["dockerfile"]).exists()


def test_compose_lets_it_do_nothing_but_serve(service: Any) -> None:
    assert service["read_only"] is True
    assert [volume["read_only"] for volume in service["volumes"]] == [True, True]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"pids_limit", "mem_limit", "cpus"} <= service.keys()


def test_compose_gives_it_the_time_to_drain(service: Any, stop_seconds: float) -> None:
    assert float(service["stop_grace_period"].removesuffix("s")) > stop_seconds


def test_compose_waits_until_it_can_be_asked(service: Any) -> None:
    path = re.search(r"http://127\.0\.0\.1:8080(/[\w/]+)", service["healthcheck"]["test"][-1])
    assert path is not None
    assert path[1] in HEALTH
    assert path[1].endswith("ready")
