"""What the OpenAPI file allows, and much that it does not: no answer is a fault or one that it does not describe."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
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
from tests.serve.processes import process

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


def fuzz(
    operation: Any,
    mode: GenerationMode,
    examples: int,
    names: Iterable[str] = (*one_of_each(), "größer"),
    base_url: str | None = None,
) -> Counter[int]:
    """Send so many cases of an operation; how many answers of each status there were.

    Names are drawn from what there is: of letters drawn at random none is a model's.
    """
    statuses: Counter[int] = Counter()

    @given(operation.as_strategy(mode), st.sampled_from([*names]), st.sampled_from([VERSION, "0"]))
    @settings(
        max_examples=examples,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    def send(case: Any, model: str, version: str) -> None:
        known = {"model": model, "version": version}
        case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
        if base_url is not None:  # a model that computes may miss a deadline of milliseconds: 504, as it should
            case.headers.pop("X-Request-Deadline-Ms", None)
        response = case.call(base_url=base_url, headers={} if base_url else HOST)
        statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    send()
    return statuses


def flat(routes: Iterable[Any]) -> Iterator[Any]:
    """Routes, and those of routers among them."""
    for route in routes:
        yield route
        yield from flat(getattr(route, "routes", None) or ())


def takes_input(operation: Any) -> bool:
    return bool(operation.body or operation.path_parameters or operation.headers)


def test_every_route_is_described(app: FastAPI, operations: list[Any]) -> None:
    described = {(operation.method.upper(), operation.path) for operation in operations}
    hidden = {"/", "/openapi.json", "/docs"}  # the page and the description itself
    served = {
        (method, path)
        for route in flat(app.routes)
        for method in getattr(route, "methods", None) or ()
        if (path := getattr(route, "path", "")) not in hidden and not path.startswith("/static") and method != "HEAD"
    }
    assert served == described


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_answer_is_a_fault_or_undescribed(operations: list[Any], mode: GenerationMode) -> None:
    asked = [operation for operation in operations if mode == GenerationMode.POSITIVE or takes_input(operation)]
    statuses = sum((fuzz(operation, mode, 5) for operation in asked), Counter())
    assert {200, 422} <= statuses.keys() if mode == GenerationMode.POSITIVE else statuses[422] > 10


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_answer_is_a_fault_or_undescribed_at_length(operations: list[Any], mode: GenerationMode) -> None:
    asked = [operation for operation in operations if takes_input(operation)]
    assert sum(itertools.chain.from_iterable(fuzz(operation, mode, 300).values() for operation in asked)) > 2000


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_a_model_that_computes(model_folder: Path, mode: GenerationMode) -> None:
    """What is drawn as a text goes through tokenizer, worker and engine."""
    with process("-m", "encodery", "serve", f"mood={model_folder}", "--port", "0") as server:
        server.until("ready")
        schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
        statuses: Counter[int] = Counter()
        for found in schema.get_all_operations():
            if takes_input(operation := found.ok()):
                statuses += fuzz(operation, mode, 60, ("mood", "none"), server.url)
        assert statuses[200 if mode == GenerationMode.POSITIVE else 422] > 100
