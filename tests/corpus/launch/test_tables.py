"""Who runs the tasks, as a recipe says it."""

import os
from typing import Any

import pytest

from encodery.config import Config
from encodery.corpus.launch import LaunchTable, LocalLaunch, RayLaunch, SlurmLaunch
from encodery.errors import UserError


class Holder(Config):
    """A table with a launch."""

    launch: LaunchTable = LocalLaunch()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"type": "local", "workers": 3}, LocalLaunch(workers=3)),
        ({"workers": 3}, LocalLaunch(workers=3)),
        ({"type": "ray"}, RayLaunch()),
        ({"type": "slurm", "partition": "cpu"}, SlurmLaunch(partition="cpu")),
    ],
)
def test_tables(values: dict[str, Any], expected: object) -> None:
    assert Holder.parse({"launch": values}, "r.toml").launch == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"type": "spark"}, "r.toml: launch.type = 'spark': one of 'local', 'ray', 'slurm' is allowed"),
        ({"type": "slurm"}, "r.toml: missing key 'launch.partition'"),
        ({"type": "local", "worker": 2}, "r.toml: unknown key 'launch.worker'; did you mean 'workers'?"),
        ({"type": "local", "workers": 0}, "r.toml: launch.workers = 0: input should be greater than 0"),
    ],
)
def test_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        Holder.parse({"launch": values}, "r.toml")
    assert str(refused.value) == message


def test_workers_are_the_cores_if_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LocalLaunch().processes == len(os.sched_getaffinity(0))
    assert LocalLaunch(workers=7).processes == 7
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    assert LocalLaunch().processes == os.cpu_count()
