"""Processes of this machine that take tasks one after the other: a killed one takes nothing with it but its task.

datatrove's own local launcher waits for ever when a worker of its pool is killed (CPython bpo-22393).
"""

import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from encodery.corpus.launch.executor import Tasks
from encodery.corpus.launch.failures import KILLED, Failure, failed, failure_of
from encodery.corpus.launch.phase import Phase

PRELOADED = ("encodery.corpus.launch.executor", "encodery.corpus.phases.preloaded")
"""What the server imports once, so that a process is made in milliseconds."""


class _Worker:
    """A process that does one task at a time; what a phase loads for a task (models) is there for the next."""

    def __init__(self, phase: Phase) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(PRELOADED))
        self.answers, theirs = context.Pipe()
        """Tasks go in, how they ended comes out; with this end gone the process ends itself."""
        self._process = context.Process(target=_work, args=(phase, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.rank = -1

    def begin(self, rank: int) -> None:
        """Give it a task; it has none."""
        self.rank = rank
        with suppress(BrokenPipeError):  # killed meanwhile, as `outcome` will say
            self.answers.send(rank)

    def outcome(self) -> tuple[Failure | None, bool]:
        """How the task ended, and whether the process is there for another one."""
        try:
            failure: Failure | None = self.answers.recv()
        except (EOFError, ConnectionResetError):  # it never came to say anything
            self.end()
            return Failure(f"{KILLED} (exit code {self._process.exitcode})", again=True), False
        return failure, True

    def end(self) -> None:
        """Wait for its end, which a closed connection brings about."""
        self.answers.close()
        self._process.join()


def run_in_processes(phase: Phase, workers: int, max_retries: int) -> Iterator[int]:
    """Do the tasks that are not complete; yields the number of each that is.

    Raises:
        UserError: tasks failed, said when the others are done; at once if the disk is full.
    """
    phase.tidy()
    waiting = deque(Tasks(phase).get_incomplete_ranks())
    tries: Counter[int] = Counter()
    failures: dict[int, Failure] = {}
    idle: list[_Worker] = []
    busy: dict[Any, _Worker] = {}
    """By the connection on which a worker will answer."""
    try:
        while waiting or busy:
            while waiting and len(busy) < workers:
                worker = idle.pop() if idle else _Worker(phase)
                worker.begin(waiting.popleft())
                busy[worker.answers] = worker
            for answers in wait(list(busy)):
                worker = busy.pop(answers)
                failure, alive = worker.outcome()
                idle += [worker] if alive else []
                tries[worker.rank] += 1
                if failure is None:
                    yield worker.rank
                elif failure.again and tries[worker.rank] <= max_retries:
                    waiting.append(worker.rank)
                else:
                    failures[worker.rank] = failure
                    if failure.last:
                        waiting.clear()
    finally:
        for worker in (*idle, *busy.values()):  # busy ones: the caller stopped
            worker.end()
        phase.tidy()
    if failures:
        raise failed(phase, failures)


def _work(phase: Phase, tasks: Connection) -> None:
    """What a process does: the tasks that it is given, until nobody gives any."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent's end is theirs
    todo: deque[int] = deque()
    given = threading.Semaphore(0)
    threading.Thread(target=_listen, args=(tasks, todo, given), daemon=True).start()
    executor = Tasks(phase)
    while True:
        given.acquire()
        failure = None
        try:
            executor.run_rank(todo.popleft())
        except Exception as error:
            failure = failure_of(error)
        tasks.send(failure)


def _listen(tasks: Connection, todo: deque[int], given: threading.Semaphore) -> None:
    """Take in tasks; with the other end gone, closed or killed, end at once, also in the middle of a task."""
    with suppress(EOFError, OSError):
        while True:
            todo.append(tasks.recv())
            given.release()
    os._exit(0)
