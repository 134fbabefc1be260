"""A process for each task on this machine, so many at a time: a killed one takes nothing else with it.

datatrove's own local launcher waits for ever when a worker of its pool is killed (CPython bpo-22393).
"""

import multiprocessing
import os
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess

from encodery.corpus.launch.executor import Tasks
from encodery.corpus.launch.failures import KILLED, Failure, failed, failure_of
from encodery.corpus.launch.phase import Phase

PRELOADED = ("encodery.corpus.launch.executor", "encodery.corpus.phases.preloaded")
"""What the server imports once, so that a process is made in milliseconds."""


@dataclass
class _Attempt:
    """A task that is at work in a process of its own."""

    rank: int
    process: ForkServerProcess
    answer: Connection
    """The child says here how it ended; with this end gone it ends itself."""

    def outcome(self) -> Failure | None:
        """How it ended."""
        self.process.join()
        try:
            failure: Failure | None = self.answer.recv()
        except EOFError:  # it never came to say anything
            failure = Failure(f"{KILLED} (exit code {self.process.exitcode})", again=True)
        self.answer.close()
        return failure


def run_in_processes(phase: Phase, workers: int, max_retries: int) -> Iterator[int]:
    """Do the tasks that are not complete; yields the number of each that is.

    Raises:
        UserError: tasks failed, said when the others are done; at once if the disk is full.
    """
    phase.tidy()
    waiting = deque(Tasks(phase).get_incomplete_ranks())
    tries: Counter[int] = Counter()
    failures: dict[int, Failure] = {}
    running: dict[int, _Attempt] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                attempt = _start(phase, waiting.popleft())
                running[attempt.process.sentinel] = attempt
            for sentinel in wait(list(running)):
                attempt = running.pop(int(sentinel))  # type: ignore[arg-type]  # sentinels are numbers
                failure, rank = attempt.outcome(), attempt.rank
                tries[rank] += 1
                if failure is None:
                    yield rank
                elif failure.again and tries[rank] <= max_retries:
                    waiting.append(rank)
                else:
                    failures[rank] = failure
                    if failure.last:
                        waiting.clear()
    finally:
        for attempt in running.values():  # the caller stopped
            attempt.process.kill()
            attempt.process.join()
        phase.tidy()
    if failures:
        raise failed(phase, failures)


def _start(phase: Phase, rank: int) -> _Attempt:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(phase, rank, theirs), daemon=True)
    process.start()
    theirs.close()
    return _Attempt(rank, process, ours)


def _work(phase: Phase, rank: int, answer: Connection) -> None:
    """What the process of a task does."""
    threading.Thread(target=_end_with, args=(answer,), daemon=True).start()
    failure = None
    try:
        Tasks(phase).run_rank(rank)
    except Exception as error:
        failure = failure_of(error)
    answer.send(failure)


def _end_with(parent: Connection) -> None:
    """End at once when the process that waits for this one is gone."""
    with suppress(OSError):
        parent.poll(None)
    os._exit(1)
