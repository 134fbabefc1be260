"""The HTTP side of the server as one ASGI application."""

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from encodery import __version__
from encodery.serve.auth import Guard
from encodery.serve.exchange import Exchanges, exchange_of
from encodery.serve.page import page_router
from encodery.serve.problems import Problem
from encodery.serve.routes.docs import docs_routes
from encodery.serve.routes.health import health_routes
from encodery.serve.routes.inference import inference_routes
from encodery.serve.routes.openai import openai_routes
from encodery.serve.routes.tasks import task_routes
from encodery.serve.service import Service

DESCRIPTION = """Encoder models by HTTP: predictions in the form of their task, embeddings as the OpenAI API has \
them, and the Open Inference Protocol v2.

Every path but those of health needs a key: the header `Authorization: Bearer KEY`. Bodies are JSON in UTF-8, plain \
or with `Content-Encoding: gzip`. `start` and `end` are characters (code points) of the text as given.

Every error has the body `{code, message, field, limit, hint, request_id}`. The headers `X-Request-Id` and \
`traceparent` come back as they were sent; `Server-Timing` says how long each phase took."""
_CODES = {404: "not_found", 405: "method_not_allowed"}
_CALLER = (
    "authorization",
    "content-type",
    "content-encoding",
    "traceparent",
    "x-request-id",
    "x-request-deadline-ms",
)
_SHOWN = ("retry-after", "server-timing", "traceparent", "x-model-version", "x-request-id")


def create_app(service: Service) -> FastAPI:
    """The application that serves the models of `service`. It starts and stops nothing."""
    app = FastAPI(
        title="Encodery",
        version=__version__,
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    made = [routes(service) for routes in (task_routes, openai_routes, inference_routes, health_routes)]
    for router in (*made, docs_routes(app), page_router()):
        app.router.routes.extend(router.routes)  # flat: `include_router` would look into each in turn
    app.add_exception_handler(Problem, _refuse)
    app.add_exception_handler(HTTPException, _refuse_path)
    _add_doors(app, service)
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]
    return app


def _add_doors(app: FastAPI, service: Service) -> None:
    """What a request passes before its route, the outermost added last."""
    settings = service.settings
    any_host = settings.no_keys or not settings.is_local
    app.add_middleware(Guard, keys=service.keys, open_paths=settings.open_paths, any_host=any_host)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=("GET", "POST"),
            allow_headers=_CALLER,
            expose_headers=_SHOWN,
        )
    app.add_middleware(Exchanges, is_draining=lambda: service.is_draining, over=service.over)


async def _refuse(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    exchange = exchange_of(request.scope)
    exchange.code = problem.code
    # clients of the Open Inference Protocol read the key `error`
    more = {"error": problem.message} if request.scope["path"].startswith("/v2") else None
    return problem.response(exchange.request_id, more)


async def _refuse_path(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "bad_request")
    said = "this path has other methods" if code == "method_not_allowed" else "there is no such path"
    response = await _refuse(request, Problem(code, said))
    response.headers.update(error.headers or {})
    return response


def _describe(app: FastAPI) -> dict[str, object]:
    """The OpenAPI description, made once, with the key that all but health need."""
    if app.openapi_schema is None:
        api = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemes = api.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes["key"] = {"type": "http", "scheme": "bearer"}
        api["security"] = [{"key": []}]
        for path, methods in api["paths"].items():
            if "/health/" in path:
                for operation in methods.values():
                    operation["security"] = []
        app.openapi_schema = api
    return app.openapi_schema
