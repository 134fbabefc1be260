"""`/v1/embeddings` and `/v1/models` as the OpenAI API has them, so that its clients work."""

import base64
from array import array
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from encodery.serve import limits
from encodery.serve.answers import Answer, ServedModel
from encodery.serve.problems import Problem
from encodery.serve.routes.description import PlainRoute, described, responses
from encodery.serve.service import Service

_ALLOWED = ("input", "model", "encoding_format", "dimensions", "user")
_FORMATS = ("float", "base64")
_RESPONSE = {
    "type": "object",
    "required": ["object", "data", "model", "usage"],
    "properties": {
        "object": {"const": "list"},
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["object", "index", "embedding"],
                "properties": {
                    "object": {"const": "embedding"},
                    "index": {"type": "integer"},
                    "embedding": {"anyOf": [{"type": "array", "items": {"type": "number"}}, {"type": "string"}]},
                },
            },
        },
        "model": {"type": "string"},
        "usage": {
            "type": "object",
            "properties": {"prompt_tokens": {"type": "integer"}, "total_tokens": {"type": "integer"}},
        },
    },
}


def _request(max_inputs: int) -> dict[str, Any]:
    return {
        "title": "embeddings request",
        "type": "object",
        "required": ["input"],
        "additionalProperties": False,
        "properties": {
            "input": {
                "anyOf": [
                    {"type": "string", "minLength": 1},
                    {
                        "type": "array",
                        "items": {"type": "string", "minLength": 1},
                        "minItems": 1,
                        "maxItems": max_inputs,
                    },
                ]
            },
            "model": {"type": "string"},
            "encoding_format": {"enum": ["float", "base64"]},
            "dimensions": {"type": "integer", "minimum": 1, "description": "only the model's own number"},
            "user": {"type": "string", "description": "not read"},
        },
        "example": {"input": ["A fine day", "It rained."], "encoding_format": "float"},
    }


def openai_routes(service: Service) -> APIRouter:
    """Embeddings, and what is served."""
    router = APIRouter(tags=["openai"], route_class=PlainRoute)

    async def embeddings(request: Request) -> Response:
        body = await limits.read_json(request, service.settings)
        limits.check_keys(body, _ALLOWED)
        texts = _texts(body.get("input"), service)
        encoding = body.get("encoding_format", "float")
        if encoding not in _FORMATS:
            raise Problem(
                "invalid_input", "float or base64 is needed", field="/encoding_format", limit=", ".join(_FORMATS)
            )
        model = service.model_for("feature-extraction", limits.read_name(body))
        _check_dimensions(body, model)
        answer = await service.ask(request, model, texts, "embed")
        name = model.info.name
        return Response(embedding_list(answer, name, as_base64=encoding == "base64"), media_type="application/json")

    async def models(request: Request) -> Response:
        listed = {
            "object": "list",
            "data": [_about(model) for model in service.models.values()],
            "loading": sorted(service.loading),
            "limits": {
                name: value
                for name, value in service.settings.model_dump().items()
                if name.startswith("max_") or name in ("receive_seconds", "answer_seconds")
            },
        }
        return Response(orjson.dumps(listed), media_type="application/json")

    async def model(request: Request) -> Response:
        return Response(
            orjson.dumps(_about(service.model(request.path_params["model"]))), media_type="application/json"
        )

    router.add_api_route(
        "/v1/embeddings",
        embeddings,
        methods=["POST"],
        summary="Vectors of texts, as the OpenAI API",
        **described(_request(service.settings.max_inputs), _RESPONSE),
    )
    for path, endpoint, summary, statuses in (
        ("/v1/models", models, "What is served, and the limits", ()),
        ("/v1/models/{model}", model, "One of the models", (404, 422, 503)),
    ):
        router.add_api_route(
            path,
            endpoint,
            methods=["GET"],
            summary=summary,
            responses=responses(*statuses),
        )
    return router


def embedding_list(answer: Answer, model: str, as_base64: bool) -> bytes:
    """The answer as OpenAI's, each prediction `{"embedding": [...]}` taken as the bytes it is."""
    items = [
        b'{"object":"embedding","index":%d,' % index + (_packed(item) if as_base64 else item.strip()[1:])
        for index, item in enumerate(answer.predictions)
    ]
    usage = {"prompt_tokens": answer.num_tokens, "total_tokens": answer.num_tokens}
    tail = orjson.dumps({"model": model, "usage": usage})
    return b'{"object":"list","data":[' + b",".join(items) + b"]," + tail[1:]


def _packed(prediction: bytes) -> bytes:
    """The rest of an item whose vector is given as little-endian float32, in base64."""
    values = array("f", orjson.loads(prediction)["embedding"])
    return b'"embedding":"' + base64.b64encode(values.tobytes()) + b'"}'


def _texts(given: Any, service: Service) -> limits.Records:
    if isinstance(given, list) and given and all(isinstance(part, int | list) for part in given):
        raise Problem(
            "invalid_input",
            "token ids are not taken: each model has its own tokenizer",
            field="/input",
            hint="send texts; clients that count tokens have a switch for it (check_embedding_ctx_length=False)",
        )
    texts = limits.read_records(given, service.settings, "/input")
    for number, text in enumerate(texts.items):
        if not isinstance(text, str):
            raise Problem("invalid_input", "a text is needed", field=texts.pointer(number))
        if not text:
            raise Problem("invalid_input", "the text is empty", field=texts.pointer(number))
    return texts


def _check_dimensions(body: Mapping[str, Any], model: ServedModel) -> None:
    size = model.info.hidden_size
    given = body.get("dimensions", size)
    if given is not size and (isinstance(given, bool) or given != size):
        raise Problem(
            "invalid_input",
            f"this model's vectors have {size} numbers; others are not made",
            field="/dimensions",
            limit=size,
            hint="leave dimensions out",
        )


def _about(model: ServedModel) -> dict[str, Any]:
    info = model.info
    return {
        "id": info.name,
        "object": "model",
        "created": 0,
        "owned_by": "encodery",
        "task": info.task,
        "labels": info.labels,
        "max_seqlen": info.max_seqlen,
        "hidden_size": info.hidden_size,
        "embeds": info.embeds,
        "languages": info.languages,
        "engine": info.engine,
        "dtype": info.dtype,
        "version": info.version,
        "mask_token": info.mask_token,
        "directions": info.directions,
        "is_ready": model.is_ready,
    }
