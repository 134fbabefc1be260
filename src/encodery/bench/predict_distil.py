"""DistilBERT's size against BERT's, in our own engine: the two figures that DistilBERT is known for."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from statistics import geometric_mean

from encodery.bench.engines import Worker
from encodery.bench.predict_cases import OURS
from encodery.bench.predict_figures import BENCH, Setting, amounts_result
from encodery.bench.predict_setup import Ground, Say, bytes_of, export
from encodery.bench.predict_workload import LENGTHS
from encodery.bench.result import Result, make_result
from encodery.bench.turns import Rounds, Turn, Turns, take_turns

SMALL, LARGE = PAIR = ("distilbert", "bert")
SPEED, BYTES = NAMES = ("distil/one", "distil/bytes")
LEAST_SPEEDUP, MOST_BYTES = 1.6, 0.6
DTYPE = "int8"


def results(
    grounds: Sequence[Ground], wanted: frozenset[str], plan: Rounds, seconds: float, say: Say
) -> Iterator[Result]:
    """How much faster and smaller the small bundle is."""
    say(f"distil: {SMALL} against {LARGE}, both ours ...")
    small, large = (bytes_of(export(ground, DTYPE, say)) for ground in grounds)
    if SPEED in wanted:
        with ExitStack() as stack:
            workers = {ground.size: stack.enter_context(ground.start(OURS[DTYPE])) for ground in grounds}
            yield speed_result({length: _play(workers, length, plan, seconds) for length in LENGTHS})
    if BYTES in wanted:
        found = amounts_result(BYTES, small, {f"encodery-{LARGE}": large}, 1 / MOST_BYTES, Setting())
        assert found is not None
        yield found


def speed_result(turns: dict[int, dict[str, Turns]]) -> Result:
    """Geometric means over the lengths."""
    times = {size: {length: 1e3 * turns[length][size].seconds() for length in turns} for size in PAIR}
    ours, peer = (geometric_mean(times[size].values()) for size in PAIR)
    every = [side for played in turns.values() for side in played.values()]
    metric = {
        "target_ratio": LEAST_SPEEDUP,
        "rounds": min(len(side.kept) for side in every),
        "dropped_rounds": max(side.dropped for side in every),
        "quiet": all(side.is_quiet for side in every),
        **{f"ratio_{length}": times[LARGE][length] / times[SMALL][length] for length in turns},
    }
    return make_result(BENCH, SPEED, "ms", ours, peer, f"encodery {DTYPE}, {LARGE}", metric)


def _play(workers: dict[str, Worker], length: int, plan: Rounds, seconds: float) -> dict[str, Turns]:
    def turn(worker: Worker) -> Turn:
        report, others_cores = worker.ask({"do": "request", "length": length, "seconds": seconds})
        return Turn(tuple(report["result"]), others_cores)

    return take_turns({size: partial(turn, worker) for size, worker in workers.items()}, plan)
