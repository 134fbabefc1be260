"""What the server and a worker say to each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from encodery.serve.answers import ModelInfo, Work
from encodery.serve.frames import MAX_BYTES, Frame, FrameError, pack_frame


@dataclass(frozen=True)
class Question:
    """Records to answer; times are those of `time.monotonic`, which all processes of a machine share."""

    number: int
    records: Sequence[str | Mapping[str, Any]]
    work: Work
    deadline: float | None
    sent: float


@dataclass(frozen=True)
class Forget:
    """Nobody waits for the answer any more."""

    number: int


@dataclass(frozen=True)
class Ping:
    """Is anybody there?"""

    number: int


@dataclass(frozen=True)
class Ready:
    """The model is loaded and warm."""

    info: Mapping[str, Any]
    """The fields of a `ModelInfo`."""
    sample: Mapping[str, Any]
    """A record that it must be able to answer."""
    batch_tokens: int
    tokens_per_second: float
    """Of full batches, when it was warm."""


@dataclass(frozen=True)
class Failed:
    """The model cannot be loaded; the message is for a person."""

    message: str


@dataclass(frozen=True)
class Answered:
    """The predictions, which follow as the parts of the body."""

    number: int
    num_tokens: int
    num_truncated: int
    seconds: Mapping[str, float]
    sizes: Sequence[int]
    computed: int
    """Tokens that the worker has computed since it began."""


@dataclass(frozen=True)
class Refused:
    """No prediction; `code` is that of a `Refusal`."""

    number: int
    code: str
    message: str
    retry_after: float | None
    place: int | None


@dataclass(frozen=True)
class Pong:
    """What the worker does, and has done since it began."""

    number: int
    busy_seconds: float
    """How long it has been at what it is doing (a text, a batch)."""
    batches: int
    sequences: int
    tokens: int
    dropped: int
    """Requests of which nothing, or not all, was computed, for nobody waited any more or it was too late."""
    divided: int
    """Batches that had to be computed in parts, for there was not memory enough or one of it made the model fail."""


Message = Question | Forget | Ping | Ready | Failed | Answered | Refused | Pong
_KINDS: dict[str, type[Message]] = {
    kind.__name__: kind for kind in (Question, Forget, Ping, Ready, Failed, Answered, Refused, Pong)
}


def pack_message(message: Message, parts: Sequence[bytes] = (), max_bytes: int = MAX_BYTES) -> bytes:
    """Its frame; raises as `pack_frame`."""
    return pack_frame((type(message).__name__, message), parts, max_bytes)


def read_message(frame: Frame) -> Message:
    """The message of a frame.

    Raises:
        FrameError: it is none.
    """
    try:
        kind, values = frame.head
        return _KINDS[kind](**values)
    except (KeyError, TypeError, ValueError):
        raise FrameError(f"no message: {frame.head!r:.80}") from None


def read_info(values: Mapping[str, Any]) -> ModelInfo:
    """What `Ready.info` tells; JSON has no tuples."""
    told: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return ModelInfo(**told)
