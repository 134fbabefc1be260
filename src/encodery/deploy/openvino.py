"""OpenVINO: the fastest engine on CPUs that was measured (`benchmarks/results`)."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from jaxtyping import Float32

from encodery.cores import usable_cores
from encodery.deploy.graph import HIDDEN, module_of
from encodery.deploy.offline import no_telemetry
from encodery.deploy.packed_engine import Compute, Inputs
from encodery.errors import UserError

if TYPE_CHECKING:
    import openvino

GRAPH = "openvino_model.xml"
"""With the numbers in a `.bin` beside it; the names that `optimum` gives them."""


class OpenVinoSession:
    """A graph that OpenVINO compiles for each length."""

    def __init__(
        self, path: Path, precision: Literal["f32", "bf16"], threads: int | None = None, hidden: bool = False
    ) -> None:
        """`precision` is that of what is not quantised; `threads` are all that this process may use if not given.
        With `hidden`, it gives what the head reads in the place of what the head says.

        Raises:
            UserError: OpenVINO is not installed, or cannot read the graph.
        """
        openvino = import_openvino()
        if not path.is_file():
            raise UserError(f"{path}: no such file; export the model again")
        self._core = openvino.Core()
        self._tensor = openvino.Tensor
        self._path = path
        self._hidden = hidden
        self._settings = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": threads or usable_cores(),
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
        }

    def compile(self, shapes: Mapping[str, tuple[int, ...]]) -> Compute:
        """As `Session`."""
        try:
            graph = self._core.read_model(self._path)
            graph = with_hidden(graph) if self._hidden else graph
            last = len(graph.outputs) - 1
            graph.reshape({name: list(shape) for name, shape in shapes.items()})
            request = self._core.compile_model(graph, "CPU", self._settings).create_infer_request()
        except RuntimeError as error:
            lines = str(error).strip().splitlines() or ["unknown"]
            raise UserError(f"{self._path}: OpenVINO refuses the graph ({lines[-1]:.80}); export it again") from None

        bound: dict[str, np.ndarray] = {}
        tensor = self._tensor

        def compute(inputs: Inputs) -> Float32[np.ndarray, "rows outputs"]:
            for name, array in inputs.items():
                if bound.get(name) is not array:  # once: handing arrays over takes as long as a layer of a short text
                    request.set_tensor(name, tensor(array, shared_memory=True))
                    bound[name] = array
            request.start_async()
            request.wait()
            values: np.ndarray = request.get_output_tensor(last).data
            return values

        return compute


def convert(program: torch.export.ExportedProgram, names: Sequence[str]) -> "openvino.Model":
    """A traced graph as OpenVINO's, its inputs under these names; what a head reads is called `HIDDEN`."""
    openvino = import_openvino()
    with no_telemetry(), warnings.catch_warnings():  # it calls what PyTorch has renamed
        warnings.simplefilter("ignore")
        graph = openvino.convert_model(program)
    for port, name in zip(graph.inputs, names, strict=True):
        port.get_tensor().set_names({name})
    for result, name in zip(graph.get_results(), ("values", HIDDEN), strict=False):
        result.input_value(0).get_tensor().set_names({name})
    for result in graph.get_results()[1:]:
        graph.remove_result(result)
    _name_products(graph, program)
    return graph


def _name_products(graph: "openvino.Model", program: torch.export.ExportedProgram) -> None:
    """Name products by the modules that they are of, `layers.0.mlp.up`; those of attention have a number, too."""
    place, number = "", 0
    modules = {node.name: module_of(node) for node in program.graph.nodes}
    for node in graph.get_ordered_ops():
        if node.get_type_name() == "MatMul":
            origin = node.get_friendly_name().partition("/")[0]
            if origin in modules:
                place, number = modules[origin], 0
                node.set_friendly_name(place)
            else:
                number += 1
                node.set_friendly_name(f"{place.rpartition('.')[0]}.product{number}")


def with_hidden(graph: "openvino.Model") -> "openvino.Model":
    """The graph with what its head reads as a second output; as it is, where there is no head."""
    graph = graph.clone()
    if any(HIDDEN in port.get_names() for node in graph.get_ops() for port in node.outputs()):
        graph.add_outputs(HIDDEN)
    return graph


def save(graph: "openvino.Model", folder: Path, half: bool = False) -> None:
    """Write a graph into a folder; with `half` its weights as float16, which has more digits than bfloat16."""
    import_openvino().save_model(graph, folder / GRAPH, compress_to_fp16=half)


def import_openvino() -> "openvino":
    """The package.

    Raises:
        UserError: it is not installed; says how it is.
    """
    try:
        with no_telemetry():
            import openvino
    except ImportError:
        raise UserError(
            "the engine openvino needs the package openvino, which is not installed; pip install 'encodery[engines]'"
        ) from None
    return openvino
