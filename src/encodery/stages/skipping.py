"""Token shards that vanished or were cut short: an error, or counted and gone without."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from encodery.data.shards import Shards
from encodery.recipe.reading_table import ReadingTable
from encodery.stages.engine import Run
from encodery.stages.given_shards import cache_of, check_room
from encodery.train.distributed import Ranks
from encodery.train.log import TrainLog, read_log

SHARDS = "shards"


def open_shards(run: Run, table: ReadingTable | None, split: str, stage: str = SHARDS) -> Shards:
    """The shards of a split of a stage, as `table` reads them: without those that cannot be read if it says so.

    Raises:
        UserError: one is missing or truncated, and `on_missing_shard` is "error"; or all are; or those that lie
            elsewhere cannot be read through the cache.
    """
    skip = table is not None and table.on_missing_shard == "skip"
    folder = run.artifact(stage) / split
    if stage == SHARDS:
        check_room(run, table, folder)
    return Shards.open(folder, skip_missing=skip, cache=cache_of(run))


def skipped(shards: Mapping[str, Shards]) -> dict[str, Any]:
    """Of each split, how many shards were left out and why; nothing where none was."""
    found = {split: {"count": len(opened.skipped), "why": list(opened.skipped)} for split, opened in shards.items()}
    found = {split: entry for split, entry in found.items() if entry["count"]}
    return {"skipped_shards": found} if found else {}


def log_skipped(ranks: Ranks, path: Path, shards: Mapping[str, Shards]) -> None:
    """Note in the log of a training what it goes without, unless it says so already; the first rank writes."""
    values = skipped(shards)
    if not values or not ranks.is_first or (path.is_file() and values in _logged(path)):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with TrainLog(path) as log:
        log.write(_EVENT, 0, **values)


def _logged(path: Path) -> list[dict[str, Any]]:
    """The last of what a log says of shards that were left out, if anything."""
    found = [record for record in read_log(path) if record["event"] == _EVENT]
    return [{key: value for key, value in record.items() if key not in ("event", "step")} for record in found[-1:]]


_EVENT: Literal["shards"] = "shards"
