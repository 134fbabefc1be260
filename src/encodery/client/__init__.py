"""A typed client of `encodery serve`, for scripts and for asyncio. Importing it imports no torch."""

try:
    import httpx  # noqa: F401
except ImportError:  # pragma: no cover
    raise ImportError("encodery.client needs httpx; try: pip install 'encodery[client]'") from None

from encodery.client.asynchronous import AsyncClient
from encodery.client.errors import (
    DeadlineError,
    DeniedError,
    InvalidInputError,
    ServiceError,
    UnavailableError,
    UnknownModelError,
)
from encodery.client.records import (
    AnswerPrediction,
    Classification,
    Entities,
    Entity,
    Fill,
    FillMaskPrediction,
    ModelCard,
    QuestionRecord,
    TextRecord,
    TokensRecord,
    TranslationPrediction,
    TranslationRecord,
)
from encodery.client.retries import Retries
from encodery.client.synchronous import Client

__all__ = [
    "AnswerPrediction",
    "AsyncClient",
    "Classification",
    "Client",
    "DeadlineError",
    "DeniedError",
    "Entities",
    "Entity",
    "Fill",
    "FillMaskPrediction",
    "InvalidInputError",
    "ModelCard",
    "QuestionRecord",
    "Retries",
    "ServiceError",
    "TextRecord",
    "TokensRecord",
    "TranslationPrediction",
    "TranslationRecord",
    "UnavailableError",
    "UnknownModelError",
]
