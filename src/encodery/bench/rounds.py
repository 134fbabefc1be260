"""Two engines in turn: rounds of one block of steps each, disturbed rounds repeated."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol, runtime_checkable

QUIET_CORES = 0.15
"""A round counts as disturbed when others used more CPU than this while either engine ran."""
LEAST_QUIET = 3
"""So many undisturbed rounds are enough for a median, when more cannot be had."""


@dataclass(frozen=True)
class Block:
    """Some steps of one engine."""

    seconds: float
    tokens: int
    peak_bytes: int
    """Memory high-water mark of the engine's process (on CUDA: of its device memory) after the block."""
    others_cores: float
    """CPU that others used meanwhile, in cores."""


@runtime_checkable
class Engine(Protocol):
    """Something that runs steps when told."""

    def run(self, steps: int) -> Block:
        """Run this many steps, and say what they took."""


@dataclass(frozen=True)
class Plan:
    """How long to measure."""

    rounds: int
    """Undisturbed rounds wanted."""
    repeats: int
    """Rounds that may be played on top, for those that were disturbed."""
    block_seconds: float
    """Time of one block, of either engine."""
    least_steps: int = 0
    """Steps at least in a block of the slower engine; blocks of both last longer for that. A first step after a pause
    finds cold caches, so that one step alone is no pace."""


@dataclass(frozen=True)
class Round:
    """One block of each, one directly after the other."""

    ours: Block
    peer: Block

    @property
    def others_cores(self) -> float:
        return max(self.ours.others_cores, self.peer.others_cores)

    @property
    def is_quiet(self) -> bool:
        return self.others_cores <= QUIET_CORES


@dataclass(frozen=True)
class Outcome:
    """The rounds that count."""

    rounds: tuple[Round, ...]
    dropped: int
    """Rounds that were played and do not count."""
    ours_steps: int
    """Steps in a block of ours."""
    peer_steps: int

    @property
    def is_quiet(self) -> bool:
        """False where too few rounds were undisturbed, so that disturbed ones count, too."""
        return all(r.is_quiet for r in self.rounds)

    def facts(self) -> dict[str, int | float | bool]:
        """How many rounds count, how many do not, and how quiet the machine was in those that do."""
        return {
            "rounds": len(self.rounds),
            "dropped_rounds": self.dropped,
            "quiet": self.is_quiet,
            "others_cores": median(r.others_cores for r in self.rounds),
        }


def alternate(ours: Engine, peer: Engine, plan: Plan) -> Outcome:
    """Play rounds until `plan.rounds` were undisturbed or the repeats are used up.

    Who goes first changes from round to round, so that a machine that grows slower favours neither.
    """
    step_seconds = [seconds_per_step(engine, plan.block_seconds) for engine in (ours, peer)]
    block_seconds = max(plan.block_seconds, plan.least_steps * max(step_seconds))
    steps = [max(1, round(block_seconds / seconds)) for seconds in step_seconds]
    played: list[Round] = []
    while sum(r.is_quiet for r in played) < plan.rounds and len(played) < plan.rounds + plan.repeats:
        if len(played) % 2 == 0:
            first = ours.run(steps[0])
            played.append(Round(ours=first, peer=peer.run(steps[1])))
        else:
            first = peer.run(steps[1])
            played.append(Round(ours=ours.run(steps[0]), peer=first))
    kept = select(played, plan.rounds)
    return Outcome(kept, len(played) - len(kept), *steps)


def select(played: Sequence[Round], wanted: int) -> tuple[Round, ...]:
    """The undisturbed rounds; where these are too few for a median, the least disturbed ones."""
    quiet = [r for r in played if r.is_quiet]
    if len(quiet) >= min(wanted, LEAST_QUIET):
        return tuple(quiet)
    return tuple(sorted(played, key=lambda r: r.others_cores)[:wanted])


def seconds_per_step(engine: Engine, block_seconds: float) -> float:
    """The pace of an engine. The first step, which pays for what happens once, is not counted.

    Trials grow until they last a quarter of a block: single steps may be much cheaper than their fellows, where one
    prepares for many.
    """
    engine.run(1)
    steps = 1
    while (block := engine.run(steps)).seconds < block_seconds / 4:
        steps *= 2
    return block.seconds / steps
