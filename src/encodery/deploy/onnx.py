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

from encodery.deploy.cores import usable_cores
from encodery.deploy.packed_engine import Compute, Inputs
from encodery.errors import UserError

if TYPE_CHECKING:
    import onnxruntime

GRAPH = "model.onnx"
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


def save(program: torch.export.ExportedProgram, names: Sequence[str], path: Path) -> None:
    """Write a traced graph, its inputs under these names.

    Raises:
        UserError: torch's exporter lacks a package.
    """
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise UserError(_MISSING.format("onnxscript")) from None
    with _quiet():
        torch.onnx.export(
            program, (), path, input_names=list(names), output_names=["values"], dynamo=True, external_data=False
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
