"""How the tasks of a phase are run: in this process, in processes of this machine, by Ray, by Slurm.

The contract is datatrove's: a phase has numbered tasks, a finished one leaves an empty file `completions/NNNNN`, and
that file is the only state. Whatever runs the tasks and whatever is killed, the same tasks run to the same end.
"""

from encodery.corpus.launch.launching import finished_tasks
from encodery.corpus.launch.phase import STATE, Phase, Work, task_folder
from encodery.corpus.launch.tables import LaunchTable, LocalLaunch, RayLaunch, SlurmLaunch, who_runs

__all__ = [
    "STATE",
    "LaunchTable",
    "LocalLaunch",
    "Phase",
    "RayLaunch",
    "SlurmLaunch",
    "Work",
    "finished_tasks",
    "task_folder",
    "who_runs",
]
