"""Alive is not ready."""

import pytest

from tests.serve.fakes import call, one_of_each, service_of


@pytest.mark.parametrize("prefix", ["", "/v2"])
def test_a_server_that_is_ready(prefix: str) -> None:
    service = service_of()
    assert call(service, "GET", f"{prefix}/health/live").json == {"live": True}
    assert call(service, "GET", f"{prefix}/health/ready").json == {"ready": True}


@pytest.mark.parametrize("prefix", ["", "/v2"])
@pytest.mark.parametrize("why", ["draining", "one is not", "none there", "one is loading"])
def test_a_server_that_is_not(prefix: str, why: str) -> None:
    models = one_of_each()
    models["fill-mask"].is_ready = why != "one is not"
    service = service_of({} if why == "none there" else models)
    service.is_draining = why == "draining"
    service.loading |= {"another"} if why == "one is loading" else set()
    assert call(service, "GET", f"{prefix}/health/live").status == 200
    reply = call(service, "GET", f"{prefix}/health/ready")
    assert (reply.status, reply.json, reply.headers["retry-after"]) == (503, {"ready": False}, "1")


def test_what_drains_closes_connections() -> None:
    service = service_of()
    assert "connection" not in call(service, "GET", "/health/live").headers
    service.is_draining = True
    assert call(service, "GET", "/health/live").headers["connection"] == "close"


def test_metrics_are_text() -> None:
    reply = call(service_of(), "GET", "/metrics")
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b'enc_model_ready{model="fill-mask"} 1.0\n' in reply.body
