"""Real quantisers on tiny models: what is in int8, what can be left out, and what is written."""

import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from encodery.deploy import onnx, onnx_int8, openvino, openvino_int8
from encodery.deploy.graph import input_names, reads_of, trace
from encodery.deploy.packed_engine import Inputs, PackedEngine
from encodery.deploy.quantize import Quantised, mean_cosine
from encodery.deploy.recording import record_calls
from encodery.families import FAMILIES
from encodery.model.heads import Model
from tests.deploy.conftest import make_batch, make_model, said, said_by_torch, tables_of
from tests.deploy.test_recording import Reads, sequences

HEAD = "sequence"
LENGTHS = (29, 13, 7, 2, 23, 11)
ENGINES = ("openvino", "onnxruntime")


@cache
def model() -> Model:
    return make_model(FAMILIES["bert"], HEAD)


@cache
def calls() -> Sequence[Inputs]:
    given = sequences(make_batch(model(), LENGTHS, seed=11))
    return record_calls(Reads(HEAD), model(), HEAD, given, tables_of(model()))


@cache
def traced() -> torch.export.ExportedProgram:
    return trace(model(), HEAD)


@cache
def reference() -> np.ndarray:
    module = traced().module()
    with torch.no_grad():
        parts = [module(*map(torch.from_numpy, inputs.values()))[1].numpy() for inputs in calls()]
    return np.concatenate(parts)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Any:
    """A quantised graph of an engine, made once."""

    @cache
    def make(engine: str) -> Quantised:
        package = {"openvino": "nncf", "onnxruntime": "onnxruntime"}[engine]
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'encodery[export]'")
        if engine == "openvino":
            graph = openvino.with_hidden(openvino.convert(traced(), names()))
            return openvino_int8.OpenVinoInt8(graph, calls(), calls(), 0.95)
        path = tmp_path_factory.mktemp("onnx") / onnx.GRAPH
        path.write_bytes(request.getfixturevalue("onnx_file").read_bytes())
        return onnx_int8.OnnxInt8(path, calls())

    return make


def names() -> Sequence[str]:
    return input_names(model().config, reads_of(model(), HEAD))


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the exporter writes it; to be read."""
    pytest.importorskip("onnxscript", reason="onnxscript is not installed: pip install 'encodery[export]'")
    path = tmp_path_factory.mktemp("onnx") / onnx.GRAPH
    onnx.save(traced(), names(), path)
    return path


@pytest.mark.parametrize("engine", ENGINES)
def test_products_have_the_names_of_their_modules(engine: str, made: Any) -> None:
    names = {*made(engine).costs}
    linear = {
        f"layers.{layer}.{part}"
        for layer in (0, 1)
        for part in ("attention.qkv", "attention.out", "mlp.up", "mlp.down")
    }
    assert linear <= names
    assert all(cost > 0 for cost in made(engine).costs.values())


@pytest.mark.parametrize("engine", ENGINES)
def test_with_every_product_kept_it_is_the_model(engine: str, made: Any) -> None:
    """Also when the activations were smoothed: what left them is in the weights."""
    quantised = made(engine)
    np.testing.assert_allclose(quantised.hidden({*quantised.costs}), reference(), atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_in_int8_it_is_near_and_each_product_left_out_matters(engine: str, made: Any) -> None:
    quantised = made(engine)
    whole = quantised.hidden(())
    assert 0.7 < mean_cosine(reference(), whole) < 0.999999  # weights as large as these are hard to round
    for name in ("layers.0.mlp.down", "layers.1.attention.qkv"):
        assert np.abs(quantised.hidden({name}) - whole).max() > 0


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_written_is_small_and_says_the_same(engine: str, made: Any, tmp_path: Path) -> None:
    quantised = made(engine)
    sizes = {}
    for name, kept in (("int8", ()), ("kept", {"layers.0.mlp.down"}), ("whole", {*quantised.costs})):
        (tmp_path / name).mkdir()
        quantised.save(tmp_path / name, kept)
        sizes[name] = sum(path.stat().st_size for path in (tmp_path / name).glob("*.bin")) or sum(
            path.stat().st_size for path in (tmp_path / name).iterdir()
        )
    assert sizes["int8"] < sizes["kept"] < sizes["whole"]
    batch = make_batch(model(), LENGTHS, seed=11)
    expected = said_by_torch(model(), HEAD, batch)
    off = {}
    for name in sizes:
        session: Any = (
            openvino.OpenVinoSession(tmp_path / name / openvino.GRAPH, "f32", 1)
            if engine == "openvino"
            else onnx.OnnxSession(tmp_path / name / onnx.GRAPH, 1)
        )
        computed = PackedEngine(session, tables_of(model()), model().config, HEAD, reads_of(model(), HEAD))
        off[name] = float((said(computed, HEAD, batch) - expected).square().mean())
    assert off["whole"] < 1e-5 < off["int8"] < 5.0


def test_the_onnx_file_tells_nothing_of_the_disk(onnx_file: Path) -> None:
    """The exporter writes down where the code lies that was traced."""
    content = onnx_file.read_bytes()
    assert b".py" not in content
    assert str(Path(onnx.__file__).parent).encode() not in content


def test_nothing_is_sent_to_anyone(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO's converter and NNCF tell their makers of every use unless they are told not to."""
    telemetry = pytest.importorskip("openvino_telemetry", reason="comes with openvino")
    from encodery.deploy.offline import no_telemetry

    monkeypatch.delenv("CI", raising=False)
    with no_telemetry(), warnings.catch_warnings():
        sender = telemetry.Telemetry(
            tid="G-TEST", app_name="t", app_version="1", backend="ga4", enable_opt_in_dialog=False, disable_in_ci=True
        )
    assert not sender.consent
    import os

    assert "CI" not in os.environ
