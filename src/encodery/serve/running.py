"""`encodery serve`: from folders to a server that runs until it is told to stop, and then loses no request."""

import asyncio
import gc
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

import uvicorn

from encodery.errors import UserError
from encodery.serve.answers import ModelInfo, ServedModel
from encodery.serve.app import create_app
from encodery.serve.auth import Keys, take_environment
from encodery.serve.job import WorkerSettings
from encodery.serve.logs import LOGGER, log_to
from encodery.serve.protocol import bounded
from encodery.serve.service import Service
from encodery.serve.settings import Settings
from encodery.serve.supervisor import LocalModel

_BACKLOG = 2048
_SPARE_FILES = 256


@runtime_checkable
class OwnedModel(ServedModel, Protocol):
    """A model that this server starts, replaces and ends."""

    @property
    def folder(self) -> Path:
        """Where it was loaded from."""

    async def start(self) -> ModelInfo:
        """Load it; raises `UserError` if it cannot be."""

    async def has_changed(self) -> bool:
        """Whether its folder holds something else than what answers; raises `UserError` if it cannot be read."""

    async def swap(self, folder: Path) -> ModelInfo:
        """Load what is in a folder now and let it answer; raises `UserError` if it cannot, and changes nothing."""

    async def close(self) -> None:
        """End it."""


def read_names(models: Sequence[str]) -> dict[str, Path]:
    """Folders by the names under which they are served: that of the folder, or `NAME=FOLDER`.

    Raises:
        UserError: a folder that is not there, or two models of one name.
    """
    named: dict[str, Path] = {}
    for given in models:
        name, separator, folder = given.partition("=")
        path = Path(folder if separator else given)
        if not separator:  # a link keeps its own name: what it leads to may change while it is served
            name = path.name if path.name not in ("", "..") else path.resolve().name
        if not path.is_dir():
            raise UserError(f"{path}: no such folder; give a model folder or a bundle, or NAME=FOLDER")
        if not name or "/" in name or len(name) > 200:
            raise UserError(f"{given}: {name!r:.80} is no name for a model; write NAME=FOLDER")
        if name in named:
            raise UserError(f"{given}: there is a model {name!r} already; write NAME=FOLDER with another name")
        named[name] = path
    return named


Make = Callable[[str, Path, WorkerSettings], OwnedModel]


def run_server(folders: Mapping[str, Path], settings: Settings, make: Make = LocalModel) -> None:
    """Serve the models in folders, by name, until SIGTERM or Ctrl-C; `make` makes each.

    Raises:
        UserError: others could call without a key, the address is taken, a model cannot be loaded.
    """
    keys = Keys(settings.keys, take_environment(os.environ))
    settings.check_doors(has_keys=len(keys) > 0)
    listener = listen(settings)
    _allow_files(settings.max_connections + _SPARE_FILES)
    handler = log_to()
    answering: dict[str, ServedModel] = {}
    service = Service(answering, settings, keys, loading={*folders})
    models = {name: make(name, folder, settings.worker) for name, folder in folders.items()}
    config = configure(service)
    try:
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(Running(service, answering, models, config, listener).run())
    finally:
        handler.flush()


