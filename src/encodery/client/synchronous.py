"""The client for scripts and threads."""

import time
from collections.abc import Mapping, Sequence
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


class Client:
    """A connection to `encodery serve`; threads may share one. Lists of any length are sent in parts, in order.

    Each method raises `ServiceError` where there is no answer, after retries where these may help, and `UserError`
    where what was given cannot be sent.
    """

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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`timeout` in seconds, for each request with its retries. `part_records` are sent at once, at most: no more
        than the server's `max_inputs`. `headers` go with every request. `transport` is httpx's, for other ways than
        TCP (`httpx.HTTPTransport(uds=...)`).

        Raises:
            UserError: no such address, key or number can be.
        """
        self._caller = Caller(model, opening_headers(api_key, headers), timeout, retries or Retries(), part_records)
        self._http = httpx.Client(base_url=checked_url(base_url), transport=transport)

    def classify(self, records: Sequence[str | TextRecord], **options: Unpack[Options]) -> list[Classification]:
        """The label of each text or pair, with its score and those of all labels."""
        return self._predict("text-classification", records, options)

    def entities(
        self, records: Sequence[str | TextRecord | TokensRecord], **options: Unpack[Options]
    ) -> list[Entities]:
        """The entities of each text, by character; tags, too, where words were given."""
        return self._predict("token-classification", records, options)

    def answer(self, records: Sequence[QuestionRecord], **options: Unpack[Options]) -> list[AnswerPrediction]:
        """The part of each context that answers its question."""
        return self._predict("question-answering", records, options)

    def fill_mask(self, records: Sequence[str | TextRecord], **options: Unpack[Options]) -> list[FillMaskPrediction]:
        """The words that may stand in the place of each text's mask token."""
        return self._predict("fill-mask", records, options)

    def translate(
        self, records: Sequence[str | TranslationRecord], **options: Unpack[Options]
    ) -> list[TranslationPrediction]:
        """Each text in another language."""
        return self._predict("translation", records, options)

    def embed(self, texts: Sequence[str], **options: Unpack[Options]) -> Float32[np.ndarray, "texts hidden"]:
        """A vector for each text."""
        return stacked([self._run(call) for call in self._caller.embed(texts, options)])

    def predict(self, task: str, inputs: Record | Sequence[Record], **options: Unpack[Options]) -> Any:
        """What the task of this name says of one text or record, or a list for a list of them."""
        if isinstance(inputs, str | Mapping):
            return self._predict(task, [inputs], options)[0]
        return self._predict(task, inputs, options)

    def models(self) -> list[ModelCard]:
        """What is served."""
        return self._run(self._caller.models())

    def ready(self, timeout: float = 5.0) -> bool:
        """Whether the server is there and can be asked."""
        try:
            return self._run(self._caller.ready(timeout))
        except (UnavailableError, DeadlineError):
            return False

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _predict(self, task: str, records: Sequence[Record], options: Options) -> list[Any]:
        return [found for call in self._caller.predict(task, records, options) for found in self._run(call)]

    def _run(self, call: Call[Result]) -> Result:
        steps = exchange(call)
        reply: Reply | ServiceError | None = None
        try:
            while True:
                step = steps.send(reply)
                if isinstance(step, Wait):
                    time.sleep(step.seconds)
                    reply = None
                else:
                    reply = self._send(step)
        except StopIteration as done:
            result: Result = done.value
            return result

    def _send(self, step: Send) -> Reply | ServiceError:
        """httpx counts the time of each piece of an answer anew: that of all is counted here."""
        end = time.monotonic() + step.timeout
        body = bytearray()
        try:
            with self._http.stream(
                step.method, step.path, content=step.content, headers=step.headers, timeout=timeouts(step)
            ) as response:
                for piece in response.iter_bytes():
                    body += piece
                    if time.monotonic() > end:
                        return too_late(step)
                return reply_of(response.status_code, response.headers, bytes(body))
        except httpx.RequestError as error:
            return failure(error, step)
