"""Few labels, none of them a caller's word."""

from prometheus_client.parser import text_string_to_metric_families

from encodery.serve.app import create_app
from encodery.serve.service import Service
from tests.serve.fakes import VERSION, FakeModel, call, service_of


def figures(service: Service) -> dict[tuple[str, ...], float]:
    """Samples by name and labels."""
    text = service.metrics.text().decode()
    return {
        (sample.name, *(f"{key}={value}" for key, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_what_is_counted() -> None:
    service = service_of({"m": FakeModel("m", "fill-mask")})
    for inputs in ("a", ["a", "b"], 3):
        call(service, "POST", "/v1/fill-mask", {"inputs": inputs})
    found = figures(service)
    model = ("model=m", "task=fill-mask")
    assert found["enc_inputs_total", *model] == 3
    assert found["enc_tokens_total", *model] == 21
    assert found["enc_inputs_truncated_total", *model] == 2
    assert found["enc_infer_seconds_count", *model] == 2
    assert round(found["enc_infer_seconds_sum", *model], 6) == 0.026
    assert found["enc_requests_in_progress", *model] == 0
    assert found["enc_rejected_total", "reason=invalid_input"] == 1
    assert found["enc_rejected_total", "reason=overloaded"] == 0
    route = ("method=POST", "route=/v1/fill-mask")
    assert found["http_server_request_duration_seconds_count", *route, "status=200"] == 2
    assert found["http_server_request_duration_seconds_count", *route, "status=422"] == 1


def test_models() -> None:
    models = {"a": FakeModel("a", "fill-mask"), "b": FakeModel("b", "fill-mask")}
    models["b"].is_ready = False
    found = figures(service_of(models))
    about = ("dtype=fp32", "engine=torch", "model=a", "task=fill-mask", f"version={VERSION}")
    assert found["enc_model_info", *about] == 1
    assert (found["enc_model_ready", "model=a"], found["enc_model_ready", "model=b"]) == (1, 0)


def test_a_model_that_is_being_loaded_is_not_ready() -> None:
    """A first start that hangs must reach an alarm for `enc_model_ready == 0`."""
    service = service_of({"a": FakeModel("a", "fill-mask")})
    service.loading.add("b")
    found = figures(service)
    assert (found["enc_model_ready", "model=a"], found["enc_model_ready", "model=b"]) == (1, 0)
    service.loading.discard("b")
    assert ("enc_model_ready", "model=b") not in figures(service)


def test_callers_make_no_labels() -> None:
    service = service_of()
    before = len(figures(service))
    app = create_app(service)
    for number in range(7):
        call(app, "POST", "/v1/fill-mask", {"inputs": "a", "model": f"model-{number}"})
        call(app, "GET", f"/path-{number}", None, {"host": f"localhost:{number + 1}"})
        call(app, f"METHOD{number}", "/v1/models")
        call(app, "GET", f"/v1/models/model-{number}")
    found = figures(service)
    assert not any("-3" in label or "METHOD" in label for key in found for label in key)
    assert len(found) - before < 100
