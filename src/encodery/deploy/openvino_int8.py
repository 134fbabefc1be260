"""Int8 weights and activations for OpenVINO, by NNCF.

NNCF measures the ranges of activations, moves what is hard about them into the weights (Xiao et al. 2023,
"SmoothQuant") and puts fake quantisation around every product. What it does not do, leaving single products out again
without another calibration, is done here on the graph; weights become int8 numbers only when it is saved.
"""

import contextlib
import io
import logging
import math
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from encodery.deploy import openvino
from encodery.deploy.graph import HIDDEN
from encodery.deploy.offline import no_telemetry
from encodery.deploy.openvino import import_openvino, with_hidden
from encodery.deploy.packed_engine import Inputs
from encodery.deploy.quantize import Hidden, mean_cosine, rows_of_texts
from encodery.errors import UserError

ALPHAS = (0.95, 0.85)
"""How much of the difficulty goes into the weights: NNCF's default, and less; what is best differs by model."""
_FAKE = "FakeQuantize"
_SHAPING = ("Broadcast", "Transpose", "Reshape", "Squeeze", "Unsqueeze")


class OpenVinoInt8:
    """`Quantised` by NNCF, judged by what the head reads in other calls than those it was calibrated by."""

    def __init__(self, graph: Any, calibration: Sequence[Inputs], judged: Sequence[Inputs], alpha: float) -> None:
        """`graph` is one with its hidden tensor as an output (`with_hidden`)."""
        self.alpha = alpha
        self._judged = judged
        self._graph = _quantised(graph, calibration, alpha)

    @cached_property
    def costs(self) -> Mapping[str, float]:
        """As `Quantised`, for a call of the most tokens."""
        graph = self._graph.clone()
        largest = max(self._judged, key=lambda inputs: inputs["embedded"].shape[0])
        graph.reshape({name: list(value.shape) for name, value in largest.items()})
        return {name: _cost(node) for name, node in _products(graph).items()}

    def hidden(self, kept: Collection[str]) -> Hidden:
        """As `Quantised`."""
        return hidden_of(self._without(kept), self._judged)

    def save(self, folder: Path, kept: Collection[str]) -> None:
        """As `Quantised`."""
        from openvino._offline_transformations import compress_quantize_weights_transformation

        graph = self._without(kept)
        for result in graph.get_results():
            names = result.input_value(0).get_names()
            if HIDDEN in names and len(graph.get_results()) > 1:
                graph.remove_result(result)
        compress_quantize_weights_transformation(graph)
        openvino.save(graph, folder)

    def _without(self, kept: Collection[str]) -> Any:
        """The graph with some products as they were."""
        graph = self._graph.clone()
        for name, node in _products(graph).items():
            for port, fake in _fakes(node) if name in kept else ():
                port.replace_source_output(fake.input_value(0))
        graph.validate_nodes_and_infer_types()
        return graph


def quantise(graph: Any, calibration: Sequence[Inputs], judged: Sequence[Inputs], reference: Hidden) -> OpenVinoInt8:
    """A graph of `openvino.convert` in int8, smoothed as suits it best.

    Raises:
        UserError: NNCF is not installed.
    """
    graph = with_hidden(graph)
    tried = (OpenVinoInt8(graph, calibration, judged, alpha) for alpha in ALPHAS)
    return max(tried, key=lambda made: mean_cosine(reference, made.hidden(())))


def hidden_of(graph: Any, calls: Sequence[Inputs]) -> Hidden:
    """What the head of a graph reads over calls, in float32 where nothing is quantised."""
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = import_openvino().Core().compile_model(graph, "CPU", settings)
    port = next(port for port in compiled.outputs if HIDDEN in port.get_names())
    request = compiled.create_infer_request()
    parts = []
    for inputs in calls:
        values = request.infer(dict(inputs))[port]
        parts.append(np.array(values[rows_of_texts(inputs, len(values))]))
    return np.concatenate(parts)


def _quantised(graph: Any, calls: Sequence[Inputs], alpha: float) -> Any:
    with no_telemetry(), _quiet():
        try:
            import nncf
        except ImportError:
            raise UserError(
                "int8 for openvino needs the package nncf, which is not installed; pip install 'encodery[export]'"
            ) from None
        nncf.set_log_level(logging.ERROR)
        parameters = nncf.AdvancedQuantizationParameters(
            disable_bias_correction=True,  # it gained nothing, and would not fit where a product is left out
            smooth_quant_alphas=nncf.AdvancedSmoothQuantParameters(matmul=alpha),
            backend_params={"compress_weights": False},
        )
        return nncf.quantize(
            graph.clone(),
            nncf.Dataset([*calls]),
            subset_size=len(calls),
            model_type=nncf.ModelType.TRANSFORMER,
            advanced_parameters=parameters,
        )


def _products(graph: Any) -> dict[str, Any]:
    """The products that are quantised, by names that say where they are."""
    nodes = [node for node in graph.get_ordered_ops() if node.get_type_name() == "MatMul"]
    return {node.get_friendly_name(): node for node in nodes if _fakes(node)}


def _fakes(node: Any) -> list[tuple[Any, Any]]:
    """The fake quantisation of a product's inputs, with the port that reads it: the product's own, or that of what
    lies between and only changes the shape."""
    found = []
    for number in range(len(node.inputs())):
        port = node.input(number)
        while (source := port.get_source_output().get_node()).get_type_name() in _SHAPING:
            port = source.input(0)
        if source.get_type_name() == _FAKE:
            found.append((port, source))
    return found


def _cost(node: Any) -> float:
    """Multiplications, of a graph with fixed shapes."""
    return float(math.prod(node.output(0).get_shape()) * node.input_value(0).get_shape()[-1])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Progress bars on standard output, and warnings of other packages' makers."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
