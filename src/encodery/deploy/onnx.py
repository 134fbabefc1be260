"""ONNX Runtime: the portable engine, and the form that other runtimes read."""

import contextlib
import io
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float32

from encodery.cores import usable_cores
from encodery.deploy.graph import HIDDEN
from encodery.deploy.packed_engine import Compute, Inputs
from encodery.errors import UserError

if TYPE_CHECKING:
    import onnxruntime

GRAPH = "model.onnx"
_SCOPES = "pkg.torch.onnx.name_scopes"
"""Where the exporter says which modules a node is in."""
_MISSING = "the engine onnxruntime needs the package {}, which is not installed; pip install 'encodery[{}]'"


class OnnxSession:
    """A graph that ONNX Runtime computes at any length; threads wait asleep, for a neighbour may need the core."""

    def __init__(self, path: Path, threads: int | None = None, hidden: bool = False) -> None:
        """`threads` are all that this process may use if not given. With `hidden`, it gives what the head reads in
        the place of what the head says.

        Raises:
            UserError: ONNX Runtime is not installed, or cannot read the graph.
        """
        runtime = import_onnxruntime()
        if not path.is_file():
            raise UserError(f"{path}: no such file; export the model again")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads or usable_cores()
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            source = with_hidden(path) if hidden else str(path)
            self._session = runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its own classes, which derive from nothing narrower
            raise UserError(f"{path}: ONNX Runtime refuses the graph ({error!s:.80}); export it again") from None

    def compile(self, shapes: Mapping[str, tuple[int, ...]]) -> Compute:
        """As `Session`."""

        def compute(inputs: Inputs) -> Float32[np.ndarray, "rows outputs"]:
            values: np.ndarray = self._session.run(None, dict(inputs))[-1]
            return values

        return compute


def save(program: torch.export.ExportedProgram, names: Sequence[str], path: Path) -> None:
    """Write a traced graph, its inputs under these names; the tensor that a head reads is called `HIDDEN`.

    Raises:
        UserError: torch's exporter lacks a package.
    """
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise UserError(_MISSING.format("onnxscript", "export")) from None
    outputs = ["values", HIDDEN][: len(program.graph_signature.user_outputs)]
    with _quiet():
        torch.onnx.export(
            program, (), path, input_names=list(names), output_names=outputs, dynamo=True, external_data=False
        )
    _tidy(path)


def _tidy(path: Path) -> None:
    """Name products by the modules that they are of, `layers.0.mlp.up`, and leave out what is nobody's business: the
    second output, and where on the disk the code lies that was traced."""
    import onnx

    graph = onnx.load(path)
    for node in graph.graph.node:
        scopes = next((entry.value for entry in node.metadata_props if entry.key == _SCOPES), "")
        modules = [scope.strip(" '\"") for scope in scopes.strip("[]").split(",")][1:-1]
        if modules and node.op_type == "Gemm":
            node.name = modules[-1].removeprefix("dense.")
        del node.metadata_props[:]
    for value in (*graph.graph.input, *graph.graph.output, *graph.graph.value_info, *graph.graph.initializer):
        del value.metadata_props[:]
    del graph.metadata_props[:], graph.graph.metadata_props[:]
    del graph.graph.output[1:]
    onnx.save(graph, path)


def with_hidden(path: Path) -> bytes:
    """A graph with what its head reads as a second output; as it is, where there is no head."""
    import onnx

    graph = onnx.load(path)
    if any(HIDDEN in node.output for node in graph.graph.node):
        graph.graph.output.append(onnx.helper.make_tensor_value_info(HIDDEN, onnx.TensorProto.FLOAT, None))
    found: bytes = graph.SerializeToString()
    return found


@contextlib.contextmanager
def _quiet() -> Any:
    """The exporter tells of its steps on standard output, and of packages that it does not need in warnings."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def import_onnxruntime() -> "onnxruntime":
    """The package.

    Raises:
        UserError: it is not installed; says how it is.
    """
    try:
        import onnxruntime
    except ImportError:
        raise UserError(_MISSING.format("onnxruntime", "engines")) from None
    return onnxruntime
