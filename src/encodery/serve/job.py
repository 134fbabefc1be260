"""What a worker is told when it is started, and how workers are run."""

from pathlib import Path

from pydantic import Field, PositiveFloat, PositiveInt

from encodery.config import Config


class WorkerSettings(Config):
    """How workers are run."""

    threads: PositiveInt | None = None
    """Of the engine; as many as it likes if not given."""
    batch_tokens: PositiveInt = 256
    """Tokens that are computed at once. On a CPU more gain nothing, and what comes next waits longer."""
    load_seconds: PositiveFloat = 600.0
    """A worker that is not ready by then has failed."""
    heartbeat_seconds: PositiveFloat = 0.5
    """How often it is asked whether it is alive."""
    silent_seconds: PositiveFloat = 3.0
    """A worker that has not said anything for so long hangs, and is replaced."""
    stuck_seconds: PositiveFloat = 30.0
    """So does one that has been at the same batch or text for so long."""
    max_queue_seconds: PositiveFloat = 1.0
    """A request that would wait for longer is refused."""
    restart_seconds: float = Field(default=0.25, ge=0)
    """The wait before a second start, doubled with each one that fails, up to `max_restart_seconds`."""
    max_restart_seconds: PositiveFloat = 4.0

    def restart_wait(self, failures: int) -> float:
        """Seconds before the next start, after so many failures in a row: none after the first."""
        doubled = self.restart_seconds * 2.0 ** min(failures - 2, 32)
        return min(doubled, self.max_restart_seconds) if failures > 1 else 0.0


class WorkerJob(Config):
    """The argument of `python -m encodery.serve.worker`, as JSON."""

    fd: int
    """Its end of the socket."""
    name: str
    folder: Path
    threads: PositiveInt | None = None
    """Of the engine; as many as it likes if not given."""
    batch_tokens: PositiveInt
