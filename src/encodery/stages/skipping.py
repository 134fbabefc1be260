"""Token shards that vanished or were cut short: an error, or counted and gone without."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from encodery.data.shards import Shards
from encodery.stages.engine import Run
from encodery.stages.given_shards import cache_of, check_room
from encodery.train.log import TrainLog


def open_shards(run: Run, split: str) -> Shards:
    """The shards of a split, without those that cannot be read if the recipe says so.

    Raises:
        UserError: one is missing or truncated, and `pretrain.on_missing_shard` is "error"; or all are; or those that
            lie elsewhere cannot be read through the cache.
    """
    table = run.recipe.pretrain
    skip = table is not None and table.on_missing_shard == "skip"
    folder = run.artifact("shards") / split
    check_room(run, folder)
    return Shards.open(folder, skip_missing=skip, cache=cache_of(run))


def skipped(shards: Mapping[str, Shards]) -> dict[str, Any]:
    """Of each split, how many shards were left out and why; nothing where none was."""
    found = {split: {"count": len(opened.skipped), "why": list(opened.skipped)} for split, opened in shards.items()}
    found = {split: entry for split, entry in found.items() if entry["count"]}
    return {"skipped_shards": found} if found else {}


def log_skipped(path: Path, shards: Mapping[str, Shards]) -> None:
    """Note in the log of a training what it goes without."""
    if values := skipped(shards):
        path.parent.mkdir(parents=True, exist_ok=True)
        with TrainLog(path) as log:
            log.write("shards", 0, **values)
