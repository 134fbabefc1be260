"""What crosses between the HTTP side of the server and the workers that compute: questions, answers, refusals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args, runtime_checkable

Work = Literal["predict", "embed"]
"""A model's own task, or the vectors of texts."""
Phase = Literal["queue", "tokenize", "infer", "decode"]
PHASES: tuple[Phase, ...] = get_args(Phase)


@dataclass(frozen=True)
class ModelInfo:
    """What is told of a model that is served."""

    name: str
    task: str
    """`text-classification` and so on, as `encodery.json` has it."""
    labels: tuple[str, ...]
    max_seqlen: int
    """Tokens that it reads at once; longer texts are read in windows."""
    hidden_size: int
    embeds: bool
    """Whether the work `embed` can be asked of it."""
    languages: tuple[str, ...]
    engine: str
    """What computes: `torch`, `openvino`, `onnxruntime`."""
    dtype: str
    version: str
    """A hash of the folder's files."""
    mask_token: str | None = None
    """What a text has in the place of a word to be found; of fill-mask only."""
    directions: Sequence[Sequence[str]] = ()
    """From which language to which it translates; of translation only."""


@dataclass(frozen=True)
class Answer:
    """What a worker says to a list of records."""

    predictions: Sequence[bytes]
    """A JSON document for each record, in order: the value that `encodery predict` prints, without spaces."""
    version: str
    """Of the model that answered."""
    num_tokens: int
    num_truncated: int
    seconds: Mapping[Phase, float] = field(default_factory=dict)
    """How long each phase took, of the slowest record."""


class Refusal(Exception):  # noqa: N818  # as `Interrupted`: an answer, not a fault
    """The records were not answered; nothing was lost, and the message is for the caller.

    Each kind has the `code` of the error body and the HTTP `status`.
    """

    code = "refused"
    status = 500

    def __init__(self, message: str, retry_after: float | None = None, place: int | None = None) -> None:
        """`retry_after` in seconds, where it may be asked again; `place` is the number of the record at fault,
        counted from 0."""
        super().__init__(message)
        self.retry_after = retry_after
        self.place = place


class InvalidRecord(Refusal):
    """A record is none of the task's."""

    code, status = "invalid_input", 422


class Overloaded(Refusal):
    """It would wait in the queue for longer than is allowed."""

    code, status = "overloaded", 429


class NotReady(Refusal):
    """The model is being loaded, is being replaced, has died, or the server is shutting down."""

    code, status = "not_ready", 503


class DeadlineExceeded(Refusal):
    """The caller's deadline passed, or cannot be met."""

    code, status = "deadline", 504


class BadOutput(Refusal):
    """The model gave numbers that are not finite."""

    code, status = "model_output", 500


@runtime_checkable
class ServedModel(Protocol):
    """A model that answers."""

    @property
    def info(self) -> ModelInfo:
        """Of the version that answers now."""

    @property
    def is_ready(self) -> bool:
        """Whether it can be asked."""

    async def answer(
        self, records: Sequence[str | Mapping[str, Any]], work: Work = "predict", deadline: float | None = None
    ) -> Answer:
        """The predictions for all records. Where the awaiting task is cancelled (the caller has left), what was not
        computed yet is not computed.

        `deadline` is on the clock of `time.monotonic`.

        Raises:
            Refusal: none of the records is answered.
        """
