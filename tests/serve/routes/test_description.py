"""The OpenAPI description says what happens: asked at random, nothing else does."""

import json
import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks

from encodery.serve.answers import NotReady, Overloaded
from encodery.serve.app import create_app
from encodery.serve.problems import KINDS
from encodery.serve.routes.description import ProblemBody
from tests.serve.fakes import PREDICTIONS, call, one_of_each, service_of

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
SERVICE = service_of(keys=KEY, max_characters=37)
schema = schemathesis.openapi.from_asgi(
    "/openapi.json", create_app(SERVICE), headers={"Authorization": f"Bearer {KEY}"}
)
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.response_headers_conformance,
]


@schema.parametrize()  # type: ignore[untyped-decorator]
@settings(max_examples=11, deadline=None, suppress_health_check=[*HealthCheck])
def test_every_answer_is_described(case: Any) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {KEY}"}, checks=CHECKS)


def test_every_route_but_the_page_is_described() -> None:
    app = create_app(SERVICE)
    described = set(app.openapi()["paths"])
    hidden = {"/", "/docs", "/openapi.json"}
    assert {route.path for route in app.routes if not route.path.startswith("/static/")} - hidden == described  # type: ignore[attr-defined]


def test_limits_that_were_set_are_described() -> None:
    paths = create_app(service_of(max_inputs=5)).openapi()["paths"]
    for path in ("/v1/fill-mask", "/v1/embeddings"):
        assert '"maxItems": 5' in json.dumps(paths[path]["post"]["requestBody"])


def test_all_but_health_need_a_key() -> None:
    api = create_app(SERVICE).openapi()
    assert api["security"] == [{"key": []}]
    for path, methods in api["paths"].items():
        for operation in methods.values():
            assert operation.get("security") == ([] if "/health/" in path else None)


def test_every_error_has_a_place_in_the_description() -> None:
    api = create_app(SERVICE).openapi()
    responses = api["paths"]["/v1/fill-mask"]["post"]["responses"]
    for code, kind in KINDS.items():
        if code != "method_not_allowed":  # of another method than the one described
            assert f"`{code}`" in responses[str(kind.status)]["description"]
        assert kind.hint
    assert set(ProblemBody.model_fields) == {"code", "message", "field", "limit", "hint", "request_id"}


@pytest.mark.parametrize("task", PREDICTIONS)
def test_the_example_of_each_body_is_answered(task: str) -> None:
    api = create_app(SERVICE).openapi()
    for path in (f"/v1/{task}", "/v1/embeddings"):
        body = api["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["example"]
        assert call(service_of(), "POST", path, body).status == 200


@pytest.mark.parametrize("refusal", [Overloaded("x", retry_after=1.5), NotReady("x")])
def test_refusals_are_described(refusal: Exception) -> None:
    models = one_of_each()
    models["fill-mask"].refusal = refusal
    reply = call(service_of(models), "POST", "/v1/fill-mask", {"inputs": "a"})
    responses = create_app(SERVICE).openapi()["paths"]["/v1/fill-mask"]["post"]["responses"]
    assert "Retry-After" in responses[str(reply.status)]["headers"]


def test_the_page_for_reading() -> None:
    reply = call(service_of(), "GET", "/docs")
    page = reply.body.decode()
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert not re.search(r"<script|<link|<img|@import|url\(|\son\w+=|style=|https?://(?!localhost)", page)
    for path in create_app(service_of()).openapi()["paths"]:
        assert f" {path}</code>" in page
