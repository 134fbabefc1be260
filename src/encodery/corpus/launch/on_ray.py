"""Each task as a task of Ray, which tries it again elsewhere when its worker or its machine is lost."""

import os
import socket
from collections.abc import Iterator
from itertools import islice
from typing import Any

from encodery.corpus.launch.executor import Tasks
from encodery.corpus.launch.failures import Failure, failed, failure_of
from encodery.corpus.launch.phase import Phase
from encodery.corpus.launch.tables import RayLaunch
from encodery.errors import UserError

ANSWER_SECONDS = 10.0
"""How long the head of a cluster may take to answer."""
_VARIABLE = "RAY_ADDRESS"


def run_on_ray(phase: Phase, table: RayLaunch) -> Iterator[int]:
    """Do the tasks that are not complete; yields the number of each that is. Workers must see the phase's folder.

    Raises:
        UserError: Ray is not installed or cannot be reached, or tasks failed, said when the others are done.
    """
    ray = _connected(table)
    do = ray.remote(
        num_cpus=table.num_cpus,
        memory=None if table.memory_gb is None else int(table.memory_gb * 1e9),
        max_retries=table.max_retries,
        retry_exceptions=[_Again],
    )(_work)
    phase.tidy()  # Ray ends the tasks of a launcher that was killed
    ranks = iter(Tasks(phase).get_incomplete_ranks())
    shared = ray.put(phase)
    running: dict[Any, int] = {}
    failures: dict[int, Failure] = {}
    while True:
        for rank in islice(ranks, table.at_once - len(running)):
            running[do.remote(shared, rank)] = rank
        if not running:
            break
        finished, _ = ray.wait(list(running), num_returns=1)
        rank = running.pop(finished[0])
        failure = _outcome(ray, finished[0])
        if failure is None:
            yield rank
            continue
        failures[rank] = failure
        if failure.last:
            ranks = iter(())
    phase.tidy()  # after workers that were lost
    if failures:
        raise failed(phase, failures)


class _Again(Exception):  # noqa: N818 (it asks Ray for another try)
    """A failure that may pass."""


def _work(phase: Phase, rank: int) -> Failure | None:
    try:
        Tasks(phase).run_rank(rank)
    except Exception as error:
        failure = failure_of(error)
        if failure.again:
            raise _Again(failure.reason) from None
        return failure
    return None


def _outcome(ray: Any, result: Any) -> Failure | None:
    try:
        failure: Failure | None = ray.get(result)
    except ray.exceptions.RayTaskError as error:
        return Failure(" ".join(str(error.cause).split())[:300], again=False)
    except ray.exceptions.RayError as error:
        return Failure(" ".join(str(error).split())[:300], again=False)
    return failure


def _connected(table: RayLaunch) -> Any:
    try:
        import ray
    except ImportError:
        raise UserError('tasks on Ray need Ray; pip install "encodery[ray]"') from None
    if not ray.is_initialized():
        place, remedy = "corpus.clean.launch.address", "leave it out"
        address = table.address
        if not address and (address := os.environ.get(_VARIABLE)):
            place, remedy = _VARIABLE, "unset it"
        _check_answers(address or "", place, remedy)
        try:
            ray.init(address=table.address, log_to_driver=False, include_dashboard=False)
        except (ConnectionError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{place} = {address!r:.80}: {reason:.200}") from None
    return ray


def _check_answers(address: str, place: str, remedy: str) -> None:
    """See whether anybody listens at `host:port`, which `place` says: Ray itself waits for it for ever. What else an
    address may be is Ray's to know."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"{place} = {address!r:.80}: nobody answers there ({error}); give the host:port at which the head of a "
            f"cluster listens, or {remedy} to start one here"
        ) from None
