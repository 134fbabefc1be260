"""What the OpenAPI file allows, and much that it does not: no answer is a fault or one that it does not describe."""

import itertools
from collections import Counter
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.generation import GenerationMode

from encodery.serve.app import create_app
from tests.serve.fakes import VERSION, one_of_each, service_of

CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
HOST = {"host": "localhost"}


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(service_of())


@pytest.fixture(scope="module")
def operations(app: FastAPI) -> list[Any]:
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers=HOST)
    return [found.ok() for found in schema.get_all_operations()]


def fuzz(operation: Any, mode: GenerationMode, examples: int) -> Counter[int]:
    """Send so many cases of an operation; how many answers of each status there were."""
    statuses: Counter[int] = Counter()
    # names are drawn from what there is: of letters drawn at random none is a model's
    names = st.sampled_from([*one_of_each(), "größer"])

    @given(operation.as_strategy(mode), names, st.sampled_from([VERSION, "0"]))
    @settings(
        max_examples=examples,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    def send(case: Any, model: str, version: str) -> None:
        known = {"model": model, "version": version}
        case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
        response = case.call(headers=HOST)
        statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    send()
    return statuses


def takes_input(operation: Any) -> bool:
    return bool(operation.body or operation.path_parameters or operation.headers)


def test_every_route_is_described(app: FastAPI, operations: list[Any]) -> None:
    described = {(operation.method.upper(), operation.path) for operation in operations}
    hidden = {"/openapi.json", "/docs"}
    assert len(described) > 20
    for route in app.routes:
        path = getattr(route, "path", "")
        if getattr(route, "include_in_schema", False) and path not in hidden:
            assert {(method, path) for method in route.methods} <= described  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_answer_is_a_fault_or_undescribed(operations: list[Any], mode: GenerationMode) -> None:
    asked = [operation for operation in operations if mode == GenerationMode.POSITIVE or takes_input(operation)]
    statuses = sum((fuzz(operation, mode, 5) for operation in asked), Counter())
    assert {200, 422} <= statuses.keys() if mode == GenerationMode.POSITIVE else statuses[422] > 10


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_answer_is_a_fault_or_undescribed_at_length(operations: list[Any], mode: GenerationMode) -> None:
    asked = [operation for operation in operations if takes_input(operation)]
    assert sum(itertools.chain.from_iterable(fuzz(operation, mode, 1000).values() for operation in asked)) > 5000
