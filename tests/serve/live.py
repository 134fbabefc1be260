"""A server that is really listening, over models whose answers are known."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from encodery.serve.running import configure, listen
from encodery.serve.service import Service

PATIENCE = 60.0


class _Quiet(uvicorn.Server):
    """Signals are for the main thread alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def listening(service: Service) -> Iterator[str]:
    """The address at which a service answers, from a thread, as `encodery serve` would let it. Its port is 0."""
    listener = listen(service.settings)
    server = _Quiet(configure(service))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listener.close()
