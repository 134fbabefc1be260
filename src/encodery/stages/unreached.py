"""Phases begin after shares of the steps. A time that is over before leaves them out, which is said."""

from collections.abc import Sequence
from typing import Any

from encodery.objectives.phases import Stretch
from encodery.recipe import PRETRAIN
from encodery.recipe.reading_table import ReadingTable
from encodery.recipe.teaching import DISTILL
from encodery.stages.engine import Planned, Run
from encodery.train.progress import format_duration

KEY = "phases_not_reached"


def planned_phases(run: Run, planned: Sequence[Planned]) -> list[str]:
    """For each stage that is to train: that its time may leave phases out."""
    tables = {PRETRAIN: run.recipe.pretrain, DISTILL: run.recipe.distill}
    waiting = [item.stage.name for item in planned if item.state != "fresh"]
    return [line for name, table in tables.items() if table and name in waiting for line in may_miss(name, table)]


def may_miss(stage: str, table: ReadingTable) -> list[str]:
    """A line where a time may end the run before its phases; none where nothing can."""
    if table.time is None or table.steps is None or not table.phases:
        return []
    last = table.stretches[-1]
    return [
        f"{stage}: the last phase ({_said(last)}) begins at step {last.first:,} of {table.steps:,}; if the time, "
        f"{format_duration(table.time)}, is over before, it is left out: set steps to what the time has room for"
    ]


def missed(run: Run, stage: str, table: ReadingTable, steps: int) -> dict[str, Any]:
    """What a run that ended after so many steps has not read, for its metrics; a person is told."""
    left = [part for part in table.stretches if part.first >= steps]
    if not left:
        return {}
    phases = ", ".join(f"step {part.first:,} ({_said(part)})" for part in left)
    whole = f" of {table.steps:,}" if table.steps else ""
    run.note(f"{stage}: ended after step {steps:,}{whole}, before the phase that begins at {phases}")
    facts = [
        {"start": part.first, "max_seqlen": part.max_seqlen, "tokens_per_step": part.tokens_per_step} for part in left
    ]
    return {KEY: facts}


def longest_read(table: ReadingTable, steps: int) -> int:
    """The longest sequences that a run of so many steps has read."""
    return max(part.max_seqlen for part in table.stretches if part.first < max(steps, 1))


def _said(part: Stretch) -> str:
    return f"sequences of {part.max_seqlen:,}, steps of {part.tokens_per_step:,} tokens"
