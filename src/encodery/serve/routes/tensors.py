"""Tensors of the Open Inference Protocol as JSON: texts in, and what of predictions fits into a tensor out."""

from collections.abc import Mapping, Sequence
from itertools import chain
from math import prod
from typing import Any

import orjson

from encodery.serve.limits import check_keys
from encodery.serve.problems import Problem

_TENSOR_KEYS = ("name", "shape", "datatype", "data", "parameters")
_TYPES = {"prediction": "BYTES", "label": "BYTES", "translation": "BYTES", "score": "FP32", "embedding": "FP32"}
_TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype", "data"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1, "maxItems": 2},
        "datatype": {"const": "BYTES"},
        "data": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "parameters": {"type": "object"},
    },
}
REQUEST = {
    "title": "inference request",
    "type": "object",
    "required": ["inputs"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string"},
        "inputs": {"type": "array", "items": _TENSOR, "minItems": 1},
        "outputs": {
            "type": "array",
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"enum": [*_TYPES]}}},
        },
        "parameters": {"type": "object"},
    },
    "example": {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["A fine day"]}]},
}
RESPONSE = {
    "title": "inference response",
    "type": "object",
    "required": ["model_name", "model_version", "outputs"],
    "properties": {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "outputs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "shape", "datatype", "data"],
                "properties": {
                    "name": {"type": "string"},
                    "shape": {"type": "array", "items": {"type": "integer"}},
                    "datatype": {"type": "string"},
                    "data": {"type": "array"},
                },
            },
        },
    },
}


def read_inputs(given: Any) -> dict[str, list[str]]:
    """The texts of each tensor by its name; all of one length.

    Raises:
        Problem: a tensor is not of BYTES, its data are no texts or not of its shape, a name stands twice.
    """
    if not isinstance(given, list) or not given:
        raise Problem("invalid_input", "a list of tensors is needed", field="/inputs")
    found: dict[str, list[str]] = {}
    for number, tensor in enumerate(given):
        field = f"/inputs/{number}"
        name, texts = _read_tensor(tensor, field)
        if name in found:
            raise Problem("invalid_input", f"the tensor {name!r:.80} stands twice", field=f"{field}/name")
        found[name] = texts
    if len({len(texts) for texts in found.values()}) > 1:
        raise Problem("invalid_input", "the tensors have different lengths", field="/inputs")
    return found


def _read_tensor(tensor: Any, field: str) -> tuple[str, list[str]]:
    if not isinstance(tensor, dict):
        raise Problem("invalid_input", "a tensor is an object", field=field)
    check_keys(tensor, _TENSOR_KEYS, field)
    name, data = tensor.get("name"), tensor.get("data")
    shape: Any = tensor.get("shape")
    if not isinstance(name, str):
        raise Problem("invalid_input", "a tensor has a name", field=f"{field}/name")
    if tensor.get("datatype") != "BYTES":
        raise Problem(
            "invalid_input", "texts are needed: the datatype BYTES", field=f"{field}/datatype", limit="BYTES"
        )
    if not isinstance(data, list):
        raise Problem("invalid_input", "a tensor has data, a list", field=f"{field}/data")
    if data and all(isinstance(row, list) for row in data):
        data = [*chain.from_iterable(data)]
    if not all(isinstance(text, str) for text in data):
        raise Problem("invalid_input", "the data of BYTES are texts", field=f"{field}/data")
    is_shape = isinstance(shape, list) and 1 <= len(shape) <= 2 and all(type(size) is int for size in shape)
    if not is_shape or (len(shape) == 2 and shape[1] != 1) or prod(shape) != len(data):
        raise Problem(
            "invalid_input",
            f"the shape is not that of {len(data)} texts",
            field=f"{field}/shape",
            hint=f"write [{len(data)}]",
        )
    return name, data


def read_outputs(given: Any, known: Sequence[str]) -> Sequence[str]:
    """The names of the tensors that are wanted; all if not said.

    Raises:
        Problem: one that there is not.
    """
    if given is None or given == []:
        return known
    if not isinstance(given, list):
        raise Problem("invalid_input", "a list of tensors is needed", field="/outputs")
    for number, tensor in enumerate(given):
        if not isinstance(tensor, dict) or tensor.get("name") not in known:
            raise Problem(
                "invalid_input",
                "there is no such output",
                field=f"/outputs/{number}/name",
                hint=f"there is: {', '.join(known)}",
            )
    return list(dict.fromkeys(tensor["name"] for tensor in given))


def described_output(name: str, hidden_size: int) -> dict[str, Any]:
    """An output as the metadata of a model tell of it."""
    return {"name": name, "datatype": _TYPES[name], "shape": [-1, hidden_size] if name == "embedding" else [-1]}


def output(name: str, predictions: Sequence[bytes]) -> dict[str, Any]:
    """A tensor of what is wanted of predictions."""
    count = len(predictions)
    if name == "prediction":
        data: list[Any] = [bytes(prediction).decode() for prediction in predictions]
        return _tensor(name, [count], data)
    values = [_value(orjson.loads(prediction), name) for prediction in predictions]
    if name == "embedding":
        return _tensor(name, [count, len(values[0])], [*chain.from_iterable(values)])
    return _tensor(name, [count], values)


def _value(prediction: Mapping[str, Any], name: str) -> Any:
    """Several labels are a JSON document, and their score is the least; a number as the label is its text."""
    value = prediction[name]
    if name == "label" and not isinstance(value, str):
        return orjson.dumps(value).decode()
    if name == "score" and isinstance(value, list):
        return min(value, default=0.0)
    return value


def _tensor(name: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": _TYPES[name], "shape": shape, "data": data}
