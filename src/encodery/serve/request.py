"""A request while a worker has it: what is done of it, and what is still missing."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from encodery.batch import Sequence as Tokens
from encodery.serve.batcher import Unit
from encodery.serve.messages import Answered, Question
from encodery.serve.predictor import Prepared
from encodery.tasks.task import Task


class Request:
    """The records of a question on their way: tokenised one by one, computed window by window, decoded one by one.

    Equal to itself alone. One thread at a time has each record; `is_gone` may be set by any.
    """

    def __init__(self, question: Question, task: Task) -> None:
        self.number = question.number
        self.deadline = question.deadline
        self.records = question.records
        self.task = task
        self.is_gone = False
        """Whether nobody waits for it any more, or it was refused."""
        self.num_truncated = 0
        self.num_tokens = 0
        self.seconds = {"tokenize": 0.0, "infer": 0.0, "decode": 0.0}
        self._sent = question.sent
        self._next = 0
        self._prepared: list[Prepared | None] = [None] * len(self.records)
        self._outputs: list[list[Any]] = [[] for _ in self.records]
        self._windows_left = [0] * len(self.records)
        self._documents = [b""] * len(self.records)
        self._records_left = len(self.records)

    @property
    def is_late(self) -> bool:
        """Whether its deadline has passed."""
        return self.deadline is not None and self.deadline <= time.monotonic()

    @property
    def is_done(self) -> bool:
        """Whether all predictions are there."""
        return not self._records_left

    def next_record(self) -> tuple[int, str | Mapping[str, Any]]:
        """The next record to tokenise, with its number."""
        self._next += 1
        return self._next - 1, self.records[self._next - 1]

    @property
    def has_next(self) -> bool:
        """Whether there are records that were not tokenised."""
        return self._next < len(self.records)

    def prepare(self, record: int, prepared: Prepared, seconds: float) -> list[Unit]:
        """What of a record is to be computed."""
        sequences = prepared.sequences
        self._prepared[record] = prepared
        self._outputs[record] = [None] * len(sequences)
        self._windows_left[record] = len(sequences)
        self.num_tokens += prepared.num_tokens
        self.num_truncated += prepared.encoded.truncated
        self.seconds["tokenize"] += seconds
        return [
            Unit(self, id(self.task), sequence.num_tokens, record, window)
            for window, sequence in enumerate(sequences)
        ]

    def sequence(self, unit: Unit) -> Tokens:
        """What the model reads of a unit of this request."""
        return self._of(unit.record).sequences[unit.window]

    def compute(self, unit: Unit, output: Any) -> bool:
        """Take what the model says of it; whether that was the last window of the record."""
        self._outputs[unit.record][unit.window] = output
        self._windows_left[unit.record] -= 1
        return not self._windows_left[unit.record]

    def decode(self, record: int) -> dict[str, Any]:
        """The prediction for a record all windows of which were computed."""
        prediction = self._of(record).decode(self._outputs[record])
        self._prepared[record] = None  # the memory is given back while the others are computed
        self._outputs[record] = []
        return prediction

    def keep(self, record: int, document: bytes, seconds: float) -> None:
        """Take the prediction as JSON."""
        self._documents[record] = document
        self._records_left -= 1
        self.seconds["decode"] += seconds

    def answer(self, computed: int) -> tuple[Answered, Sequence[bytes]]:
        """What is sent, when it is done. What was neither tokenising, nor computing, nor decoding was waiting."""
        waited = time.monotonic() - self._sent - sum(self.seconds.values())
        seconds = {"queue": max(0.0, waited), **self.seconds}
        sizes = [len(document) for document in self._documents]
        answered = Answered(self.number, self.num_tokens, self.num_truncated, seconds, sizes, computed)
        return answered, self._documents

    def _of(self, record: int) -> Prepared:
        prepared = self._prepared[record]
        assert prepared is not None
        return prepared


def askers(units: Sequence[Unit]) -> Iterator[Request]:
    """Of a batch, each once, in order."""
    for asker in dict.fromkeys(unit.asker for unit in units):
        assert isinstance(asker, Request)
        yield asker
