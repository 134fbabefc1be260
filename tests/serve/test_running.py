"""From folders to a server and back, without a request lost."""

import asyncio
import resource
import signal
import socket
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from encodery.errors import UserError
from encodery.serve.answers import ModelInfo, ServedModel
from encodery.serve.auth import Keys
from encodery.serve.running import Running, configure, listen, read_names
from encodery.serve.service import Service
from encodery.serve.settings import Settings
from tests.cli.refusals import Command, refused
from tests.serve.fakes import FakeModel
from tests.serve.processes import Server, fake_server, status

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"


def test_sigterm_under_load_loses_nothing() -> None:
    """Clients send as long as the server says that it is ready, as behind a load balancer."""

    async def load(server: Server) -> tuple[int, float]:
        answered = 0
        is_ready = True

        async def ask() -> None:
            nonlocal answered
            async with httpx.AsyncClient(base_url=server.url) as client:
                while is_ready:
                    reply = await client.post("/v1/fill-mask", json={"inputs": "a"})
                    assert reply.status_code == 200
                    answered += 1

        async def watch() -> None:
            nonlocal is_ready
            async with httpx.AsyncClient(base_url=server.url) as client:
                while is_ready:
                    is_ready = (await client.get("/health/ready")).status_code == 200
                    await asyncio.sleep(0.02)

        asking = [asyncio.create_task(ask()) for _ in range(8)]
        watching = asyncio.create_task(watch())
        while answered < 50:
            await asyncio.sleep(0.01)
        before = answered
        server.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        await asyncio.gather(watching, *asking)
        assert answered > before
        return answered, began

    with fake_server() as server:
        _, began = asyncio.run(load(server))
        assert server.end() == 0
        assert 0.4 <= time.monotonic() - began < 5
        assert server.until("stopped")
        assert not server.plain


def test_sigint_ends_at_once() -> None:
    with fake_server(notice_seconds=30.0) as server:
        server.process.send_signal(signal.SIGINT)
        assert server.end(10) == 0


def test_the_second_signal_does_not_wait() -> None:
    with fake_server(notice_seconds=30.0) as server:
        server.process.send_signal(signal.SIGTERM)
        server.until("draining")
        server.process.send_signal(signal.SIGTERM)
        assert server.end(10) == 0


