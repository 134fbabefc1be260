"""The Open Inference Protocol v2 (KServe, Triton): models by name and version, texts as tensors of BYTES.

A tensor of texts stands for each key of the task's records that holds a text: `text`, `text_pair`, `question`,
`context`. Or one tensor `record` holds whole records, each a JSON object. Predictions come as JSON documents, labels,
scores and vectors as tensors of their own, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from encodery import __version__
from encodery.serve import limits
from encodery.serve.answers import Answer, ModelInfo, ServedModel, Work
from encodery.serve.limits import Records
from encodery.serve.problems import Problem
from encodery.serve.routes import tensors
from encodery.serve.routes.description import PlainRoute, described, responses
from encodery.serve.routes.health import state, state_responses
from encodery.serve.service import Service

_ALLOWED = ("id", "inputs", "outputs", "parameters")


@dataclass(frozen=True)
class Form:
    """The tensors of a task."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ("prediction",)


_PLAIN = Form(("text",), ("language",))
FORMS: Mapping[str, Form] = {
    "text-classification": Form(("text",), ("text_pair", "language"), ("prediction", "label", "score")),
    "token-classification": _PLAIN,
    "question-answering": Form(("question", "context"), ("language",)),
    "fill-mask": _PLAIN,
    "translation": Form(("text",), ("source_language", "target_language"), ("prediction", "translation", "score")),
    "feature-extraction": Form(("text",), ("language",), ("embedding",)),
}
_OTHER = Form(())


def inference_routes(service: Service) -> APIRouter:
    """The server, its models, and asking one."""
    router = APIRouter(prefix="/v2", tags=["open inference protocol"], route_class=PlainRoute)

    async def server(request: Request) -> Response:
        return _json({"name": "encodery", "version": __version__, "extensions": []})

    async def metadata(request: Request) -> Response:
        return _json(_metadata(_versioned(service, request).info))

    async def ready(request: Request) -> Response:
        return state("ready", _versioned(service, request).is_ready)

    async def infer(request: Request) -> Response:
        served = _versioned(service, request)
        body = await limits.read_json(request, service.settings)
        limits.check_keys(body, _ALLOWED)
        form = FORMS.get(served.info.task, _OTHER)
        given = tensors.read_inputs(body.get("inputs"))
        wanted = tensors.read_outputs(body.get("outputs"), form.outputs)
        records = _records(given, form, service)
        work: Work = "embed" if served.info.task == "feature-extraction" else "predict"
        answer = await service.ask(request, served, records, work)
        return Response(_answered(body.get("id"), served, answer, wanted), media_type="application/json")

    router.add_api_route("", server, methods=["GET"], summary="The server's name", responses=responses())
    for path in ("/models/{model}", "/models/{model}/versions/{version}"):
        of_version = "of a version" if "version" in path else ""
        router.add_api_route(
            path,
            metadata,
            methods=["GET"],
            summary=f"A model's tensors {of_version}".strip(),
            responses=responses(404, 422, 503),
        )
        router.add_api_route(
            f"{path}/ready",
            ready,
            methods=["GET"],
            summary=f"Whether a model can be asked {of_version}".strip(),
            responses={**state_responses("ready"), **responses(404, 422)},
        )
        router.add_api_route(
            f"{path}/infer",
            infer,
            methods=["POST"],
            summary=f"Predictions {of_version}".strip(),
            **described(tensors.REQUEST, tensors.RESPONSE),
        )
    return router


def _versioned(service: Service, request: Request) -> ServedModel:
    name, version = request.path_params["model"], request.path_params.get("version")
    model = service.model(name)
    if version is not None and version != model.info.version:
        raise Problem(
            "unknown_model",
            f"the model {name!r:.80} is not served in the version {version!r:.80}",
            hint=f"there is: {model.info.version}",
        )
    return model


def _metadata(info: ModelInfo) -> dict[str, Any]:
    form = FORMS.get(info.task, _OTHER)
    inputs = [*form.required, *form.optional, "record"]
    return {
        "name": info.name,
        "versions": [info.version],
        "platform": f"encodery_{info.engine}",
        "inputs": [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in inputs],
        "outputs": [tensors.described_output(name, info.hidden_size) for name in form.outputs],
    }


def _records(given: Mapping[str, Sequence[str]], form: Form, service: Service) -> Records:
    """The n-th record has the n-th text of each tensor; the field of a problem is the first tensor's."""
    (count,) = {len(texts) for texts in given.values()}
    limits.check_count(count, service.settings, "/inputs/0/data")
    if "record" in given:
        if len(given) > 1:
            raise Problem("invalid_input", "the tensor record stands alone", field="/inputs")
        depth, share = service.settings.max_depth, max(16, service.settings.max_containers // count)
        items = [limits.parse_json(text.encode(), depth, share) for text in given["record"]]
    else:
        limits.check_keys(given, (*form.required, *form.optional, "record"), "/inputs")
        if missing := [name for name in form.required if name not in given]:
            raise Problem("invalid_input", f"the tensor {missing[0]!r} is missing", field="/inputs")
        items = [dict(zip(given, texts, strict=True)) for texts in zip(*given.values(), strict=True)]
    return limits.read_records(items, service.settings, "/inputs/0/data")


def _answered(id_: Any, model: ServedModel, answer: Answer, wanted: Sequence[str]) -> bytes:
    head = {"model_name": model.info.name, "model_version": answer.version}
    if isinstance(id_, str):
        head["id"] = id_
    outputs = [tensors.output(name, answer.predictions) for name in wanted]
    return orjson.dumps({**head, "outputs": outputs})


def _json(value: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
