"""What a server can tell of a model beside its answers."""

from dataclasses import dataclass

from encodery.serve.messages import Pong


@dataclass(frozen=True)
class Figures:
    """What is counted of a model."""

    restarts: int
    """Workers that were started because one had died or hung."""
    abandoned: int
    """Requests whose caller left before the answer."""
    resent: int
    """Requests that were sent once more, for their worker had died."""
    waiting: int
    """Requests that are not answered yet."""
    waiting_tokens: float
    """Of these, as estimated."""
    tokens_per_second: float
    """How fast the queue drains."""
    worker: Pong
    """What the worker of now has done since it began, as it told last."""
