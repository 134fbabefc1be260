"""A recipe's run on a Ray cluster: Ray starts and connects the processes; each does what it does under `torchrun`."""

from collections.abc import Mapping, Sequence
from contextlib import chdir
from functools import partial
from pathlib import Path

from encodery.errors import UserError
from encodery.recipe import load_recipe
from encodery.stages.launching import run_recipe
from encodery.train.distributed import COLLECTIVE


def run_on_ray(
    recipe_path: Path,
    num_workers: int,
    overrides: Sequence[str] = (),
    only: Sequence[str] = (),
    force: Sequence[str] = (),
    *,
    use_gpu: bool = False,
    resources_per_worker: Mapping[str, int | float] | None = None,
    max_failures: int = 0,
) -> Path:
    """Run a recipe, as `encodery run` does, by so many workers of Ray Train; returns the run's folder.

    The workers work in the current directory, so it, the recipe's files and the output must lie under the same paths
    on every machine. `use_gpu`, `resources_per_worker` and `max_failures` (how often the workers are started again
    when one fails; they continue from the newest checkpoint) mean what they mean to Ray, which is started if need be.

    Raises:
        UserError: Ray is not installed, or what `run_recipe` raises in a worker.
        ray.train.TrainingFailedError: Ray lost workers, or could not start them.
    """
    try:
        from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
        from ray.train.torch import TorchConfig, TorchTrainer
    except ImportError:
        raise UserError("a run on Ray needs Ray Train; try: pip install 'encodery[ray]'") from None
    recipe = load_recipe(recipe_path, overrides)  # what is wrong with it is said before anything is started
    resources = None if resources_per_worker is None else dict(resources_per_worker)
    trainer = TorchTrainer(
        partial(_work, Path.cwd(), recipe_path, tuple(overrides), tuple(only), tuple(force)),
        # ranks agree on the CPU also where they compute on GPUs
        torch_config=TorchConfig(
            "cpu:gloo,cuda:nccl" if use_gpu else "gloo", timeout_s=int(COLLECTIVE.total_seconds())
        ),
        scaling_config=ScalingConfig(num_workers=num_workers, use_gpu=use_gpu, resources_per_worker=resources),
        run_config=RunConfig(
            name=recipe.name,
            storage_path=str(Path(recipe.output, ".ray").resolve()),
            failure_config=FailureConfig(max_failures=max_failures),
        ),
    )
    try:
        trainer.fit()
    except TrainingFailedError as error:
        failures = getattr(error, "worker_failures", {}).values()
        raise next((failure for failure in failures if isinstance(failure, UserError)), error) from None
    return Path(recipe.output) / recipe.name


def _work(
    folder: Path, recipe_path: Path, overrides: Sequence[str], only: Sequence[str], force: Sequence[str]
) -> None:
    """What each worker does, in the process group that Ray made."""
    with chdir(folder):
        try:
            run_recipe(recipe_path, overrides, only, force)
        except SystemExit as end:  # another rank says why; Ray hears it of each, and a worker's thread cannot exit
            raise UserError(str(end.__context__)) from None
