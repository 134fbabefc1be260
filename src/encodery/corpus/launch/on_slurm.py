"""Tasks as job arrays of Slurm, by datatrove's executor; the process that submits them waits for their markers."""

import subprocess
import time
from collections.abc import Iterator

from datatrove.executor.slurm import SlurmPipelineExecutor

from encodery.corpus.launch.executor import TaskStep
from encodery.corpus.launch.failures import Failure, failed
from encodery.corpus.launch.phase import Phase
from encodery.corpus.launch.tables import SlurmLaunch
from encodery.errors import UserError

SETTLING = 3
"""Looks at the queue that must find no job before a task without a marker counts as failed: shared disks lag."""


def run_on_slurm(phase: Phase, table: SlurmLaunch) -> Iterator[int]:
    """Submit the tasks that are not complete; yields the number of each that is.

    Raises:
        UserError: there is no `sbatch`, it refuses the job, or jobs ended without finishing their tasks.
    """
    executor = _executor(phase, table)
    waiting = set(executor.get_incomplete_ranks())
    if not waiting:
        return
    try:
        queued = _in_queue(executor.job_name)
        if queued is False:
            phase.tidy()
        if not queued:  # jobs of a launcher that was killed go on without it
            executor.run()
    except FileNotFoundError:
        raise UserError("corpus.clean.launch: no sbatch here; run this on a machine that submits to Slurm") from None
    except subprocess.CalledProcessError as error:
        raise UserError(f"corpus.clean.launch: sbatch refused the job of {phase.name} ({error})") from None
    empty = 0
    while waiting:
        for rank in sorted(waiting.difference(executor.get_incomplete_ranks())):
            waiting.discard(rank)
            empty = 0
            yield rank
        if not waiting:
            phase.tidy()  # after jobs that were killed and put into the queue again
            return
        empty = empty + 1 if _in_queue(executor.job_name) is False else 0
        if empty >= SETTLING:
            phase.tidy()
            reason = "its job ended without finishing it"
            raise failed(phase, {rank: Failure(reason, again=False) for rank in waiting})
        time.sleep(table.poll_seconds)


class SlurmTasks(SlurmPipelineExecutor):  # type: ignore[misc]  # datatrove has no types
    """datatrove's executor, without the job that sums its statistics: it would wait for ever behind a failed one."""

    def launch_merge_stats(self) -> None:
        """Nothing: ours are in the ledgers."""


def _executor(phase: Phase, table: SlurmLaunch) -> SlurmTasks:
    return SlurmTasks(
        [TaskStep(phase)],
        tasks=phase.tasks,
        time=table.time,
        partition=table.partition,
        cpus_per_task=table.cpus_per_task,
        mem_per_cpu_gb=table.mem_per_cpu_gb,
        workers=table.workers or -1,
        job_name=f"{phase.folder.name}-{phase.name}",
        qos=table.qos,
        env_command=table.env_command,
        sbatch_args=dict(table.sbatch_args),
        max_array_size=table.max_array_size,
        max_array_launch_parallel=True,
        logging_dir=str(phase.state),
        tasks_per_job=table.tasks_per_job,
        with_srun=table.with_srun,
    )


def _in_queue(job_name: str) -> bool | None:
    """Whether Slurm has jobs of ours by that name; None if it does not answer."""
    listed = subprocess.run(
        ["squeue", "--noheader", "--me", "--name", job_name], capture_output=True, text=True, check=False
    )
    return bool(listed.stdout.strip()) if listed.returncode == 0 else None
