"""The Open Inference Protocol v2, as its specification has it."""

import json
from typing import Any

import pytest

from tests.serve.fakes import PREDICTIONS, VERSION, FakeModel, ask, call, one_of_each, service_of


def tensor(name: str, *given: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "shape": [len(given)], "datatype": "BYTES", "data": [*given], **more}


def infer(task: str, *inputs: dict[str, Any], **more: Any) -> Any:
    return ask(service_of(), f"/v2/models/{task}/infer", {"inputs": [*inputs], **more})


def test_the_server() -> None:
    told = call(service_of(), "GET", "/v2").json
    assert told["name"] == "encodery"
    assert told["extensions"] == []


@pytest.mark.parametrize(
    "path", ["/v2/models/feature-extraction", f"/v2/models/feature-extraction/versions/{VERSION}"]
)
def test_a_model(path: str) -> None:
    assert call(service_of(), "GET", path).json == {
        "name": "feature-extraction",
        "versions": [VERSION],
        "platform": "encodery_torch",
        "inputs": [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in ("text", "language", "record")],
        "outputs": [{"name": "embedding", "datatype": "FP32", "shape": [-1, 3]}],
    }
    assert call(service_of(), "GET", f"{path}/ready").json == {"ready": True}


def test_readiness_of_a_model() -> None:
    models = one_of_each()
    models["fill-mask"].is_ready = False
    reply = call(service_of(models), "GET", "/v2/models/fill-mask/ready")
    assert (reply.status, reply.json) == (503, {"ready": False})


def test_labels_scores_and_documents() -> None:
    reply = infer("text-classification", tensor("text", "a", "b"), tensor("text_pair", "c", "d"), id="7")
    prediction = json.dumps(PREDICTIONS["text-classification"], ensure_ascii=False)
    assert reply.json == {
        "model_name": "text-classification",
        "model_version": VERSION,
        "id": "7",
        "outputs": [
            {"name": "prediction", "datatype": "BYTES", "shape": [2], "data": [prediction] * 2},
            {"name": "label", "datatype": "BYTES", "shape": [2], "data": ["größer"] * 2},
            {"name": "score", "datatype": "FP32", "shape": [2], "data": [0.75] * 2},
        ],
    }


def test_the_wanted_outputs_alone() -> None:
    outputs = infer("text-classification", tensor("text", "a"), outputs=[{"name": "score"}]).json["outputs"]
    assert outputs == [{"name": "score", "datatype": "FP32", "shape": [1], "data": [0.75]}]


def test_vectors() -> None:
    (output,) = infer("feature-extraction", tensor("text", "a", "b")).json["outputs"]
    assert output == {"name": "embedding", "datatype": "FP32", "shape": [2, 3], "data": [0.5, -1.0, 2.0] * 2}


def test_several_labels_and_numbers() -> None:
    from encodery.serve.routes.tensors import output

    many = b'{"label": ["a", "b"], "score": [0.75, 0.5], "scores": {}}', b'{"label": [], "score": [], "scores": {}}'
    number = b'{"label": 3.5, "score": 3.5, "scores": {}}'
    assert output("label", [*many, number])["data"] == ['["a","b"]', "[]", "3.5"]
    assert output("score", [*many, number])["data"] == [0.5, 0.0, 3.5]


def test_records_are_rows_of_tensors() -> None:
    models = one_of_each()
    service = service_of(models)
    inputs = [tensor("question", "q", "r"), tensor("context", "c", "d", shape=[2, 1])]
    assert ask(service, "/v2/models/question-answering/infer", {"inputs": inputs}).status == 200
    rows = [{"question": "q", "context": "c"}, {"question": "r", "context": "d"}]
    assert models["question-answering"].asked[0][:2] == (rows, "predict")


def test_translations_have_a_tensor_for_each_language() -> None:
    models = one_of_each()
    inputs = [tensor("text", "a", "b"), tensor("source_language", "en", "de"), tensor("target_language", "de", "en")]
    reply = ask(service_of(models), "/v2/models/translation/infer", {"inputs": inputs})
    assert models["translation"].asked[0][0][1] == {"text": "b", "source_language": "de", "target_language": "en"}
    found = {output["name"]: output["data"] for output in reply.json["outputs"]}
    assert found["translation"] == ["Größe"] * 2
    assert found["score"] == [0.5, 0.5]
    assert json.loads(found["prediction"][0]) == {"translation": "Größe", "score": 0.5}


