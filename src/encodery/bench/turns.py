"""Any number of engines in turn: each does the same work once a round, disturbed work is done again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from encodery.bench.rounds import LEAST_QUIET, QUIET_CORES


@dataclass(frozen=True)
class Turn:
    """One engine's work in one round."""

    times: tuple[float, ...]
    """Seconds of each request, or of the whole."""
    others_cores: float
    """CPU that others used meanwhile, in cores."""
    seconds: float = 0.0
    """How long it took, where requests ran at the same time."""

    @property
    def is_quiet(self) -> bool:
        return self.others_cores <= QUIET_CORES


@dataclass(frozen=True)
class Turns:
    """What one engine did, over all rounds."""

    kept: tuple[Turn, ...]
    dropped: int
    """Turns that were disturbed and do not count."""

    @property
    def is_quiet(self) -> bool:
        """False where too few turns were undisturbed, so that disturbed ones count, too."""
        return all(turn.is_quiet for turn in self.kept)

    def seconds(self, share: float = 0.5) -> float:
        """The time within which this share of the requests was done: the median over the turns that count."""
        return median(percentile(turn.times, share) for turn in self.kept)

    def rate(self) -> float:
        """Requests a second: the median over the turns that count."""
        return median(len(turn.times) / turn.seconds for turn in self.kept)

    def spread(self) -> tuple[float, float]:
        """The median of the fastest turn and of the slowest."""
        middles = [percentile(turn.times, 0.5) for turn in self.kept]
        return min(middles), max(middles)


@dataclass(frozen=True)
class Rounds:
    """How often to measure."""

    rounds: int
    repeats: int
    """Turns that each engine may repeat, for those that were disturbed."""


def take_turns(engines: Mapping[str, Callable[[], Turn]], plan: Rounds) -> dict[str, Turns]:
    """Let each engine work once a round; a different one goes first each time.

    An engine whose turn was disturbed repeats it at once, as long as it has repeats left.
    """
    names = list(engines)
    played: dict[str, list[Turn]] = {name: [] for name in names}
    for number in range(plan.rounds):
        first = number % max(1, len(names))
        for name in names[first:] + names[:first]:
            turns = played[name]
            turns.append(engines[name]())
            while not turns[-1].is_quiet and len(turns) - number - 1 < plan.repeats:
                turns.append(engines[name]())
    return {name: keep(turns, plan.rounds) for name, turns in played.items()}


def keep(played: Sequence[Turn], wanted: int) -> Turns:
    """The undisturbed turns; where these are too few for a median, the least disturbed ones."""
    quiet = [turn for turn in played if turn.is_quiet]
    if len(quiet) < min(wanted, LEAST_QUIET):
        quiet = sorted(played, key=lambda turn: turn.others_cores)[:wanted]
    return Turns(tuple(quiet), len(played) - len(quiet))


def percentile(times: Sequence[float], share: float) -> float:
    """The nearest of the times, in order."""
    ordered = sorted(times)
    return ordered[round(share * (len(ordered) - 1))]
