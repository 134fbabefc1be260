"""OpenVINO: the fastest engine on CPUs that was measured (`benchmarks/results`)."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from jaxtyping import Float32

from encodery.deploy.cores import usable_cores
from encodery.deploy.packed_engine import Compute, Inputs
from encodery.errors import UserError

if TYPE_CHECKING:
    import openvino

GRAPH = "openvino_model.xml"
"""With the numbers in a `.bin` beside it; the names that `optimum` gives them."""


class OpenVinoSession:
    """A graph that OpenVINO compiles for each length."""

    def __init__(self, path: Path, precision: Literal["f32", "bf16"], threads: int | None = None) -> None:
        """`precision` is that of what is not quantised; `threads` are all that this process may use if not given.

        Raises:
            UserError: OpenVINO is not installed, or cannot read the graph.
        """
        openvino = import_openvino()
        if not path.is_file():
            raise UserError(f"{path}: no such file; export the model again")
        self._core = openvino.Core()
        self._path = path
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
            graph.reshape({name: list(shape) for name, shape in shapes.items()})
            request = self._core.compile_model(graph, "CPU", self._settings).create_infer_request()
        except RuntimeError as error:
            lines = str(error).strip().splitlines() or ["unknown"]
            raise UserError(f"{self._path}: OpenVINO refuses the graph ({lines[-1]:.80}); export it again") from None

        def compute(inputs: Inputs) -> Float32[np.ndarray, "rows outputs"]:
            values: np.ndarray = request.infer(dict(inputs), share_inputs=True, share_outputs=True)[0]
            return values

        return compute


def convert(program: torch.export.ExportedProgram, names: Sequence[str]) -> "openvino.Model":
    """A traced graph as OpenVINO's, its inputs under these names."""
    openvino = import_openvino()
    with warnings.catch_warnings():  # it calls what PyTorch has renamed
        warnings.simplefilter("ignore")
        graph = openvino.convert_model(program)
    for port, name in zip(graph.inputs, names, strict=True):
        port.get_tensor().set_names({name})
    graph.outputs[0].get_tensor().set_names({"values"})
    return graph


def save(graph: "openvino.Model", folder: Path) -> None:
    """Write a graph into a folder."""
    import_openvino().save_model(graph, folder / GRAPH, compress_to_fp16=False)


def import_openvino() -> "openvino":
    """The package.

    Raises:
        UserError: it is not installed; says how it is.
    """
    try:
        import openvino
    except ImportError:
        raise UserError(
            "the engine openvino needs the package openvino, which is not installed; pip install 'encodery[export]'"
        ) from None
    return openvino
