"""ONNX Runtime: the portable engine, and the form that other runtimes read."""

import contextlib
import io
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float32

from encodery.deploy.cores import usable_cores
from encodery.deploy.graph import Graph, example_inputs, reads_of
from encodery.deploy.packed_engine import Compute, Inputs
from encodery.errors import UserError
from encodery.model.heads import Model

if TYPE_CHECKING:
    import onnxruntime

GRAPH = "model.onnx"
_TRACED_TOKENS, _TRACED_ROWS = 17, 2
_MISSING = "the engine onnxruntime needs the package {}, which is not installed; pip install 'encodery[export]'"


class OnnxSession:
    """A graph that ONNX Runtime computes at any length; threads wait asleep, for a neighbour may need the core."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        """`threads` are all that this process may use if not given.

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
            self._session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its own classes, which derive from nothing narrower
            raise UserError(f"{path}: ONNX Runtime refuses the graph ({error!s:.80}); export it again") from None

    def compile(self, shapes: Mapping[str, tuple[int, ...]]) -> Compute:
        """As `Session`."""

        def compute(inputs: Inputs) -> Float32[np.ndarray, "rows outputs"]:
            values: np.ndarray = self._session.run(None, dict(inputs))[0]
            return values

        return compute


def export(model: Model, head: str | None, path: Path) -> None:
    """Write the graph of a model for a head, or of its hidden states, for any number of tokens and rows.

    Raises:
        UserError: torch's exporter lacks a package.
    """
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise UserError(_MISSING.format("onnxscript")) from None
    reads = reads_of(model, head)
    graph = Graph(model, head, reads).eval()
    inputs = example_inputs(model.config, reads, _TRACED_TOKENS, _TRACED_ROWS)
    tokens, rows = torch.export.Dim("tokens", min=1, max=1 << 20), torch.export.Dim("rows", min=1, max=1 << 17)
    sizes = {"rows": {0: rows}, "weights": {0: rows, 1: tokens}}
    shapes = (tuple(sizes.get(name, {0: tokens}) for name in inputs),)
    with torch.no_grad(), _quiet():
        torch.onnx.export(
            graph,
            tuple(inputs.values()),
            path,
            input_names=list(inputs),
            output_names=["values"],
            dynamo=True,
            dynamic_shapes=shapes,
            external_data=False,
        )


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
        raise UserError(_MISSING.format("onnxruntime")) from None
    return onnxruntime
