"""Requests made of records, and what is read from their answers: all that the two clients share."""

import base64
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict, TypeVar

import numpy as np
from jaxtyping import Float32

from encodery import __version__
from encodery.client.exchange import Call
from encodery.client.records import ModelCard
from encodery.client.retries import Retries
from encodery.errors import UserError

Result = TypeVar("Result")
Record = str | Mapping[str, Any]


class Options(TypedDict, total=False):
    """What may be said with each call."""

    model: str | None
    """A model's name on the server; that of the client if not given, and the only one of that task if neither is."""
    timeout: float
    """Seconds for each request with its retries. The server is told, and leaves alone what would come too late."""
    request_id: str
    """Sent as `X-Request-Id`, which the server logs and errors carry; a random one if not given."""


@dataclass(frozen=True)
class Caller:
    """What a client knows of its server."""

    model: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 60.0
    retries: Retries = field(default_factory=Retries)
    part_records: int = 256
    part_bytes: int = 1 << 18
    """A list is sent in parts of at most so many records and bytes; a record that is larger has a part to itself."""

    def __post_init__(self) -> None:
        """Raises:
        UserError: a number below which nothing could be sent.
        """
        for name in ("timeout", "part_records", "part_bytes"):
            if not (value := getattr(self, name)) > 0:
                raise UserError(f"{name} = {value}: a number above zero is needed")

    def predict(self, task: str, records: Sequence[Record], options: Options) -> Iterator[Call[list[Any]]]:
        """The requests for the predictions of all records, in order.

        Raises:
            UserError: `records` is one text or record, or one of them cannot be written as JSON.
        """
        return self._parts(f"/v1/{task}", {"inputs": []}, records, _predictions, options)

    def embed(self, texts: Sequence[str], options: Options) -> Iterator[Call[Float32[np.ndarray, "texts hidden"]]]:
        """The requests for the vectors of all texts, in order.

        Raises:
            UserError: as `predict`.
        """
        how = {"encoding_format": "base64", "input": []}  # a quarter of the bytes that decimal digits take
        return self._parts("/v1/embeddings", how, texts, _vectors, options)

    def models(self) -> Call[list[ModelCard]]:
        """The request for what is served."""
        return Call("GET", "/v1/models", _models, headers=self.headers, timeout=self.timeout, retries=self.retries)

    def ready(self, timeout: float) -> Call[bool]:
        """The request whether all models can be asked; sent once."""
        return Call("GET", "/health/ready", bool, headers=self.headers, timeout=timeout, retries=Retries(most=0))

    def _parts(
        self,
        path: str,
        fields: Mapping[str, Any],
        records: Sequence[Record],
        read: Callable[[Any, int], Result],
        options: Options,
    ) -> Iterator[Call[Result]]:
        """`fields` are those of the body, the last one the empty list that the records come in."""
        if isinstance(records, str | Mapping):
            raise UserError(f"records = {records!r:.80}: a list of texts or records is needed, [...] around one")

        def reading(count: int) -> Callable[[Any], Result]:
            return lambda answer: read(answer, count)

        model = options.get("model") or self.model
        opening = json.dumps(fields if model is None else {"model": model, **fields})[: -len("]}")].encode()
        request_id = options.get("request_id") or uuid.uuid4().hex
        for first, part in self._cut([_encoded(record, number) for number, record in enumerate(records)]):
            headers = {
                **self.headers,
                "Content-Type": "application/json",
                "X-Request-Id": f"{request_id}-{first}" if first else request_id,
            }
            yield Call(
                "POST",
                path,
                reading(len(part)),
                opening + b",".join(part) + b"]}",
                headers,
                options.get("timeout", self.timeout),
                self.retries,
                first,
            )

    def _cut(self, records: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
        """Parts of the records, each with the number of its first one."""
        first = size = 0
        for number, record in enumerate(records):
            if number > first and (number - first == self.part_records or size + len(record) > self.part_bytes):
                yield first, records[first:number]
                first, size = number, 0
            size += len(record)
        if first < len(records):
            yield first, records[first:]


def opening_headers(api_key: str | None, headers: Mapping[str, str] | None) -> dict[str, str]:
    """The headers of every request.

    Raises:
        UserError: the key cannot stand in a header; does not show it.
    """
    if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key == api_key.strip()):
        raise UserError("api_key: it has a character that cannot be sent; is it a line break at the end of a file?")
    key = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    return {"Accept": "application/json", "User-Agent": f"encodery/{__version__}", **key, **(headers or {})}


def stacked(parts: Sequence[Float32[np.ndarray, "_ hidden"]]) -> Float32[np.ndarray, "texts hidden"]:
    """The vectors of all parts."""
    return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)


def _encoded(record: Record, number: int) -> bytes:
    try:
        try:
            return json.dumps(record, ensure_ascii=False, allow_nan=False).encode()
        except UnicodeEncodeError:  # a lone surrogate goes escaped: the server says what it thinks of this record
            return json.dumps(record, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(
            f"records[{number}] = {record!r:.80}: {error}; it must be a text or a dict of texts"
        ) from None


def _predictions(answer: Any, count: int) -> list[Any]:
    return _counted(answer, count)


def _vectors(answer: Any, count: int) -> Float32[np.ndarray, "texts hidden"]:
    rows = _counted(sorted(answer["data"], key=lambda row: int(row["index"])), count)
    return np.stack([np.frombuffer(base64.b64decode(row["embedding"], validate=True), "<f4") for row in rows])


def _models(answer: Any) -> list[ModelCard]:
    found: list[ModelCard] = answer["data"]
    return _counted(found, len(found))


def _counted(found: Any, count: int) -> list[Any]:
    if not isinstance(found, list) or len(found) != count:
        raise ValueError(f"there are not {count} results")
    return found
