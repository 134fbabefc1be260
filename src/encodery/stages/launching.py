"""A recipe's run from beginning to end, by this process and those that were started beside it."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from encodery.recipe import load_recipe
from encodery.stages.engine import Run, open_run, run
from encodery.stages.graph import selected, stages_of
from encodery.train.distributed import joined_ranks


def run_recipe(
    recipe_path: Path,
    overrides: Sequence[str] = (),
    only: Sequence[str] = (),
    force: Sequence[str] = (),
    console: Console | None = None,
) -> Run:
    """What `encodery run` does, in every one of the processes that run together (`train.distributed`).

    Raises:
        UserError: from the recipe, a stage, a folder that cannot be written, or ranks that were not started alike.
        Interrupted: a stage was asked to stop and saved its state; the same call continues.
    """
    with joined_ranks() as ranks:
        console = console or Console(highlight=False)
        opened = open_run(load_recipe(recipe_path, overrides), recipe_path, console, ranks)
        run(opened, selected(stages_of(opened), only), force)
    return opened
