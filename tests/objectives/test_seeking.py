"""Any step is found at once: the batch of step 10,000,000 takes no more work than that of step 1,000.

Work is counted, not timed: calls of functions, which a loop over steps would multiply, and the largest memory, which
an array over steps would.
"""

import gc
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from encodery.batch import Batch
from encodery.data.block_shuffle import BlockShuffle
from encodery.data.schedule import Knots
from encodery.data.shards import Shards
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.mixing import Objective, build_objective
from encodery.objectives.phases import Course, Phase, stretches
from encodery.objectives.seqlen_warmup import warmed_up
from tests.data.synthetic import VOCAB_SIZE, documents, stored
from tests.objectives.corpora import MAX_SEQLEN, SEED, TOKENS_PER_STEP
from tests.objectives.pairs import pairs, stored_pairs
from tests.objectives.vocabularies import vocabulary

NEAR, FAR, STEPS = 10**3, 10**7, 2 * 10**7
MUCH = 2.0
"""Of what is counted near: whose turn it is comes from a table of 65,536 turns, which may be there already."""
LANGUAGES = ["de", "sw", "ur", "sw", "yo"]
ALPHA: Knots = ((0, 1.0), (STEPS, 0.3))


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    corpus = documents(101, 7)
    languages = [LANGUAGES[number % 5] for number in range(101)]
    return stored(tmp_path_factory.mktemp("text") / "shards", corpus, languages=languages)


@pytest.fixture(scope="module")
def parallel(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return stored_pairs(tmp_path_factory.mktemp("pairs") / "shards", pairs(101))


def work_of(make: Callable[[], Callable[[int], Batch]], step: int) -> tuple[int, int]:
    """Calls and bytes that the batch of a step takes, in an order that nobody has read in yet."""
    make()(step)  # what is imported or compiled once
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    batches = make()
    gc.collect()
    before = sys.getprofile()
    tracemalloc.start()
    sys.setprofile(count)
    try:
        batches(step)
    finally:
        sys.setprofile(before)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return calls, peak


def first_steps(batches: Callable[[int], Batch], start: int) -> dict[str, int]:
    """The first step from `start` on that each objective has."""
    return {batches(step).objective: step for step in range(start + 12, start - 1, -1)}


def assert_seeks(make: Callable[[], Callable[[int], Batch]]) -> None:
    near, far = (first_steps(make(), start) for start in (NEAR, FAR))
    assert near.keys() == far.keys()
    less, more = ([work_of(make, step) for step in steps.values()] for steps in (near, far))
    assert max(calls for calls, _ in more) < MUCH * max(calls for calls, _ in less)
    assert max(peak for _, peak in more) < MUCH * max(peak for _, peak in less)


KINDS = {
    "pairs of segments": {},
    "static masks": {"nsp": False, "mlm": {"duplication_factor": 10}},
    "full sentences": {"nsp": False, "inputs": "full-sentences", "mlm": {"span": {}}},
    "three objectives": {"nsp": False, "weights": {"mlm": 1.0, "clm": 0.5, "tlm": 1.0}},
    "a schedule of objectives": {
        "nsp": False,
        "weights": {"mlm": 1.0, "tlm": 0.5},
        "schedule": [{"steps": 101, "weights": {"clm": 1.0}}],
    },
}


def built(
    shards: Shards,
    parallel: Shards,
    kind: str,
    alpha: Knots | None,
    shuffle: BlockShuffle | None,
    max_seqlen: int = MAX_SEQLEN,
    tokens_per_step: int = TOKENS_PER_STEP,
) -> Objective:
    config = ObjectiveConfig.parse(KINDS[kind], "test")
    sizes = (vocabulary(VOCAB_SIZE), max_seqlen, tokens_per_step)
    return build_objective(config, shards, parallel, *sizes, SEED, num_steps=STEPS, alpha=alpha, shuffle=shuffle)


BLOCKS = BlockShuffle(block_tokens=200, blocks=2)


@pytest.mark.parametrize(
    ("kind", "alpha", "shuffle"),
    [(kind, ALPHA, None) for kind in KINDS] + [("static masks", None, None), ("static masks", ALPHA, BLOCKS)],
)
def test_a_far_step_takes_the_work_of_a_near_one(
    shards: Shards, parallel: Shards, kind: str, alpha: Knots | None, shuffle: BlockShuffle | None
) -> None:
    assert_seeks(lambda: built(shards, parallel, kind, alpha, shuffle).batch)


def test_phases_and_a_warmup_are_passed_over_at_once(shards: Shards, parallel: Shards) -> None:
    phases = [Phase(start=0.01, max_seqlen=17), Phase(start=0.4, max_seqlen=MAX_SEQLEN)]
    parts = stretches(phases, STEPS, MAX_SEQLEN, TOKENS_PER_STEP)

    def make() -> Callable[[int], Batch]:
        def own(length: int, tokens: int) -> Objective:
            return built(shards, parallel, "pairs of segments", ALPHA, None, length, tokens)

        course = Course(parts, own)

        def read(step: int) -> Batch:
            objective, own_step = course.at(step)
            return objective.batch(own_step)

        return warmed_up(read, read, 1, MAX_SEQLEN, SEED)

    assert_seeks(make)


def test_work_that_grows_with_the_step_is_seen(shards: Shards, parallel: Shards) -> None:
    """A loop or an array over the steps before, as the tests above must never find."""
    objective = built(shards, parallel, "pairs of segments", None, None)

    def looping(step: int) -> Batch:
        for _ in range(step // 100):
            len("")
        return objective.batch(step)

    def listing(step: int) -> Batch:
        assert np.arange(step).size == step
        return objective.batch(step)

    for slow in (looping, listing):
        with pytest.raises(AssertionError):
            assert_seeks(partial(lambda batches: batches, slow))
