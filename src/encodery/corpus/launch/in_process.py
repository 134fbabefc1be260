"""Tasks one after the other in this process."""

from collections.abc import Iterator

from encodery.corpus.launch.executor import Tasks
from encodery.corpus.launch.failures import Failure, failed, failure_of
from encodery.corpus.launch.phase import Phase


def run_in_process(phase: Phase, max_retries: int) -> Iterator[int]:
    """Do the tasks that are not complete; yields the number of each that is.

    Raises:
        UserError: tasks failed, said when the others are done; at once if the disk is full.
    """
    phase.tidy()
    executor = Tasks(phase)
    failures: dict[int, Failure] = {}
    for rank in executor.get_incomplete_ranks():
        failure = _attempt(executor, rank, max_retries)
        if failure is None:
            yield rank
            continue
        failures[rank] = failure
        if failure.last:
            break
    if failures:
        raise failed(phase, failures)


def _attempt(executor: Tasks, rank: int, max_retries: int) -> Failure | None:
    for attempt in range(max_retries + 1):
        try:
            executor.run_rank(rank)
        except Exception as error:
            failure = failure_of(error)
            if not failure.again or attempt == max_retries:
                return failure
        else:
            return None
    raise AssertionError
