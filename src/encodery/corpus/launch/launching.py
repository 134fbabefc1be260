"""One way to run a phase, whoever does its tasks."""

from collections.abc import Iterator

from encodery.corpus.launch.phase import Phase
from encodery.corpus.launch.tables import LaunchTable, LocalLaunch, RayLaunch
from encodery.errors import UserError


def finished_tasks(phase: Phase, table: LaunchTable) -> Iterator[int]:
    """Run the tasks of a phase that are not complete; yields the number of each when it is, in any order.

    Raises:
        UserError: tasks failed; those that did not are complete, and the next call takes up the failed ones alone.
    """
    try:
        import datatrove  # noqa: F401
    except ImportError:
        raise UserError('[corpus.clean] needs datatrove; pip install "encodery[crawl]"') from None
    if isinstance(table, LocalLaunch):
        from encodery.corpus.launch.in_process import run_in_process
        from encodery.corpus.launch.processes import run_in_processes

        if table.processes == 1:
            return run_in_process(phase, table.max_retries)
        return run_in_processes(phase, table.processes, table.max_retries)
    if isinstance(table, RayLaunch):
        from encodery.corpus.launch.on_ray import run_on_ray

        return run_on_ray(phase, table)
    from encodery.corpus.launch.on_slurm import run_on_slurm

    return run_on_slurm(phase, table)
