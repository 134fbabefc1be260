"""A client of the Open Inference Protocol v2 that knows the specification and nothing of this server.

The schemas are those of the specification's REST part (`open-inference-protocol`, `inference_rest.md`), which allows
more keys in no object. `tritonclient` is asked, too, where it is installed.
"""

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import httpx
import jsonschema
import numpy as np
import pytest

from tests.serve.fakes import VERSION, one_of_each, service_of
from tests.serve.live import listening

KEY = "a-key-of-the-protocols-client"
NAME, SHAPE, PARAMETERS = {"type": "string"}, {"type": "array", "items": {"type": "integer"}}, {"type": "object"}
DATATYPES = ["BOOL", *(f"{kind}{size}" for kind in ("UINT", "INT") for size in (8, 16, 32, 64))]
DATATYPE = {"enum": [*DATATYPES, "FP16", "FP32", "FP64", "BYTES"]}


def schema(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    properties = {**required, **(optional or {})}
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


METADATA_TENSOR = schema({"name": NAME, "datatype": DATATYPE, "shape": SHAPE})
SERVER = schema({"name": NAME, "version": NAME, "extensions": {"type": "array", "items": NAME}})
MODEL = schema(
    {
        "name": NAME,
        "platform": NAME,
        "inputs": {"type": "array", "items": METADATA_TENSOR},
        "outputs": {"type": "array", "items": METADATA_TENSOR},
    },
    {"versions": {"type": "array", "items": NAME}},
)
TENSOR = schema(
    {"name": NAME, "shape": SHAPE, "datatype": DATATYPE, "data": {"type": "array"}}, {"parameters": PARAMETERS}
)
RESPONSE = schema(
    {"model_name": NAME, "outputs": {"type": "array", "items": TENSOR}},
    {"model_version": NAME, "id": NAME, "parameters": PARAMETERS},
)
TEXTS = ["A fine day", 'größer\n"quoted" 🙂', "x"]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with listening(service_of(one_of_each(), keys=KEY, port=0)) as url:
        yield url


@pytest.fixture
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {KEY}"}) as client:
        yield client


def got(http: httpx.Client, path: str, described: Mapping[str, Any]) -> Any:
    answer = http.get(path)
    assert answer.status_code == 200
    jsonschema.validate(answer.json(), described)
    return answer.json()


def fits(shape: list[int], described: list[int]) -> bool:
    """-1 stands for any size."""
    return len(shape) == len(described) and all(
        theirs in (-1, ours) for ours, theirs in zip(shape, described, strict=True)
    )


def test_health(http: httpx.Client) -> None:
    assert http.get("/v2/health/live", headers={"Authorization": ""}).status_code == 200
    assert http.get("/v2/health/ready", headers={"Authorization": ""}).status_code == 200
    assert http.get("/v2/models/fill-mask/ready").status_code == 200
    assert http.get(f"/v2/models/fill-mask/versions/{VERSION}/ready").status_code == 200


def test_the_server_tells_of_itself(http: httpx.Client) -> None:
    assert got(http, "/v2", SERVER)["name"] == "encodery"


@pytest.mark.parametrize("version", ["", f"/versions/{VERSION}"])
@pytest.mark.parametrize("name", [*one_of_each()])
def test_predictions_from_what_a_model_tells_of_itself(http: httpx.Client, name: str, version: str) -> None:
    about = got(http, f"/v2/models/{name}{version}", MODEL)
    assert about["versions"] == [VERSION]
    needed = [tensor for tensor in about["inputs"] if tensor["name"] in ("text", "question", "context")]
    asked = needed or [tensor for tensor in about["inputs"] if tensor["name"] == "record"]
    data = TEXTS if needed else ['{"text": "a", "choices": ["b", "c"]}'] * 3
    request = {
        "id": "7",
        "inputs": [
            {"name": tensor["name"], "shape": [3], "datatype": tensor["datatype"], "data": data} for tensor in asked
        ],
        "outputs": [{"name": tensor["name"]} for tensor in about["outputs"]],
    }
    answer = http.post(f"/v2/models/{name}{version}/infer", json=request)
    assert answer.status_code == 200
    jsonschema.validate(answer.json(), RESPONSE)
    found = answer.json()
    assert (found["model_name"], found["model_version"], found["id"]) == (name, VERSION, "7")
    described = {tensor["name"]: tensor for tensor in about["outputs"]}
    assert {tensor["name"] for tensor in found["outputs"]} == described.keys()
    for tensor in found["outputs"]:
        theirs = described[tensor["name"]]
        assert tensor["datatype"] == theirs["datatype"]
        assert fits(tensor["shape"], theirs["shape"])
        assert tensor["shape"][0] == 3
        assert len(tensor["data"]) == prod(tensor["shape"])
        assert all(isinstance(value, str if tensor["datatype"] == "BYTES" else float) for value in tensor["data"])


def test_all_outputs_come_where_none_is_named(http: httpx.Client) -> None:
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"]}
    found = http.post("/v2/models/text-classification/infer", json={"inputs": [tensor]}).json()
    outputs = {tensor["name"]: tensor["data"] for tensor in found["outputs"]}
    assert outputs.keys() == {"prediction", "label", "score"}
    assert (outputs["label"], outputs["score"]) == (["größer"], [0.75])
    assert "id" not in found


@pytest.mark.parametrize(
    ("path", "change", "status"),
    [
        ("/v2/models/nobody/infer", {}, 404),
        ("/v2/models/fill-mask/versions/7/infer", {}, 404),
        ("/v2/models/fill-mask/infer", {"datatype": "FP32"}, 422),
        ("/v2/models/fill-mask/infer", {"shape": [2]}, 422),
        ("/v2/models/fill-mask/infer", {"name": "INPUT0"}, 422),
    ],
)
def test_an_error_has_the_key_of_the_specification(
    http: httpx.Client, path: str, change: Mapping[str, Any], status: int
) -> None:
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"], **change}
    answer = http.post(path, json={"inputs": [tensor]})
    assert answer.status_code == status
    assert isinstance(answer.json()["error"], str)


@pytest.mark.filterwarnings("default")
def test_the_client_of_triton(address: str) -> None:
    triton = pytest.importorskip(
        "tritonclient.http", reason="pip install tritonclient geventhttpclient python-rapidjson"
    )
    client = triton.InferenceServerClient(address.removeprefix("http://"))
    headers = {"Authorization": f"Bearer {KEY}"}
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("feature-extraction", headers=headers)
    assert client.get_model_metadata("feature-extraction", headers=headers)["versions"] == [VERSION]
    tensor = triton.InferInput("text", [3], "BYTES")
    tensor.set_data_from_numpy(np.array(TEXTS, object), binary_data=False)
    wanted = [triton.InferRequestedOutput("embedding", binary_data=False)]
    typed = {**headers, "Content-Type": "application/json"}  # which it does not say by itself
    answer = client.infer("feature-extraction", [tensor], outputs=wanted, headers=typed)
    assert answer.as_numpy("embedding").tolist() == [[0.5, -1.0, 2.0]] * 3
    with pytest.raises(triton.InferenceServerException, match="no model 'nobody'"):
        client.get_model_metadata("nobody", headers=headers)
