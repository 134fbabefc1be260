"""Int8 weights and activations for ONNX Runtime: weights by output channel, activations by the range of each call.

The range of a call is that of all texts in it, so what is said of a text depends a little on those beside it
(`Parity.packed_difference`); OpenVINO's ranges are fixed when it is calibrated.
"""

import contextlib
import logging
import math
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from encodery.cores import usable_cores
from encodery.deploy import onnx as onnx_engine
from encodery.deploy.graph import HIDDEN
from encodery.deploy.packed_engine import Inputs
from encodery.deploy.quantize import Hidden, rows_of_texts
from encodery.errors import UserError


class OnnxInt8:
    """`Quantised` by ONNX Runtime, judged by what the head reads in some calls."""

    def __init__(self, path: Path, judged: Sequence[Inputs]) -> None:
        """`path` is that of a graph of `onnx.save`.

        Raises:
            UserError: the package onnx is not installed.
        """
        self._judged = judged
        self._graph = _with_plain_products(path)

    @cached_property
    def costs(self) -> Mapping[str, float]:
        """As `Quantised`, for one row."""
        sizes = {tensor.name: math.prod(tensor.dims) for tensor in self._graph.graph.initializer}
        return {node.name: float(sizes[node.input[1]]) for node in _products(self._graph)}

    def hidden(self, kept: Collection[str]) -> Hidden:
        """As `Quantised`."""
        with tempfile.TemporaryDirectory() as folder:
            self.save(Path(folder), kept)
            return hidden_of(Path(folder) / onnx_engine.GRAPH, self._judged)

    def save(self, folder: Path, kept: Collection[str]) -> None:
        """As `Quantised`."""
        from onnxruntime.quantization import QuantType, quantize_dynamic

        with _quiet():
            quantize_dynamic(
                _copy(self._graph),
                folder / onnx_engine.GRAPH,
                op_types_to_quantize=["MatMul"],
                per_channel=True,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=[*kept],
            )


def hidden_of(path: Path, calls: Sequence[Inputs]) -> Hidden:
    """What the head of a graph reads over calls."""
    runtime = onnx_engine.import_onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    options.log_severity_level = 3
    session = runtime.InferenceSession(onnx_engine.with_hidden(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    wanted = HIDDEN if HIDDEN in names else names[0]
    parts = []
    for inputs in calls:
        (values,) = session.run([wanted], dict(inputs))
        parts.append(np.array(values[rows_of_texts(inputs, len(values))]))
    return np.concatenate(parts)


def _with_plain_products(path: Path) -> Any:
    """The graph with products of two matrices in the place of those that add a bias."""
    try:
        import onnx
        from onnxruntime.quantization.onnx_model import ONNXModel
    except ImportError:
        raise UserError(
            "int8 for onnxruntime needs the packages onnx and onnxruntime; pip install 'encodery[export]'"
        ) from None
    model = ONNXModel(onnx.load(path))
    model.replace_gemm_with_matmul()
    for node in model.model.graph.node:
        node.name = node.name.removesuffix("_MatMul")
    return model.model


def _products(graph: Any) -> Iterator[Any]:
    """Products with weights."""
    weights = {tensor.name for tensor in graph.graph.initializer}
    return (node for node in graph.graph.node if node.op_type == "MatMul" and node.input[1] in weights)


def _copy(graph: Any) -> Any:
    copied = type(graph)()
    copied.CopyFrom(graph)
    return copied


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """It recommends preparations on the root logger that a graph of ours does not need."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
