"""Real engines over the traced graph: what PyTorch says, for each thing that a graph can read."""

from functools import cache
from pathlib import Path

import pytest
import torch

from encodery.deploy import onnx, openvino
from encodery.deploy.graph import input_names, reads_of, trace
from encodery.deploy.packed_engine import PackedEngine, Session
from encodery.deploy.tables import load_tables, save_tables
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.model.heads import Model
from tests.deploy.conftest import make_batch, make_model, said, said_by_torch

CASES = [("bert", "sequence"), ("xlm", "token"), ("roberta", "mlm"), ("modernbert", "sequence"), ("distilbert", None)]
"""Rows, tokens, masked rows; means with rotary positions and windows; hidden states."""


@cache
def traced(family: str, head: str | None) -> tuple[Model, torch.export.ExportedProgram]:
    """One for all engines: it takes as long as what they make of it."""
    model = make_model(FAMILIES[family], head)
    return model, trace(model, head)


def make_session(
    engine: str, model: Model, program: torch.export.ExportedProgram, head: str | None, folder: Path
) -> Session:
    names = input_names(model.config, reads_of(model, head))
    if engine == "openvino":
        openvino.save(openvino.convert(program, names), folder)
        return openvino.OpenVinoSession(folder / openvino.GRAPH, "f32", 1)
    onnx.save(program, names, folder / onnx.GRAPH)
    return onnx.OnnxSession(folder / onnx.GRAPH, 1)


@pytest.mark.parametrize(("family", "head"), CASES)
@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_an_engine_says_what_the_model_says(engine: str, family: str, head: str | None, tmp_path: Path) -> None:
    pytest.importorskip(engine, reason=f"{engine} is not installed: pip install 'encodery[engines]'")
    model, program = traced(family, head)
    save_tables(tmp_path, model.encoder.embeddings, "fp32")
    session = make_session(engine, model, program, head, tmp_path)
    tables = load_tables(tmp_path, model.config)
    computed = PackedEngine(session, tables, model.config, head, reads_of(model, head))
    batch = make_batch(model)
    torch.testing.assert_close(said(computed, head, batch), said_by_torch(model, head, batch), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(("engine", "name"), [("openvino", openvino.GRAPH), ("onnxruntime", onnx.GRAPH)])
def test_a_missing_and_a_damaged_graph(engine: str, name: str, tmp_path: Path) -> None:
    pytest.importorskip(engine, reason=f"{engine} is not installed: pip install 'encodery[engines]'")

    def use() -> None:
        if engine == "openvino":
            openvino.OpenVinoSession(tmp_path / name, "f32").compile({"embedded": (16, 42)})
        else:
            onnx.OnnxSession(tmp_path / name)

    with pytest.raises(UserError, match="no such file; export the model again"):
        use()
    (tmp_path / name).write_text("no graph")
    with pytest.raises(UserError, match="refuses the graph"):
        use()