def listen(settings: Settings) -> socket.socket:
    """A socket at the address.

    Raises:
        UserError: it is taken, or none of this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise UserError(
            f"serve: cannot listen at {settings.host}, port {settings.port} ({error.strerror or error}); "
            "give another --port or --host"
        ) from None


def configure(service: Service) -> uvicorn.Config:
    """How uvicorn runs the application; what concerns clients is ours (`protocol`, `exchange`)."""
    settings = service.settings
    return uvicorn.Config(
        create_app(service),
        http=bounded(settings),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=int(settings.drain_seconds) or 1,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.private_key,
    )


class Running:
    """A server from its first connection to its last."""

    def __init__(
        self,
        service: Service,
        answering: dict[str, ServedModel],
        models: Mapping[str, OwnedModel],
        config: uvicorn.Config,
        listener: socket.socket,
    ) -> None:
        """`answering` are the models of `service`, to which those of `models` come when they are loaded."""
        self.service = service
        self.answering = answering
        self.models = models
        self.server = _Server(config)
        self.listener = listener
        self._stop = asyncio.Event()
        self._reloading: asyncio.Task[None] | None = None
        self._asked = 0
        """How often a reload was."""

    async def run(self) -> None:
        """Accept connections, load the models, wait for the signal, drain.

        Raises:
            UserError: a model cannot be loaded.
        """
        for sign, handle in (
            (signal.SIGTERM, lambda: self.stop(self.service.settings.notice_seconds)),
            (signal.SIGINT, lambda: self.stop(0.0)),
            (signal.SIGHUP, self.reload),
        ):
            asyncio.get_running_loop().add_signal_handler(sign, handle)
        serving = asyncio.create_task(self.server.serve(sockets=[self.listener]))
        loading = asyncio.create_task(self._load())
        stopped = asyncio.create_task(self._stop.wait())
        host, port = self.listener.getsockname()[:2]
        LOGGER.info("listening", extra={"fields": {"host": host, "port": port, "keys": len(self.service.keys)}})
        try:
            await asyncio.wait({serving, loading, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if loading.done():
                await loading
                await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.service.is_draining = True
            self.server.should_exit = True
            for task in (loading, stopped, self._reloading):
                if task is not None:
                    task.cancel()
            await serving
            await asyncio.gather(*(model.close() for model in self.models.values()))
            LOGGER.info("stopped")

    def stop(self, notice_seconds: float) -> None:
        """Begin to drain: not ready at once, no new connections after the notice; the second time without waiting."""
        if self.service.is_draining:
            self.server.force_exit = True
            self._stop.set()
            return
        LOGGER.info("draining")
        self.service.is_draining = True
        asyncio.get_running_loop().call_later(notice_seconds, self._stop.set)

    def reload(self) -> None:
        """Read the keys now, and then all folders, or once more where they are being read; what is wrong is logged,
        and stays as it was."""
        with _logged("keys"):
            self.service.keys.reload()
            LOGGER.info("keys read", extra={"fields": {"keys": len(self.service.keys)}})
        self._asked += 1
        self._read_folders()

    def _read_folders(self) -> None:
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.create_task(self._reload())

    async def _load(self) -> None:
        for name, model in self.models.items():
            asked = self._asked
            info = await model.start()
            self.service.loading.discard(name)
            self.answering[name] = model
            LOGGER.info("loaded", extra={"fields": {"model": name, **_about(info)}})
            if asked != self._asked:  # its folder may have been read before it was as it is now
                self._asked += 1
                self._read_folders()
        gc.collect()
        gc.freeze()  # what is there now stays: no later collection needs to look at it
        LOGGER.info("ready")

    async def _reload(self) -> None:
        done = -1
        while done != self._asked:
            done = self._asked
            for name in [*self.answering]:
                with _logged(name):
                    await self._renew(name, self.models[name])

    async def _renew(self, name: str, model: OwnedModel) -> None:
        if not await model.has_changed():
            LOGGER.info("unchanged", extra={"fields": {"model": name, **_about(model.info)}})
            return
        info = await model.swap(model.folder)
        LOGGER.info("swapped", extra={"fields": {"model": name, **_about(info)}})


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers: it would stop accepting at once, and end by the signal."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def _logged(what: str) -> Iterator[None]:
    try:
        yield
    except UserError as error:  # it names files and keys of settings, nothing that a caller sent
        LOGGER.error("not reloaded", extra={"fields": {"what": what, "why": str(error)}})


def _about(info: ModelInfo) -> dict[str, str]:
    return {"task": info.task, "version": info.version, "engine": info.engine, "dtype": info.dtype}


def _allow_files(count: int) -> None:
    """As many open files as connections may need, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
