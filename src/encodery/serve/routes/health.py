"""Whether the server lives, whether it should be sent requests, and what Prometheus reads."""

import orjson
from fastapi import APIRouter, Request, Response

from encodery.serve.problems import STATUSES
from encodery.serve.routes.description import PlainRoute, responses
from encodery.serve.service import Service

_STATE = {"application/json": {"schema": {"type": "object", "additionalProperties": {"type": "boolean"}}}}


def health_routes(service: Service) -> APIRouter:
    """Health in our own words and in those of the Open Inference Protocol, and the metrics."""
    router = APIRouter(tags=["health"], route_class=PlainRoute)

    async def live(request: Request) -> Response:
        return state("live", True)

    async def ready(request: Request) -> Response:
        return state("ready", service.is_ready)

    async def metrics(request: Request) -> Response:
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    for prefix in ("", "/v2"):
        for name, endpoint, summary in (
            ("live", live, "Whether the server answers at all"),
            ("ready", ready, "Whether it should be sent requests: all models answer, and it is not shutting down"),
        ):
            router.add_api_route(
                f"{prefix}/health/{name}",
                endpoint,
                methods=["GET"],
                summary=summary,
                responses=state_responses(name),
            )
    router.add_api_route(
        "/metrics",
        metrics,
        methods=["GET"],
        summary="Counts and times, for Prometheus",
        responses={200: {"description": "the metrics", "content": {"text/plain": {}}}, **responses()},
        response_class=Response,
    )
    return router


def state(name: str, is_so: bool) -> Response:
    """200 where it is so, else 503 and when to ask again."""
    status, headers = (200, None) if is_so else (503, {"retry-after": "1"})
    return Response(orjson.dumps({name: is_so}), status, headers, "application/json")


def state_responses(name: str) -> dict[int | str, dict[str, object]]:
    """How the route of a state is described."""
    described = {**responses(), 200: {"description": f"{name}: true", "content": _STATE}}
    return described if name == "live" else described | {503: {"description": STATUSES[503], "content": _STATE}}
