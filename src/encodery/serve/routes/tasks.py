"""`POST /v1/TASK`: records in the form of the task, predictions as `encodery predict` prints them."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from encodery.serve import limits
from encodery.serve.answers import Answer
from encodery.serve.routes import forms
from encodery.serve.routes.description import PlainRoute, described
from encodery.serve.service import Service

_ALLOWED = ("inputs", "model")


def task_routes(service: Service) -> APIRouter:
    """A route for each task."""
    router = APIRouter(tags=["tasks"], route_class=PlainRoute)
    for task, form in forms.TASKS.items():
        router.add_api_route(
            f"/v1/{task}",
            _endpoint(service, task),
            methods=["POST"],
            name=task,
            summary=form.summary,
            **described(form.request(task, service.settings.max_inputs), form.response()),
        )
    return router


def _endpoint(service: Service, task: str) -> Callable[[Request], Awaitable[Response]]:
    async def predict(request: Request) -> Response:
        body = await limits.read_json(request, service.settings)
        limits.check_keys(body, _ALLOWED)
        records = limits.read_records(body.get("inputs"), service.settings)
        model = service.model_for(task, limits.read_name(body))
        answer = await service.ask(request, model, records, "embed" if task == "feature-extraction" else "predict")
        return Response(joined(answer, records.is_list), media_type="application/json")

    return predict


def joined(answer: Answer, is_list: bool) -> bytes:
    """The predictions as one JSON document."""
    predictions = answer.predictions
    return b"[" + b",".join(predictions) + b"]" if is_list else bytes(predictions[0])
