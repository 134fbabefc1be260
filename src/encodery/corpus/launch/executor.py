"""A phase as datatrove's executor has it: markers, logs, statistics. Importing this imports datatrove."""

import contextlib
import io
from collections.abc import Iterable
from typing import Any

from datatrove.executor.base import PipelineExecutor
from datatrove.pipeline.base import PipelineStep

from encodery.corpus.launch.phase import Phase


class TaskStep(PipelineStep):  # type: ignore[misc]  # datatrove has no types
    """The one step of a pipeline: a task of ours, with the time that it takes."""

    type = "Encodery"

    def __init__(self, phase: Phase) -> None:
        super().__init__()
        self.name = phase.name
        self.phase = phase

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterable[Any]:
        """Do the task of this rank."""
        with self.track_time("task"):
            self.phase.run(rank)
        return ()


class Tasks(PipelineExecutor):  # type: ignore[misc]
    """The tasks of a phase, each run where `run_rank` is called."""

    def __init__(self, phase: Phase) -> None:
        super().__init__([TaskStep(phase)], str(phase.state))
        self.phase = phase

    @property
    def world_size(self) -> int:
        """How many tasks there are."""
        return self.phase.tasks

    def run(self) -> None:
        """Every task that is not complete, here and now."""
        for rank in self.get_incomplete_ranks():
            self.run_rank(rank)

    def run_rank(self, rank: int) -> None:
        """One task, and its marker behind it. datatrove's log of it goes to `state/NAME/logs` alone.

        Raises:
            Exception: what the task raises.
        """
        with contextlib.redirect_stderr(io.StringIO()):
            self._run_for_rank(rank, local_rank=1)  # 0 would print

    def get_distributed_env(self, node_rank: int = -1) -> dict[str, str]:
        """What datatrove tells its steps of the machine, as its local executor does; ours do not ask."""
        names = ("node_ips", "cpus_per_task", "mem_per_cpu", "gpus_on_node", "executor")
        return {
            f"datatrove_{name}": value
            for name, value in zip(names, ("localhost", "-1", "-1", "-1", "LOCAL"), strict=True)
        }
