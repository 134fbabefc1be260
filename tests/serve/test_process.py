"""One worker process: it comes up or says why not, and when it is gone that is noticed."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from encodery.errors import UserError
from encodery.serve import process
from encodery.serve.job import WorkerSettings
from encodery.serve.messages import Answered, Message, Pong, Question
from encodery.serve.process import WorkerDiedError, WorkerProcess, environment, how_it_ended

SETTINGS = WorkerSettings(heartbeat_seconds=0.05, silent_seconds=0.3, load_seconds=20.0)
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are those of `fake_worker`."""
    monkeypatch.setattr(process, "WORKER", "tests.serve.fake_worker")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT)]))


class Watched:
    """A worker with what it said."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.messages: asyncio.Queue[tuple[Message, bytes]] = asyncio.Queue()
        self.lost: asyncio.Queue[str] = asyncio.Queue()
        self.process = WorkerProcess(
            settings, lambda message, body: self.messages.put_nowait((message, body)), self.lost.put_nowait
        )

    async def next(self, kind: type[Message]) -> tuple[Message, bytes]:
        while not isinstance((found := await self.messages.get())[0], kind):
            pass
        return found


def run(
    behaves: str, folder: Path, look: Callable[[Watched], Awaitable[None]], settings: WorkerSettings = SETTINGS
) -> None:
    async def watched() -> None:
        worker = Watched(settings)
        try:
            async with asyncio.timeout(20.0):
                await worker.process.start(behaves, folder)
                await look(worker)
        finally:
            await worker.process.stop()
        assert worker.process.pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(worker.process.pid, 0)

    asyncio.run(watched())


def question(number: int = 1) -> Question:
    return Question(number, ["a"], "predict", None, time.monotonic())


def test_a_worker_answers(tmp_path: Path) -> None:
    async def look(worker: Watched) -> None:
        worker.process.send(question())
        message, body = await worker.next(Answered)
        assert isinstance(message, Answered)
        assert (message.number, body) == (1, b'{"echo":"a"}')
        assert worker.process.is_alive

    run("well", tmp_path, look)


def test_it_is_asked_again_and_again_whether_it_is_alive(tmp_path: Path) -> None:
    async def look(worker: Watched) -> None:
        pongs = [(await worker.next(Pong))[0] for _ in range(8)]
        assert [pong.number for pong in pongs if isinstance(pong, Pong)] == [1, 2, 3, 4, 5, 6, 7, 8]
        assert worker.lost.empty()

    run("well", tmp_path, look)


@pytest.mark.parametrize(
    ("behaves", "error", "message"),
    [
        ("cannot_load", UserError, "no such model"),
        ("dies_early", WorkerDiedError, "it ended with code 7"),
        ("never_ready", WorkerDiedError, "not ready after 1 s"),
    ],
)
def test_a_worker_that_does_not_come_up_says_why(
    behaves: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    async def look(worker: Watched) -> None:
        raise AssertionError("it came up")

    settings = SETTINGS.model_copy(update={"load_seconds": 1.0} if behaves == "never_ready" else {})
    with pytest.raises(error, match=message):
        run(behaves, tmp_path, look, settings)


def test_a_worker_that_is_killed_is_missed(tmp_path: Path) -> None:
    async def look(worker: Watched) -> None:
        assert worker.process.pid is not None
        os.kill(worker.process.pid, signal.SIGKILL)
        assert await worker.lost.get() == "it was ended by SIGKILL"
        assert not worker.process.is_alive
        worker.process.send(question())  # into the void

    run("well", tmp_path, look)


def test_a_worker_that_is_stopped_is_killed(tmp_path: Path) -> None:
    async def look(worker: Watched) -> None:
        assert worker.process.pid is not None
        os.kill(worker.process.pid, signal.SIGSTOP)
        assert await worker.lost.get() == "it was silent for 0.3 s"

    run("well", tmp_path, look)


def test_a_worker_that_talks_nonsense_is_killed(tmp_path: Path) -> None:
    async def look(worker: Watched) -> None:
        worker.process.send(question())
        assert "it sent what is no message (a worker does not say Ping now)" in await worker.lost.get()

    run("talks_nonsense", tmp_path, look)


def test_a_server_that_was_stopped_does_not_take_its_workers_for_silent(tmp_path: Path) -> None:
    async def look(worker: Watched) -> None:
        await worker.next(Pong)
        time.sleep(1.0)  # the event loop stands still: three times as long as a worker may be silent
        for _ in range(3):
            await worker.next(Pong)
        assert worker.lost.empty()

    run("well", tmp_path, look)


def test_a_worker_that_was_told_to_end_is_not_missed(tmp_path: Path) -> None:
    async def look(worker: Watched) -> None:
        await worker.process.stop()
        await asyncio.sleep(0.1)
        assert worker.lost.empty()
        assert not worker.process.is_alive

    run("well", tmp_path, look)


def test_a_worker_that_does_not_end_is_killed(tmp_path: Path) -> None:
    async def look(worker: Watched) -> None:
        assert worker.process.pid is not None
        os.kill(worker.process.pid, signal.SIGSTOP)
        await worker.process.stop(seconds=0.1)

    run("well", tmp_path, look, SETTINGS.model_copy(update={"silent_seconds": 60.0}))


def test_a_worker_has_no_file_of_ours_but_its_socket(tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)

        async def look(worker: Watched) -> None:
            links = Path(f"/proc/{worker.process.pid}/fd").iterdir()
            targets = [str(link.readlink()) for link in links]
            assert not [target for target in targets if "secret" in target]
            assert sum(target.startswith("socket:") for target in targets) == 1

        run("well", tmp_path, look)


def test_threads_that_wait_sleep_and_there_is_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    variables: Mapping[str, str] = environment(WorkerSettings(threads=3))
    assert variables["OMP_WAIT_POLICY"] == "PASSIVE"
    assert variables["HF_HUB_OFFLINE"] == "1"
    assert variables["OMP_NUM_THREADS"] == "3"
    assert environment(WorkerSettings())["OMP_NUM_THREADS"] == "7"
    assert variables["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(
    ("code", "words"), [(-9, "it was ended by SIGKILL"), (0, "it ended with code 0"), (70, "it ended with code 70")]
)
def test_how_a_process_ended_is_said_in_words(code: int, words: str) -> None:
    assert how_it_ended(code) == words
