"""The client for asyncio."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar, Unpack

import httpx
import numpy as np
from jaxtyping import Float32

from encodery.client.calls import Caller, Options, Record, opening_headers, stacked
from encodery.client.errors import DeadlineError, ServiceError, UnavailableError
from encodery.client.exchange import Call, Reply, Send, Wait, exchange
from encodery.client.records import (
    AnswerPrediction,
    Classification,
    Entities,
    FillMaskPrediction,
    ModelCard,
    QuestionRecord,
    TextRecord,
    TokensRecord,
    TranslationPrediction,
    TranslationRecord,
)
from encodery.client.retries import Retries
from encodery.client.transport import checked_url, failure, reply_of, timeouts, too_late

Result = TypeVar("Result")


class AsyncClient:
    """`Client` for asyncio. Of a long list some parts are on their way at once; results are in order all the same."""

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8080",
        *,
        model: str | None = None,
        api_key: str | None = None,
        timeout: float = 60.0,
        retries: Retries | None = None,
        part_records: int = 256,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        parallel: int = 4,
    ) -> None:
        """As that of `Client`; `parallel` parts of each call are on their way at once.

        Raises:
            UserError: no such address, key or number can be.
        """
        self._caller = Caller(model, opening_headers(api_key, headers), timeout, retries or Retries(), part_records)
        self._http = httpx.AsyncClient(base_url=checked_url(base_url), transport=transport)
        self._parallel = max(parallel, 1)

    async def classify(self, records: Sequence[str | TextRecord], **options: Unpack[Options]) -> list[Classification]:
        """The label of each text or pair, with its score and those of all labels."""
        return await self._predict("text-classification", records, options)

    async def entities(
        self, records: Sequence[str | TextRecord | TokensRecord], **options: Unpack[Options]
    ) -> list[Entities]:
        """The entities of each text, by character; tags, too, where words were given."""
        return await self._predict("token-classification", records, options)

    async def answer(self, records: Sequence[QuestionRecord], **options: Unpack[Options]) -> list[AnswerPrediction]:
        """The part of each context that answers its question."""
        return await self._predict("question-answering", records, options)

    async def fill_mask(
        self, records: Sequence[str | TextRecord], **options: Unpack[Options]
    ) -> list[FillMaskPrediction]:
        """The words that may stand in the place of each text's mask token."""
        return await self._predict("fill-mask", records, options)

    async def translate(
        self, records: Sequence[str | TranslationRecord], **options: Unpack[Options]
    ) -> list[TranslationPrediction]:
        """Each text in another language."""
        return await self._predict("translation", records, options)

    async def embed(self, texts: Sequence[str], **options: Unpack[Options]) -> Float32[np.ndarray, "texts hidden"]:
        """A vector for each text."""
        return stacked(await self._run_all(self._caller.embed(texts, options)))

    async def predict(self, task: str, inputs: Record | Sequence[Record], **options: Unpack[Options]) -> Any:
        """What the task of this name says of one text or record, or a list for a list of them."""
        if isinstance(inputs, str | Mapping):
            return (await self._predict(task, [inputs], options))[0]
        return await self._predict(task, inputs, options)

    async def models(self) -> list[ModelCard]:
        """What is served."""
        return await self._run(self._caller.models())

    async def ready(self, timeout: float = 5.0) -> bool:
        """Whether the server is there and can be asked."""
        try:
            return await self._run(self._caller.ready(timeout))
        except (UnavailableError, DeadlineError):
            return False

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _predict(self, task: str, records: Sequence[Record], options: Options) -> list[Any]:
        parts = await self._run_all(self._caller.predict(task, records, options))
        return [found for part in parts for found in part]

    async def _run_all(self, calls: Iterable[Call[Result]]) -> list[Result]:
        """The results in order; the first error stops what is on its way, and no more is sent."""
        numbered = enumerate(calls)
        results: dict[int, Result] = {}

        async def work() -> None:
            for number, call in numbered:
                results[number] = await self._run(call)

        workers = [asyncio.create_task(work()) for _ in range(self._parallel)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return [results[number] for number in range(len(results))]

    async def _run(self, call: Call[Result]) -> Result:
        steps = exchange(call)
        reply: Reply | ServiceError | None = None
        try:
            while True:
                step = steps.send(reply)
                if isinstance(step, Wait):
                    await asyncio.sleep(step.seconds)
                    reply = None
                else:
                    reply = await self._send(step)
        except StopIteration as done:
            result: Result = done.value
            return result

    async def _send(self, step: Send) -> Reply | ServiceError:
        try:
            async with asyncio.timeout(step.timeout):
                response = await self._http.request(
                    step.method, step.path, content=step.content, headers=step.headers, timeout=timeouts(step)
                )
        except TimeoutError:
            return too_late(step)
        except httpx.RequestError as error:
            return failure(error, step)
        return reply_of(response.status_code, response.headers, response.content)
