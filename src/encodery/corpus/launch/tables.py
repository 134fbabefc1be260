"""`[corpus.clean.launch]`: who runs the tasks. It changes nothing in what comes out, so no stage depends on it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt

from encodery.config import Config
from encodery.cores import usable_cores


class LocalLaunch(Config):
    """This machine: processes that take one task at a time, or with one worker this one alone."""

    type: Literal["local"] = "local"
    workers: PositiveInt | None = None
    """Tasks at a time; as many as there are cores if not given."""
    max_retries: NonNegativeInt = 3
    """How often a task is tried again whose process was killed, or that failed for want of more than a repair."""

    @property
    def processes(self) -> int:
        """Tasks at a time."""
        return self.workers or usable_cores()


class RayLaunch(Config):
    """Ray tasks, on the cluster that Ray finds (`RAY_ADDRESS`), else on one that it starts here."""

    type: Literal["ray"] = "ray"
    address: str | None = None
    num_cpus: float = Field(default=1.0, gt=0.0)
    """What each task asks for."""
    memory_gb: float | None = Field(default=None, gt=0.0)
    max_retries: NonNegativeInt = 3
    """How often a task is tried again that failed or whose worker was lost."""
    at_once: PositiveInt = 10_000
    """Tasks that are handed to Ray at a time."""


class SlurmLaunch(Config):
    """Slurm job arrays, through datatrove's executor; the process that launches them stays and waits."""

    type: Literal["slurm"] = "slurm"
    partition: str
    time: str = "12:00:00"
    """The limit of a task's job, as `sbatch` has it."""
    workers: PositiveInt | None = None
    """Jobs at a time; no limit if not given."""
    cpus_per_task: PositiveInt = 1
    mem_per_cpu_gb: PositiveInt = 4
    tasks_per_job: PositiveInt = 1
    qos: str = "normal"
    env_command: str | None = None
    """What a job runs first, for example `source /shared/venv/bin/activate`."""
    sbatch_args: Mapping[str, str] = Field(default_factory=dict)
    max_array_size: PositiveInt = 1001
    with_srun: bool = True
    poll_seconds: float = Field(default=10.0, gt=0.0)
    """How often completion markers are looked for."""


def who_runs(table: "LaunchTable") -> str:
    """Who runs the tasks, as a person reads it."""
    if isinstance(table, LocalLaunch):
        return f"{table.processes} at a time on this machine"
    if isinstance(table, RayLaunch):
        return f"by Ray ({table.address or 'the cluster that it finds'})"
    return f"by Slurm (partition {table.partition})"


def _local(values: Any) -> Any:
    """A table without a `type` is of this machine."""
    return {"type": "local", **values} if isinstance(values, Mapping) else values


LaunchTable = Annotated[LocalLaunch | RayLaunch | SlurmLaunch, Field(discriminator="type"), BeforeValidator(_local)]
