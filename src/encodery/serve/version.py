"""A worker of a model with the questions that it has."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from encodery.errors import UserError
from encodery.serve.answers import (
    PHASES,
    Answer,
    BadOutput,
    DeadlineExceeded,
    InvalidRecord,
    ModelInfo,
    NotReady,
    Overloaded,
    Refusal,
)
from encodery.serve.frames import Frame, FrameError
from encodery.serve.job import WorkerSettings
from encodery.serve.messages import Answered, Forget, Message, Pong, Question, Ready, Refused, read_info
from encodery.serve.process import WorkerDiedError, WorkerProcess

_REFUSALS = {kind.code: kind for kind in (BadOutput, DeadlineExceeded, InvalidRecord, NotReady, Overloaded)}

TEST_SECONDS = 60.0


@dataclass(eq=False)
class Asked:
    """A question, and who waits for the answer."""

    question: Question
    size: int
    """In characters (`backlog`)."""
    answer: "asyncio.Future[Answer]"
    attempts: int = 0
    """How many workers have had it."""
    worker: "Version | None" = None
    """The one that has it; none while the next one is being started."""

    def refuse(self, refusal: Refusal) -> None:
        """Unless it is settled."""
        if not self.answer.done():
            self.answer.set_exception(refusal)


class Version:
    """A worker, from its start on."""

    def __init__(
        self,
        folder: Path,
        settings: WorkerSettings,
        noted: Callable[["Version", int], None],
        answered: Callable[[Asked, int], None],
        lost: Callable[["Version", str], None],
    ) -> None:
        """`noted` is called with how many tokens it has computed, `answered` with what it answered and how many
        tokens that had, `lost` when the process has ended unasked: what it had is in `asked`."""
        self.folder = folder
        self.asked: dict[int, Asked] = {}
        self.done = Pong(0, 0.0, 0, 0, 0, 0, 0)
        """What it last told of itself."""
        self.began = time.monotonic()
        self.is_ready = False
        self._noted = noted
        self._answered = answered
        self._lost = lost
        self._process = WorkerProcess(settings, self._heard, self._gone)

    async def start(self, name: str) -> None:
        """Wait until it is ready, and has answered a test record.

        Raises:
            UserError: the folder cannot be served; says why.
        """
        try:
            self.ready: Ready = await self._process.start(name, self.folder)
            self.info: ModelInfo = read_info(self.ready.info)
            await self._test()
        except (WorkerDiedError, OSError) as error:
            raise UserError(f"{self.folder}: its worker did not come up: {error}") from None
        except BaseException:
            await self._process.stop()
            raise
        self.is_ready = True

    async def _test(self) -> None:
        number = 0  # real questions count from 1
        question = Question(number, [self.ready.sample], "predict", None, time.monotonic())
        asked = Asked(question, 0, asyncio.get_running_loop().create_future())
        self.ask(asked)
        try:
            async with asyncio.timeout(TEST_SECONDS):
                await asked.answer
        except Refusal as refusal:
            raise UserError(f"{self.folder}: the test record was refused: {refusal}") from None
        except TimeoutError:
            raise UserError(f"{self.folder}: the test record was not answered in {TEST_SECONDS:g} s") from None
        finally:
            self.asked.pop(number, None)

    @property
    def pid(self) -> int | None:
        """Of the process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self.is_ready and self._process.is_alive

    def ask(self, asked: Asked) -> None:
        """Hand it a question.

        Raises:
            InvalidRecord: the records are nothing that JSON can hold, or larger than can be sent.
        """
        try:
            self._process.send(asked.question)
        except (TypeError, FrameError) as error:
            raise InvalidRecord(f"the records cannot be sent to the model: {error}") from None
        asked.attempts += 1
        asked.worker = self
        self.asked[asked.question.number] = asked

    def forget(self, number: int) -> None:
        """Nobody waits for the answer any more; what was not computed is not computed."""
        if self.asked.pop(number, None) is not None:
            self._process.send(Forget(number))

    async def drained(self, seconds: float) -> bool:
        """Wait until it has answered all that it has; whether it did so in time."""
        limit = time.monotonic() + seconds
        while self.asked and time.monotonic() < limit:
            await asyncio.sleep(0.01)
        return not self.asked

    async def stop(self) -> None:
        """End the process."""
        await self._process.stop()

    def _heard(self, message: Message, body: bytes) -> None:
        match message:
            case Pong():
                self.done = message
                self._noted(self, message.tokens)
            case Answered() if (asked := self.asked.pop(message.number, None)) is not None:
                self._noted(self, message.computed)
                self._answered(asked, message.num_tokens)
                if not asked.answer.done():
                    asked.answer.set_result(self._answer(message, body))
            case Refused() if (asked := self.asked.pop(message.number, None)) is not None:
                asked.refuse(_refusal(message))

    def _answer(self, message: Answered, body: bytes) -> Answer:
        predictions = Frame(None, body).parts(message.sizes)
        seconds = {phase: message.seconds[phase] for phase in PHASES}
        return Answer(predictions, self.info.version, message.num_tokens, message.num_truncated, seconds)

    def _gone(self, reason: str) -> None:
        if self.is_ready:
            self._lost(self, reason)
            return
        for asked in self.asked.values():
            asked.refuse(NotReady(reason))


def _refusal(message: Refused) -> Refusal:
    kind = _REFUSALS.get(message.code, Refusal)
    return kind(message.message, retry_after=message.retry_after, place=message.place)