def test_sighup_reads_keys_and_models_again(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(sha256(b"old").hexdigest())

    with fake_server(keys=file) as server:
        assert (status(server, "old"), status(server, "new")) == (200, 401)
        file.write_text(sha256(b"new").hexdigest())
        server.process.send_signal(signal.SIGHUP)
        assert server.until("swapped")["version"] == "0" * 16
        assert (status(server, "old"), status(server, "new")) == (401, 200)
        file.write_text("broken")
        server.process.send_signal(signal.SIGHUP)
        assert "keys:1: no SHA-256" in server.until("not reloaded")["why"]
        server.until("swapped", times=2)
        assert status(server, "new") == 200


class Slow(FakeModel):
    """One whose changes take until it is let go."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "fill-mask")
        self.may_load, self.may_swap = asyncio.Event(), asyncio.Event()
        self.swapping = 0

    async def start(self) -> ModelInfo:
        await self.may_load.wait()
        return await super().start()

    async def swap(self, folder: Path) -> ModelInfo:
        self.swapping += 1
        await self.may_swap.wait()
        return await super().swap(folder)


def run_slow(look: Callable[[Running, Slow, Slow], Awaitable[None]], keys: Keys | None = None) -> None:
    """A server of two slow models, looked at from within."""

    async def run() -> None:
        one, two = Slow("one"), Slow("two")
        answering: dict[str, ServedModel] = {}
        service = Service(answering, Settings(port=0, log_requests=False), keys or Keys(), loading={"one", "two"})
        running = Running(service, answering, {"one": one, "two": two}, configure(service), listen(service.settings))
        serving = asyncio.create_task(running.run())
        try:
            async with asyncio.timeout(30):
                await look(running, one, two)
        finally:
            running.stop(0.0)
            await serving
            running.listener.close()

    asyncio.run(run())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def test_a_reload_that_is_asked_for_during_another_comes_after_it() -> None:
    """What was published meanwhile would else wait until somebody asks once more."""

    async def look(running: Running, one: Slow, two: Slow) -> None:
        for model in (one, two):
            model.may_load.set()
        await until(lambda: len(running.answering) == 2)
        running.reload()
        await until(lambda: one.swapping == 1)
        for _ in range(3):
            running.reload()
        for model in (one, two):
            model.may_swap.set()
        await until(lambda: len(two.swaps) == 2)
        await asyncio.sleep(0.05)
        assert (one.swapping, two.swapping) == (2, 2)

    run_slow(look)


def test_keys_count_at_once_even_while_models_are_reloaded(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(sha256(b"old").hexdigest())
    keys = Keys(file)

    async def look(running: Running, one: Slow, two: Slow) -> None:
        one.may_load.set()
        await until(lambda: len(running.answering) == 1)
        running.reload()
        await until(lambda: one.swapping == 1)
        file.write_text(sha256(b"new").hexdigest())
        running.reload()
        assert (keys.name_of(b"old"), keys.name_of(b"new")) == (None, "line-1")

    run_slow(look, keys)


def test_a_reload_while_models_are_loaded_reaches_all_of_them() -> None:
    """The first is loaded, the second may have read its folder already; and both come to be served."""

    async def look(running: Running, one: Slow, two: Slow) -> None:
        one.may_load.set()
        await until(lambda: len(running.answering) == 1)
        running.reload()
        await until(lambda: one.swapping == 1)
        two.may_load.set()
        await until(lambda: len(running.answering) == 2)
        one.may_swap.set()
        two.may_swap.set()
        await until(lambda: len(two.swaps) == 1)
        assert one.swaps

    run_slow(look)


def test_a_model_whose_folder_is_as_it_was_stays(caplog: pytest.LogCaptureFixture) -> None:
    """A key that is taken out costs no worker its start, nor the memory of a second one."""

    async def look(running: Running, one: Slow, two: Slow) -> None:
        for model in (one, two):
            model.may_load.set()
            model.may_swap.set()
        await until(lambda: len(running.answering) == 2)
        one.is_changed = False
        running.reload()
        await until(lambda: len(two.swaps) == 1)
        assert not one.swaps

    with caplog.at_level("INFO", "encodery.serve"):
        run_slow(look)
    told = [(line.getMessage(), getattr(line, "fields", {}).get("model")) for line in caplog.records]
    assert [line for line in told if line[1]][-2:] == [("unchanged", "one"), ("swapped", "two")]


def hostile_bodies() -> Iterator[tuple[bytes | Iterator[bytes], dict[str, str]]]:
    """With their headers; each more than the server should keep."""
    yield bytes(50 * 2**20), {}
    yield (bytes(2**16) for _ in range(800)), {}
    yield (b" " for _ in range(20_000)), {}
    packer = zlib.compressobj(9, wbits=31)
    yield (
        b"".join([*(packer.compress(bytes(2**20)) for _ in range(200)), packer.flush()]),
        {"content-encoding": "gzip"},
    )
    yield b"[" * 2**21, {}
    yield b"[" * 2**20 + b"]" * 2**20, {}
    yield b"[" + b"[]," * 2**20 + b"[]]", {}
    yield b'{"inputs": [' + b'"",' * 2**20 + b'""]}', {}
    yield b'{"inputs": {' + b",".join(b'"%d": 0' % key for key in range(2**17)) + b"}}", {}


def test_hostile_bodies_cost_little() -> None:
    def peak(server: Server) -> int:
        lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

    with fake_server() as server, httpx.Client(base_url=server.url, timeout=20) as client:
        assert client.post("/v1/fill-mask", json={"inputs": ["a" * 1000] * 2000}).status_code == 200
        before = peak(server)
        for body, headers in hostile_bodies():
            try:
                reply = client.post(
                    "/v1/fill-mask", content=body, headers={"content-type": "application/json", **headers}
                )
            except httpx.TransportError:  # it closed while we were still sending, and the answer was lost on the way
                continue
            assert reply.status_code in (200, 400, 413, 422)
        assert peak(server) - before < 128 * 2**20
        assert client.post("/v1/fill-mask", json={"inputs": "a"}).status_code == 200


def test_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "mood").mkdir(parents=True)
    (tmp_path / "ner").symlink_to("runs/mood")
    assert read_names(["runs/mood", "names=ner"]) == {"mood": Path("runs/mood"), "names": Path("ner")}
    assert read_names(["runs/mood/", "ner"]) == {"mood": Path("runs/mood"), "ner": Path("ner")}
    monkeypatch.chdir(tmp_path / "runs" / "mood")
    assert [*read_names(["."])] == ["mood"]
    assert [*read_names([".."])] == ["runs"]


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (["nowhere"], "nowhere: no such folder; give a model folder or a bundle, or NAME=FOLDER"),
        (["=mood"], "=mood: '' is no name for a model; write NAME=FOLDER"),
        (["a/b=mood"], "a/b=mood: 'a/b' is no name for a model; write NAME=FOLDER"),
        (["mood", "mood=mood"], "mood=mood: there is a model 'mood' already; write NAME=FOLDER with another name"),
    ],
)
def test_names_that_are_none(
    models: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mood").mkdir()
    with pytest.raises(UserError) as caught:
        read_names(models)
    assert str(caught.value) == message


def test_an_address_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            UserError, match=f"cannot listen at 127.0.0.1, port {port} .*in use.*; give another --port"
        ):
            listen(Settings(port=port))


def test_refusals_of_the_command(tmp_path: Path, encodery: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mood").mkdir()
    monkeypatch.chdir(tmp_path)
    assert refused(encodery, "serve", "nowhere").startswith("nowhere: no such folder")
    assert refused(encodery, "serve", "mood", "--host", "0.0.0.0", "--port", "0").startswith(
        "serve: without an API key only this machine may call, and 0.0.0.0 lets others in"
    )
    assert refused(encodery, "serve", "mood", "--keys", "keys").startswith(
        "keys: the file of API keys cannot be read"
    )
    assert "did you mean 'max_inputs'" in refused(encodery, "serve", "mood", "--set", "max_input=3")


@pytest.mark.slow
def test_ten_thousand_idle_connections() -> None:
    """Others are served as before; the idle ones are closed in time."""

    async def run(server: Server) -> tuple[float, int]:
        port = server.until("listening")["port"]
        held = []
        for _ in range(100):
            held += await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(100)))
        times = []
        async with httpx.AsyncClient(base_url=server.url) as client:
            for _ in range(50):
                began = time.monotonic()
                assert (await client.post("/v1/fill-mask", json={"inputs": "a"})).status_code == 200
                times.append(time.monotonic() - began)
            closed = await asyncio.gather(*(asyncio.wait_for(reader.read(), 60) for reader, _ in held))
            assert (await client.get("/health/ready")).status_code == 200
        for _, writer in held:
            writer.close()
        return sorted(times)[25], sum(1 for rest in closed if rest == b"")

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 11_000:
        pytest.skip(f"this system allows {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 11_000), hard))
    with fake_server(receive_seconds=20.0) as server:
        median, closed = asyncio.run(run(server))
        assert closed == 10_000
        assert median < 0.2  # the model takes 0.02 s
