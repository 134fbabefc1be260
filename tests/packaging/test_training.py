"""The files that start a training on many machines: `torchrun` and `encodery` know what they say."""

import re
import shlex
import subprocess
from argparse import Namespace
from typing import Any

import pytest
import yaml
from torch.distributed.run import get_args_parser
from typer.main import get_command

from encodery.cli import app
from tests.packaging.conftest import PACKAGING

FOLDER = PACKAGING / "train"
SCRIPT = FOLDER / "slurm.sh"


def launched(words: list[str]) -> Namespace:
    """The command as `torchrun` reads it; what it starts is a verb that `encodery` has, with arguments of its own."""
    program, *arguments = words
    assert program == "torchrun"
    found = get_args_parser().parse_args(arguments)
    assert (found.module, found.training_script) == (True, "encodery")
    verb, *rest = found.training_script_args
    assert verb == "run"
    get_command(app).commands[verb].make_context(verb, rest)  # type: ignore[attr-defined]
    return found


@pytest.fixture
def batch() -> dict[str, str]:
    """What the script asks of Slurm."""
    lines = re.findall(r"^#SBATCH --([\w-]+)(?:=(\S+))?$", SCRIPT.read_text(), re.MULTILINE)
    assert len(lines) == SCRIPT.read_text().count("#SBATCH")
    return dict(lines)


def test_bash_reads_the_script() -> None:
    subprocess.run(["bash", "-n", str(SCRIPT)], check=True, capture_output=True)


def test_slurm_starts_one_torchrun_a_machine(batch: dict[str, str]) -> None:
    text = SCRIPT.read_text().replace("\\\n", " ")
    # releases of Slurm between 22.05 and 23.11 give a step one CPU of the job's unless it asks for them
    (line,) = re.findall(r'^srun --cpus-per-task="\$SLURM_CPUS_PER_TASK" (torchrun .*)$', text, re.MULTILINE)
    words = [word.replace("$SLURM_NNODES", batch["nodes"]).replace("$1", "recipe.toml") for word in shlex.split(line)]
    found = launched(words)
    assert batch["ntasks-per-node"] == "1"
    assert (found.nnodes, found.nproc_per_node) == (batch["nodes"], batch["gpus-per-node"])
    name, seconds = batch["signal"].split("@")
    assert name == "TERM"
    assert found.shutdown_timeout < int(seconds)
    assert found.rdzv_endpoint == "$MASTER:29500"
    assert "requeue" in batch


@pytest.fixture
def manifests() -> dict[str, Any]:
    found = list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text()))
    return {manifest["kind"]: manifest for manifest in found}


def test_pods_find_each_other_and_fit_together(manifests: dict[str, Any]) -> None:
    assert set(manifests) == {"Service", "Job"}
    service, job = manifests["Service"], manifests["Job"]
    spec = job["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    found = launched(container["command"])
    assert int(found.nnodes) == spec["completions"] == spec["parallelism"]
    assert spec["completionMode"] == "Indexed"
    name = job["metadata"]["name"]
    assert service["spec"]["selector"] == {"job-name": name}
    assert service["spec"]["clusterIP"] == "None"
    assert service["metadata"]["name"] == pod["subdomain"]
    assert found.rdzv_endpoint == f"{name}-0.{pod['subdomain']}:29500"
    assert found.shutdown_timeout < pod["terminationGracePeriodSeconds"]
    resources = container["resources"]
    assert int(found.nproc_per_node) == resources["limits"]["nvidia.com/gpu"]
    assert {"cpu", "memory"} <= resources["requests"].keys()


def test_gpus_of_a_pod_have_shared_memory(manifests: dict[str, Any]) -> None:
    pod = manifests["Job"]["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    (container,) = pod["containers"]
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    assert mounts["/dev/shm"]["emptyDir"]["medium"] == "Memory"
    assert set(mounts) == {"/dev/shm", container["workingDir"]}
    assert container["command"][-1].startswith(f"{container['workingDir']}/")
