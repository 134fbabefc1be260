"""A model answers whatever happens to its workers: deaths, hangs, swaps, floods and shutdowns.

The workers are those of `fake_worker`; `test_supervisor_live` has real ones.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from encodery.errors import UserError
from encodery.serve import process, supervisor
from encodery.serve.answers import DeadlineExceeded, InvalidRecord, NotReady, Overloaded, ServedModel
from encodery.serve.job import WorkerSettings
from encodery.serve.supervisor import LocalModel

SETTINGS = WorkerSettings(heartbeat_seconds=0.05, silent_seconds=0.3, restart_seconds=0.05, max_restart_seconds=0.2)
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "WORKER", "tests.serve.fake_worker")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT)]))


def run(
    behaves: str, folder: Path, look: Callable[[LocalModel], Awaitable[None]], settings: WorkerSettings = SETTINGS
) -> None:
    async def served() -> None:
        model = LocalModel(behaves, folder, settings)
        try:
            async with asyncio.timeout(20.0):
                await model.start()
                await look(model)
        finally:
            await model.close()
        assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    asyncio.run(served())


def make_folder(path: Path, behaves: str, **files: str) -> Path:
    path.mkdir()
    for name, content in {"behaves": behaves, **files}.items():
        (path / name).write_text(content)
    return path


class Recorder:
    """Callers who ask one question after the other, and what became of each."""

    def __init__(self, model: LocalModel) -> None:
        self.model = model
        self.is_over = False
        self.asked = self.refused = 0
        self.answered: list[str] = []

    async def ask(self, caller: str) -> None:
        number = 0
        while not self.is_over:
            number += 1
            text = f"{caller}:{number}"
            self.asked += 1
            try:
                answer = await self.model.answer([text])
            except NotReady as refusal:
                self.refused += refusal.retry_after is not None
                await asyncio.sleep(0.005)
            else:
                assert answer.predictions == [b'{"echo":"%b"}' % text.encode()]
                self.answered.append(text)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def test_a_model_answers(tmp_path: Path) -> None:
    async def look(model: LocalModel) -> None:
        assert isinstance(model, ServedModel)
        assert model.is_ready
        assert model.info.name == "fake"
        answer = await model.answer(["a", {"text": "b"}])
        assert answer.predictions == [b'{"echo":"a"}', b'{"echo":{"text":"b"}}']
        assert (answer.version, answer.num_tokens, answer.num_truncated) == ("v1", 4, 0)
        assert list(answer.seconds) == ["queue", "tokenize", "infer", "decode"]
        assert model.figures.waiting == 0

    run("well", tmp_path, look)


def test_no_records_are_no_predictions(tmp_path: Path) -> None:
    async def look(model: LocalModel) -> None:
        answer = await model.answer([])
        assert (answer.predictions, answer.num_tokens) == ([], 0)

    run("well", tmp_path, look)


def test_a_model_without_vectors_is_not_asked_for_any(tmp_path: Path) -> None:
    async def look(model: LocalModel) -> None:
        with pytest.raises(InvalidRecord, match="the model 'm' gives no vectors"):
            await model.answer(["a"], "embed")
        assert (await model.answer(["a"])).predictions

    run("m", make_folder(tmp_path / "m", "well", no_vectors=""), look)


def test_before_it_was_started_it_is_not_ready(tmp_path: Path) -> None:
    model = LocalModel("m", tmp_path)
    assert not model.is_ready
    with pytest.raises(NotReady, match="the model 'm' is being loaded"):
        model.info  # noqa: B018
    with pytest.raises(NotReady, match="the model 'm' is being loaded"):
        asyncio.run(model.answer(["a"]))


@pytest.mark.parametrize("record", ["\ud800", {"text": "\udfff"}, {"text": 2**70}])
def test_what_json_cannot_hold_is_an_invalid_record(record: str | dict[str, object], tmp_path: Path) -> None:
    async def look(model: LocalModel) -> None:
        with pytest.raises(InvalidRecord, match="the records cannot be sent to the model"):
            await model.answer([record])
        assert model.figures.waiting == 0
        assert model.backlog.tokens == 0.0
        assert (await model.answer(["a"])).predictions == [b'{"echo":"a"}']

    run("well", tmp_path, look)


@pytest.mark.parametrize(
    ("behaves", "message"),
    [
        ("cannot_load", "no such model"),
        ("dies_early", "its worker did not come up: it ended with code 7"),
        ("refuses_the_test", "the test record was refused: the model gave numbers that are not finite"),
        ("dies_of_the_test", "the test record was refused: it ended with code 3"),
    ],
)
def test_a_folder_that_cannot_be_served_says_why(behaves: str, message: str, tmp_path: Path) -> None:
    async def look(model: LocalModel) -> None:
        raise AssertionError("it was started")

    with pytest.raises(UserError, match=message):
        run(behaves, tmp_path, look)


def test_a_test_record_that_is_not_answered_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("encodery.serve.version.TEST_SECONDS", 0.2)

    async def look(model: LocalModel) -> None:
        raise AssertionError("it was started")

    with pytest.raises(UserError, match=r"the test record was not answered in 0\.2 s"):
        run("answers_no_test", tmp_path, look)


def test_what_a_dead_worker_had_is_answered_by_the_next_one(tmp_path: Path) -> None:
    async def look(model: LocalModel) -> None:
        first = model.worker_pid
        answers = await asyncio.gather(*(model.answer([f"text {number}"]) for number in range(23)))
        assert [answer.predictions for answer in answers] == [
            [b'{"echo":"text %d"}' % number] for number in range(23)
        ]
        assert model.worker_pid != first
        assert model.figures.restarts == 1
        assert model.figures.resent == 23

    run("dies_once", tmp_path, look)


@pytest.mark.parametrize("behaves", ["falls_silent", "is_stuck"])
def test_a_worker_that_hangs_is_replaced(behaves: str, tmp_path: Path) -> None:
    async def look(model: LocalModel) -> None:
        assert (await model.answer(["a"])).predictions == [b'{"echo":"a"}']
        assert model.figures.restarts == 1

    run(behaves, tmp_path, look)


def test_a_question_that_kills_two_workers_is_refused(tmp_path: Path) -> None:
    async def look(model: LocalModel) -> None:
        with pytest.raises(NotReady, match=r"two workers ended while they had it \(it was ended by SIGKILL\)"):
            await model.answer(["a"])
        await until(lambda: model.is_ready)
        assert model.figures.restarts == 2

    run("dies_of_questions", tmp_path, look)


def test_under_fire_no_question_is_lost_or_answered_twice_or_wrongly(tmp_path: Path) -> None:
    """Three workers are killed while eleven callers ask; what is refused, is asked again."""

    async def look(model: LocalModel) -> None:
        recorder = Recorder(model)
        asking = [asyncio.create_task(recorder.ask(f"{caller}")) for caller in range(11)]
        for _ in range(3):
            await until(lambda: model.is_ready)
            await asyncio.sleep(0.05)
            assert model.worker_pid is not None
            os.kill(model.worker_pid, signal.SIGKILL)
            await until(lambda: not model.is_ready)
        await until(lambda: model.is_ready)
        await asyncio.sleep(0.05)
        recorder.is_over = True
        await asyncio.gather(*asking)
        assert model.figures.restarts == 3
        assert recorder.asked > 100
        assert sorted(recorder.answered) == sorted(set(recorder.answered))
        assert len(recorder.answered) + recorder.refused == recorder.asked
        assert model.figures.waiting == 0
        assert model.backlog.tokens == pytest.approx(0.0, abs=1e-6)

    run("well", tmp_path, look)


def test_while_a_worker_is_restarted_others_are_told_when_to_come_back(tmp_path: Path) -> None:
    async def look(model: LocalModel) -> None:
        assert model.worker_pid is not None
        os.kill(model.worker_pid, signal.SIGKILL)
        await until(lambda: not model.is_ready)
        with pytest.raises(NotReady, match="the model 'well' is being restarted") as refused:
            await model.answer(["a"])
        assert refused.value.retry_after is not None
        assert 0.0 < refused.value.retry_after < 10.0
        assert model.info.name == "fake"  # what is told of it stays
        await until(lambda: model.is_ready)
        assert (await model.answer(["a"])).predictions == [b'{"echo":"a"}']

    run("well", tmp_path, look)


def test_a_worker_that_cannot_be_restarted_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    supervisor.LOGGER.addHandler(caplog.handler)  # a server may have cut it off from the others

    async def look(model: LocalModel) -> None:
        (model.folder / "behaves").write_text("cannot_load")
        assert model.worker_pid is not None
        os.kill(model.worker_pid, signal.SIGKILL)
        await until(lambda: model.figures.restarts >= 3)
        with pytest.raises(NotReady, match="the model 'm' cannot be restarted; the server's log says why"):
            await model.answer(["a"])
        logged = [(record.message, record.__dict__["fields"]) for record in caplog.records]
        assert ("worker lost", {"model": "m", "why": "it was ended by SIGKILL"}) in logged
        assert ("not restarted", {"model": "m", "why": f"{model.folder}: no such model"}) in logged
        (model.folder / "behaves").write_text("well")
        await until(lambda: model.is_ready)
        assert (await model.answer(["a"])).predictions == [b'{"echo":"a"}']

    try:
        run("m", make_folder(tmp_path / "m", "well"), look)
    finally:
        supervisor.LOGGER.removeHandler(caplog.handler)


def test_where_there_are_no_more_processes_it_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def look(model: LocalModel) -> None:
        def fail(*arguments: object) -> None:
            raise BlockingIOError(11, "Resource temporarily unavailable")

        with monkeypatch.context() as patch:
            patch.setattr(process, "spawn", fail)
            assert model.worker_pid is not None
            os.kill(model.worker_pid, signal.SIGKILL)
            await until(lambda: model.figures.restarts >= 2)
        await until(lambda: model.is_ready)
        assert (await model.answer(["a"])).predictions == [b'{"echo":"a"}']

    run("well", tmp_path, look)


def test_what_waits_for_a_worker_that_cannot_be_restarted_is_refused(tmp_path: Path) -> None:
    async def look(model: LocalModel) -> None:
        waiting = asyncio.create_task(model.answer(["a"]))
        await until(lambda: model.figures.waiting == 1)
        (model.folder / "behaves").write_text("dies_early")
        with pytest.raises(NotReady, match="cannot be restarted"):
            await waiting

    run("m", make_folder(tmp_path / "m", "dies_of_questions"), look)


def test_the_deadline_of_a_question_that_nobody_answers_is_kept(tmp_path: Path) -> None:
    async def look(model: LocalModel) -> None:
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded, match="the deadline passed before the answer was there"):
            await model.answer(["a"], deadline=began + 0.1)
        assert time.monotonic() - began >= 0.1
        assert model.figures.waiting == 0

    run("never_answers", tmp_path, look)


def test_who_stops_waiting_leaves_the_queue(tmp_path: Path) -> None:
    async def look(model: LocalModel) -> None:
        waiting = asyncio.create_task(model.answer(["a"]))
        await until(lambda: model.figures.waiting == 1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert model.figures.waiting == 0
        assert model.figures.abandoned == 1
        assert model.backlog.tokens == 0.0

    run("never_answers", tmp_path, look)


def test_a_flood_is_refused_with_the_time_to_come_back(tmp_path: Path) -> None:
    """The worker says that it computes 1,000 tokens a second, and answers nothing: a second of queue is 1,000."""

    async def look(model: LocalModel) -> None:
        flood = [asyncio.create_task(model.answer(["x" * 396])) for _ in range(50)]
        await asyncio.sleep(0.1)
        refused = [task.exception() for task in flood if task.done()]
        assert len(refused) == 39
        for refusal in refused:
            assert isinstance(refusal, Overloaded)
            assert refusal.retry_after is not None
            assert 0.0 < refusal.retry_after < 1.0
        for task in flood:
            task.cancel()
        await asyncio.wait(flood)
        assert model.backlog.tokens == pytest.approx(0.0, abs=1e-6)

    run("never_answers", tmp_path, look)


def test_a_model_is_replaced(tmp_path: Path) -> None:
    old, new = make_folder(tmp_path / "old", "well"), make_folder(tmp_path / "new", "well", version="v2")

    async def look(model: LocalModel) -> None:
        first = model.worker_pid
        assert (await model.swap(new)).version == "v2"
        assert model.folder == new
        assert (await model.answer(["a"])).version == "v2"
        assert model.worker_pid != first
        await until(lambda: not is_running(first))

    run("m", old, look)


def test_nothing_is_refused_while_a_model_is_replaced(tmp_path: Path) -> None:
    old, new = make_folder(tmp_path / "old", "well"), make_folder(tmp_path / "new", "well", version="v2")

    async def look(model: LocalModel) -> None:
        versions: list[str] = []

        async def ask() -> None:
            while not versions or versions[-1] != "v2":
                versions.append((await model.answer(["a"])).version)

        asking = [asyncio.create_task(ask()) for _ in range(5)]
        await model.swap(new)
        await asyncio.gather(*asking)
        assert set(versions) == {"v1", "v2"}

    run("m", old, look)


def test_the_replaced_worker_answers_what_it_has(tmp_path: Path) -> None:
    old, new = make_folder(tmp_path / "old", "never_answers"), make_folder(tmp_path / "new", "well", version="v2")

    async def look(model: LocalModel) -> None:
        waiting = asyncio.create_task(model.answer(["a"]))
        await until(lambda: model.figures.waiting == 1)
        first = model.worker_pid
        await model.swap(new)
        await asyncio.sleep(0.1)
        assert not waiting.done()
        assert first is not None
        os.kill(first, signal.SIGKILL)  # it never will: the new one does
        assert (await waiting).version == "v2"
        assert model.figures.restarts == 0

    run("m", old, look)


def test_a_replaced_worker_does_not_stay_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "RETIRE_SECONDS", 0.1)
    old, new = make_folder(tmp_path / "old", "never_answers"), make_folder(tmp_path / "new", "well", version="v2")

    async def look(model: LocalModel) -> None:
        waiting = asyncio.create_task(model.answer(["a"]))
        await until(lambda: model.figures.waiting == 1)
        await model.swap(new)
        assert (await waiting).version == "v2"

    run("m", old, look)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"behaves": "cannot_load"}, "no such model"),
        ({"behaves": "dies_early"}, "its worker did not come up"),
        ({"behaves": "refuses_the_test"}, "the test record was refused"),
        ({"behaves": "well", "task": "fill-mask"}, "a model for fill-mask, but m is served for text-classification"),
    ],
)
def test_a_failed_swap_keeps_the_model_and_says_why(files: dict[str, str], message: str, tmp_path: Path) -> None:
    old, new = make_folder(tmp_path / "old", "well"), make_folder(tmp_path / "new", **files)

    async def look(model: LocalModel) -> None:
        first = model.worker_pid
        with pytest.raises(UserError, match=message):
            await model.swap(new)
        assert model.folder == old
        assert model.worker_pid == first
        assert (await model.answer(["a"])).version == "v1"

    run("m", old, look)


def test_a_model_has_changed_where_its_folder_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(tmp_path / "m", "well", version="v1")
    monkeypatch.setattr(supervisor, "version_of", lambda path: (path / "version").read_text())

    async def look(model: LocalModel) -> None:
        assert not await model.has_changed()
        (folder / "version").write_text("v2")
        assert await model.has_changed()
        (folder / "version").write_text("v1")
        assert not await model.has_changed()
        (folder / "behaves").write_text("cannot_load")
        assert model.worker_pid is not None
        os.kill(model.worker_pid, signal.SIGKILL)
        await until(lambda: not model.is_ready)
        assert await model.has_changed()  # none answers: what is there is worth a start

    run("m", folder, look)


def test_a_link_that_is_led_elsewhere_counts_from_the_swap_on(tmp_path: Path) -> None:
    old, new = make_folder(tmp_path / "old", "well"), make_folder(tmp_path / "new", "well", version="v2")
    link = tmp_path / "link"
    link.symlink_to(old)

    async def look(model: LocalModel) -> None:
        link.unlink()
        link.symlink_to(new)
        assert model.worker_pid is not None
        os.kill(model.worker_pid, signal.SIGKILL)
        await until(lambda: not model.is_ready)
        await until(lambda: model.is_ready)
        assert (await model.answer(["a"])).version == "v1"
        await model.swap(model.folder)
        assert (await model.answer(["a"])).version == "v2"

    run("m", link, look)


def test_a_swap_replaces_a_worker_that_cannot_be_restarted(tmp_path: Path) -> None:
    old, new = make_folder(tmp_path / "old", "well"), make_folder(tmp_path / "new", "well", version="v2")

    async def look(model: LocalModel) -> None:
        (old / "behaves").write_text("never_ready")
        assert model.worker_pid is not None
        os.kill(model.worker_pid, signal.SIGKILL)
        await until(lambda: model.figures.restarts == 1)
        await model.swap(new)
        assert (await model.answer(["a"])).version == "v2"

    run("m", old, look)


def test_a_model_that_is_shutting_down_is_not_replaced(tmp_path: Path) -> None:
    async def look(model: LocalModel) -> None:
        await model.drain(0.0)
        with pytest.raises(UserError, match="m is shutting down"):
            await model.swap(model.folder)
        assert len(children()) == 1

    run("m", make_folder(tmp_path / "m", "well"), look)


def test_who_drains_answers_what_there_is_and_takes_no_more(tmp_path: Path) -> None:
    async def look(model: LocalModel) -> None:
        waiting = [asyncio.create_task(model.answer([str(number)])) for number in range(23)]
        await asyncio.sleep(0)
        assert await model.drain(10.0)
        assert not model.is_ready
        assert [task.result().predictions for task in waiting] == [
            [b'{"echo":"%d"}' % number] for number in range(23)
        ]
        with pytest.raises(NotReady, match="is shutting down") as refused:
            await model.answer(["a"])
        assert refused.value.retry_after is None

    run("well", tmp_path, look)


def test_draining_ends_in_time(tmp_path: Path) -> None:
    async def look(model: LocalModel) -> None:
        waiting = asyncio.create_task(model.answer(["a"]))
        await until(lambda: model.figures.waiting == 1)
        assert not await model.drain(0.1)
        await model.close()
        with pytest.raises(NotReady, match="is shutting down"):
            await waiting

    run("never_answers", tmp_path, look)


def test_closing_while_it_restarts_leaves_no_process(tmp_path: Path) -> None:
    async def look(model: LocalModel) -> None:
        (model.folder / "behaves").write_text("never_ready")
        assert model.worker_pid is not None
        os.kill(model.worker_pid, signal.SIGKILL)
        await until(lambda: model.figures.restarts == 1)
        await model.close()
        assert not children()

    run("m", make_folder(tmp_path / "m", "well"), look)


def test_a_server_needs_no_torch() -> None:
    code = "import sys, encodery.serve.supervisor; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def is_running(pid: int | None) -> bool:
    return Path(f"/proc/{pid}").exists()


def children() -> list[int]:
    """Processes of ours that run, but for those that `multiprocessing` leaves to other tests of this process."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and fields[0] != "Z" and b"multiprocessing" not in command:
            found.append(int(status.parent.name))
    return found
