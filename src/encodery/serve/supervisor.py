"""A model behind a worker process that is replaced when it dies, when it hangs, and when there is a better model."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from encodery.errors import UserError
from encodery.serve.answers import Answer, DeadlineExceeded, InvalidRecord, ModelInfo, NotReady, Work
from encodery.serve.backlog import Backlog, size_of
from encodery.serve.figures import Figures
from encodery.serve.folder_hash import version_of
from encodery.serve.job import WorkerSettings
from encodery.serve.messages import Pong, Question
from encodery.serve.version import Asked, Version

__all__ = ["Figures", "LocalModel"]
LOGGER = logging.getLogger(__name__)
HEALTHY_SECONDS = 30.0
"""A worker that has lived for so long has no part in the faults of those before it."""
RETIRE_SECONDS = 60.0
"""A worker that was replaced has so long to answer what it has."""
MAX_ATTEMPTS = 2
"""A question that has seen so many workers die may be what kills them."""


class LocalModel:
    """A `ServedModel` on this machine. All of it belongs to the event loop in which it was started."""

    def __init__(self, name: str, folder: Path, settings: WorkerSettings | None = None) -> None:
        self.name = name
        self.folder = folder
        self.settings = settings or WorkerSettings()
        self.backlog = Backlog(self.settings.max_queue_seconds)
        self._version: Version | None = None
        self._held: list[Asked] = []
        self._waiting: dict[int, Asked] = {}
        self._number = 0
        self._why = "is being loaded"
        self._is_draining = False
        self._failures = 0
        self._starting_seconds = 1.0
        self._restarting: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._swapping = asyncio.Lock()
        self._restarts = self._abandoned = self._resent = 0

    async def start(self) -> ModelInfo:
        """Start the worker and wait until it has answered a test record.

        Raises:
            UserError: the folder cannot be served.
        """
        self._switch(await self._started(self.folder))
        return self.info

    @property
    def info(self) -> ModelInfo:
        """Of the version that answers now, or did last.

        Raises:
            NotReady: none did yet.
        """
        if self._version is None:
            raise self._not_ready()
        return self._version.info

    @property
    def is_ready(self) -> bool:
        """Whether it can be asked."""
        return not self._is_draining and self._version is not None and self._version.is_alive

    @property
    def figures(self) -> Figures:
        """What is counted of it."""
        return Figures(
            self._restarts,
            self._abandoned,
            self._resent,
            len(self._waiting),
            self.backlog.tokens,
            self.backlog.tokens_per_second,
            Pong(0, 0.0, 0, 0, 0, 0, 0) if self._version is None else self._version.done,
        )

    @property
    def worker_pid(self) -> int | None:
        """Of the process that answers."""
        return None if self._version is None else self._version.pid

    async def answer(
        self, records: Sequence[str | Mapping[str, Any]], work: Work = "predict", deadline: float | None = None
    ) -> Answer:
        """As `ServedModel.answer`."""
        if not self.is_ready or self._version is None:
            raise self._not_ready()
        info = self._version.info
        if work == "embed" and not info.embeds:
            raise InvalidRecord(f"the model {self.name!r} gives no vectors: it was exported for its task alone")
        if not records:
            return Answer([], info.version, 0, 0)
        size = size_of(records)
        place = self.backlog.enter(size, deadline)
        self._number += 1
        question = Question(self._number, records, work, deadline, time.monotonic())
        asked = Asked(question, size, asyncio.get_running_loop().create_future())
        self._waiting[question.number] = asked
        try:
            self._version.ask(asked)
            return await self._answered(asked)
        finally:
            self.backlog.leave(place)
            del self._waiting[question.number]

    async def has_changed(self) -> bool:
        """Whether its folder holds something else than what answers, or nothing answers.

        Raises:
            UserError: the folder cannot be read.
        """
        if not self.is_ready:
            return True
        return await asyncio.to_thread(version_of, self.folder) != self.info.version

    async def swap(self, folder: Path) -> ModelInfo:
        """Let a model in another folder (or the same one, changed) answer from now on. The model of now answers until
        the new one has answered a test record, and what it has by then.

        Raises:
            UserError: the new one cannot be served, or does something else; the model of now stays.
        """
        async with self._swapping:
            version = await self._started(folder)
            if why := self._why_not(version.info):
                await version.stop()
                raise UserError(f"{folder}: {why}")
            self.folder = folder
            self._switch(version)
            return version.info

    def _why_not(self, info: ModelInfo) -> str | None:
        """Why a model cannot take the place of that of now."""
        if self._is_draining:
            return f"{self.name} is shutting down"
        if self._version is not None and (task := self._version.info.task) != info.task:
            return f"a model for {info.task}, but {self.name} is served for {task}; serve it under another name"
        return None

    async def drain(self, seconds: float) -> bool:
        """Take no more requests and wait for the answers to those that there are; whether all came in time."""
        self._is_draining = True
        self._why = "is shutting down"
        limit = time.monotonic() + seconds
        while self._waiting and time.monotonic() < limit:
            await asyncio.sleep(0.01)
        return not self._waiting

    async def close(self) -> None:
        """End all workers; what still waits is refused."""
        self._is_draining = True
        self._why = "is shutting down"
        for task in self._tasks:
            if not task.cancelling():  # what is being ended already must not be disturbed
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for asked in self._waiting.values():
            asked.refuse(self._not_ready())
        if self._version is not None:
            await self._version.stop()

    async def _answered(self, asked: Asked) -> Answer:
        deadline = asked.question.deadline
        try:
            async with asyncio.timeout(None if deadline is None else deadline - time.monotonic()):
                return await asked.answer
        except TimeoutError:
            self._forget(asked)
            raise DeadlineExceeded("the deadline passed before the answer was there") from None
        except asyncio.CancelledError:
            self._abandoned += 1
            self._forget(asked)
            raise

    def _forget(self, asked: Asked) -> None:
        if asked.worker is not None:
            asked.worker.forget(asked.question.number)

    async def _started(self, folder: Path) -> Version:
        began = time.monotonic()
        # where a link is led to another folder, that is served when it is asked for, and not when a worker dies
        version = Version(folder.resolve(), self.settings, self._noted, self._learned, self._lost)
        await version.start(self.name)
        self._starting_seconds = time.monotonic() - began
        return version

    def _switch(self, version: Version) -> None:
        """From now on this one answers."""
        old, self._version = self._version, version
        self._why = "is being restarted"
        self.backlog.begin(version.ready.batch_tokens, version.ready.tokens_per_second)
        if self._restarting is not None and self._restarting is not asyncio.current_task():
            self._restarting.cancel()
        self._restarting = None
        held, self._held = self._held, []
        for asked in held:
            self._ask_again(asked)
        if old is not None and old.is_alive:
            self._begin(self._retire(old))

    async def _retire(self, version: Version) -> None:
        try:
            await version.drained(RETIRE_SECONDS)
        finally:
            await version.stop()
            self._save(version, "was replaced")

    def _noted(self, version: Version, computed: int) -> None:
        if version is self._version:
            self.backlog.note(computed)

    def _learned(self, asked: Asked, num_tokens: int) -> None:
        if asked.size:  # the test record has none
            self.backlog.learn(asked.size, num_tokens)

    def _lost(self, version: Version, reason: str) -> None:
        self._save(version, reason)
        if version is not self._version or self._is_draining:
            return
        self._why = f"is being restarted: {reason}"
        LOGGER.error("worker lost", extra={"fields": {"model": self.name, "why": reason}})
        self._failures = self._failures + 1 if time.monotonic() - version.began < HEALTHY_SECONDS else 1
        self._restarting = self._begin(self._restart())

    def _save(self, version: Version, reason: str) -> None:
        """What a worker that is gone had goes to the next one, once."""
        asked_of_it, version.asked = list(version.asked.values()), {}
        for asked in asked_of_it:
            asked.worker = None
            if asked.attempts < MAX_ATTEMPTS:
                self._ask_again(asked)
            else:
                asked.refuse(self._not_ready(f"two workers ended while they had it ({reason})"))

    def _ask_again(self, asked: Asked) -> None:
        if asked.answer.done():
            return
        if self._version is not None and self._version.is_alive:
            self._resent += 1
            self._version.ask(asked)
        elif self._is_draining:
            asked.refuse(self._not_ready())
        else:
            self._held.append(asked)

    async def _restart(self) -> None:
        assert self._version is not None
        folder = self._version.folder
        while True:
            await asyncio.sleep(self.settings.restart_wait(self._failures))
            self._restarts += 1
            try:
                version = await self._started(folder if folder.is_dir() else self.folder)
            except UserError as error:
                self._failures += 1
                self._why = "cannot be restarted; the server's log says why"
                LOGGER.error("not restarted", extra={"fields": {"model": self.name, "why": str(error)}})
                held, self._held = self._held, []
                for asked in held:
                    asked.refuse(self._not_ready())
            else:
                self._switch(version)
                return

    def _begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """In the background, until it is done or the model is closed."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _not_ready(self, why: str | None = None) -> NotReady:
        retry_after = None if self._is_draining else self._starting_seconds
        return NotReady(f"the model {self.name!r} {why or self._why}", retry_after=retry_after)
