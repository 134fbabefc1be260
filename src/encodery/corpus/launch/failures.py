"""What went wrong in tasks: which are worth another try, which end the phase, and how it is told."""

import errno
from collections.abc import Mapping
from dataclasses import dataclass

from encodery.corpus.launch.phase import STATE, Phase
from encodery.errors import UserError

SHOWN = 10
_MAY_PASS = (ConnectionError, TimeoutError)
_MAY_PASS_NUMBERS = (errno.EIO, errno.EBUSY, errno.EAGAIN, errno.ESTALE, errno.ENETUNREACH, errno.EHOSTUNREACH)
"""What disks and stores of a network say when they are busy or away; s3fs has EIO and EBUSY for errors 5xx."""


@dataclass(frozen=True)
class Failure:
    """Why an attempt at a task came to nothing."""

    reason: str
    again: bool
    """Whether another try may go better: a process was killed, a store did not answer."""
    last: bool = False
    """Whether no other task can do better: the disk is full."""


KILLED = "its process was killed"


def failure_of(error: BaseException) -> Failure:
    """What an exception of a task means for it and for the others."""
    if isinstance(error, UserError):
        cause = error.__cause__
        number = cause.errno if isinstance(cause, OSError) else None
        may_pass = isinstance(cause, _MAY_PASS) or number in _MAY_PASS_NUMBERS
        return Failure(str(error), again=may_pass, last=number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS))
    if isinstance(error, ImportError):
        missing = error.name or " ".join(str(error).split())
        return Failure(f'{missing:.200} is not installed; pip install "encodery[crawl]"', again=False)
    return Failure(f"{type(error).__name__}: {' '.join(str(error).split()):.300}", again=True)


def failed(phase: Phase, failures: Mapping[int, Failure]) -> UserError:
    """The one error for all tasks of a phase that failed; it names them, and what the first of them
    reads."""
    ranks = sorted(failures)
    first = failures[ranks[0]]
    end = next((failure for failure in failures.values() if failure.last), None)
    if end:
        return UserError(f"{end.reason}; the same command continues where this stopped")
    named = ", ".join(map(str, ranks[:SHOWN])) + (", ..." if len(ranks) > SHOWN else "")
    what = f", which reads {phase.reads[ranks[0]]}," if phase.reads else ""
    return UserError(
        f"{phase.name}: {len(ranks)} of {phase.tasks} tasks failed ({named}); the first one{what} says: "
        f"{first.reason}; "
        f"logs are in {phase.folder / STATE / phase.name / 'logs'}; mend the cause and run the same command again: "
        "while inputs and settings stay as they are it takes up these tasks alone"
    )