def test_whole_records() -> None:
    models = one_of_each()
    record = {"text": "a", "choices": ["b", "c"]}
    body = {"inputs": [tensor("record", json.dumps(record))]}
    assert ask(service_of(models), "/v2/models/multiple-choice/infer", body).status == 200
    assert models["multiple-choice"].asked[0][0] == [record]


@pytest.mark.parametrize("path", ["", "/ready", "/infer"])
@pytest.mark.parametrize("model", ["nobody", f"nobody/versions/{VERSION}", "fill-mask/versions/1"])
def test_what_is_not_there(model: str, path: str) -> None:
    body = {"inputs": [tensor("text", "a")]} if path == "/infer" else None
    reply = call(service_of(), "POST" if body else "GET", f"/v2/models/{model}{path}", body)
    assert (reply.status, reply.json["code"]) == (404, "unknown_model")
    assert reply.json["error"] == reply.json["message"]  # where clients of this protocol look


@pytest.mark.parametrize(
    ("inputs", "field", "message"),
    [
        (None, "/inputs", "a list of tensors is needed"),
        ([], "/inputs", "a list of tensors is needed"),
        (["a"], "/inputs/0", "a tensor is an object"),
        ([tensor("text", "a", extra=1)], "/inputs/0/extra", "unknown key 'extra'"),
        ([{**tensor("text", "a"), "name": 3}], "/inputs/0/name", "a tensor has a name"),
        ([tensor("text", "a", datatype="FP32")], "/inputs/0/datatype", "texts are needed: the datatype BYTES"),
        ([tensor("text", "a", data="a")], "/inputs/0/data", "a tensor has data, a list"),
        ([tensor("text", 3)], "/inputs/0/data", "the data of BYTES are texts"),
        ([tensor("text", "a", shape=[2])], "/inputs/0/shape", "the shape is not that of 1 texts"),
        ([tensor("text", "a", "b", shape=[1, 2])], "/inputs/0/shape", "the shape is not that of 2 texts"),
        ([tensor("text", "a", shape=[True])], "/inputs/0/shape", "the shape is not that of 1 texts"),
        ([tensor("text", "a", shape=[-1, -1])], "/inputs/0/shape", "the shape is not that of 1 texts"),
        ([tensor("text", "a", shape=None)], "/inputs/0/shape", "the shape is not that of 1 texts"),
        ([tensor("text")], "/inputs/0/data", "the list is empty; at least one record is needed"),
        ([tensor("text", "a"), tensor("text", "b")], "/inputs/1/name", "the tensor 'text' stands twice"),
        ([tensor("text", "a"), tensor("language", "b", "c")], "/inputs", "the tensors have different lengths"),
        ([tensor("language", "a")], "/inputs", "the tensor 'text' is missing"),
        ([tensor("context", "a")], "/inputs/context", "unknown key 'context'"),
        ([tensor("text", "a"), tensor("record", "{}")], "/inputs", "the tensor record stands alone"),
        ([tensor("record", "[]")], "/inputs/0/data/0", "a record is a text or an object"),
    ],
)
def test_what_are_no_tensors(inputs: Any, field: str, message: str) -> None:
    reply = ask(service_of(), "/v2/models/fill-mask/infer", {"inputs": inputs})
    assert (reply.status, reply.json["field"], reply.json["message"]) == (422, field, message)


def test_a_record_that_is_not_json() -> None:
    reply = infer("fill-mask", tensor("record", "{"))
    assert (reply.status, reply.json["code"]) == (400, "bad_json")


@pytest.mark.parametrize("outputs", ["a", [3], [{"name": "nothing"}], [{}]])
def test_what_are_no_outputs(outputs: Any) -> None:
    assert infer("fill-mask", tensor("text", "a"), outputs=outputs).status == 422


def test_vectors_of_another_task_are_not_confused() -> None:
    models = {"a": FakeModel("a", "token-classification", embeds=True)}
    assert ask(service_of(models), "/v2/models/a/infer", {"inputs": [tensor("text", "x")]}).status == 200
    assert models["a"].asked[0][1] == "predict"
