"""What stands around every peer: tokenisation, padding, labels; and real engines that must agree (slow)."""

import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest

from encodery.bench import predict_engines
from encodery.bench.predict_batches import How
from encodery.bench.predict_engines import ENGINES, Padded, Places, Side, padded
from encodery.bench.predict_files import FILES
from encodery.bench.predict_texts import Texts
from encodery.bench.predict_workload import Size, make_texts, train_vocabulary, write_model
from encodery.bench.prose import make_lines

TINY = Size("tiny", "bert", layers=2, hidden_size=24, heads=3)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    home = tmp_path_factory.mktemp("places")
    lines = make_lines(0.2)
    tokenizer = train_vocabulary(lines, home / "vocabulary", vocab_size=1009)
    make_texts(tokenizer, lines, 37, 29).save(home / "texts.json")
    return Places(write_model(TINY, tokenizer, home / "model"), home / "files", home / "bundles")


@pytest.fixture(scope="module")
def texts(places: Places) -> Texts:
    return Texts.load(places.folder.parent / "texts.json")


def test_padding_is_masked() -> None:
    ids, mask = padded([[5, 7], [11], [13, 17, 19]])
    assert ids.tolist() == [[5, 7, 0], [11, 0, 0], [13, 17, 19]]
    assert mask.tolist() == [[1, 1, 0], [1, 0, 0], [1, 1, 1]]
    ids, mask = padded([[5, 7]], length=5)
    assert (ids.tolist(), mask.tolist()) == ([[5, 7, 0, 0, 0]], [[1, 1, 0, 0, 0]])


class Recorder:
    """Logits by the parity of a text's length, and the batches that were asked."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def __call__(self, rows: Sequence[list[int]]) -> np.ndarray:
        self.batches.append([len(row) for row in rows])
        return np.array([[0.0, 1.0 if len(row) % 2 else -1.0] for row in rows], np.float32)


@pytest.mark.parametrize("how", ["arrival", "sorted", "sorted-tokens"])
def test_labels_come_in_the_order_of_the_texts(places: Places, texts: Texts, how: How) -> None:
    recorder = Recorder()
    side = Padded(places.folder, recorder)
    lengths = [len(side.prepare(text)) for text in texts.natural]
    assert side.label(texts.natural, how) == ["positive" if length % 2 else "negative" for length in lengths]
    asked = [length for batch in recorder.batches for length in batch]
    assert asked == (lengths if how == "arrival" else sorted(lengths))


def test_a_request_is_one_call(places: Places, texts: Texts) -> None:
    recorder = Recorder()
    side = Padded(places.folder, recorder)
    assert isinstance(side, Side)
    assert side.request(side.prepare(texts.fixed[64])).tolist() == [0.0, -1.0]
    assert recorder.batches == [[64]]


def test_our_engine_is_a_side(places: Places, texts: Texts) -> None:
    side = predict_engines.Bundle(places.folder)  # a model folder predicts as a bundle does
    logits = side.request(side.prepare(texts.fixed[16]))
    assert logits.shape == (2,)
    assert logits.dtype == np.float32
    labels = side.label(texts.natural, "arrival")
    assert labels == side.label(texts.natural, "offline")
    single = [side.request(side.prepare(text)).argmax() for text in texts.natural]
    assert labels == [("negative", "positive")[index] for index in single]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", FILES)
def test_files_and_engines_agree_with_transformers(places: Places, texts: Texts, kind: str) -> None:
    command = (sys.executable, "-m", "encodery.bench.predict_files", kind, str(places.folder))
    where = (str(places.folder.parent / "texts.json"), str(places.files))
    if kind != "onnx" and not (places.files / "model.onnx").exists():
        pytest.skip("needs the graph that the first of these tests writes")
    subprocess.run([*command, *where], check=True, capture_output=True)
    engines = {
        "onnx": ("openvino-bf16", "openvino-bf16-static", "torch-bf16", "torch-int8"),
        "onnxruntime": ("onnxruntime-int8",),
        "openvino": ("openvino-int8", "openvino-int8-static"),
    }[kind]
    reference = ENGINES["transformers-fp32"](places)
    chosen = texts.natural[:7]
    expected = np.array([reference.request(reference.prepare(text)) for text in chosen])
    for engine in engines:
        side = ENGINES[engine](places)
        found = np.array([side.request(side.prepare(text)) for text in chosen])
        np.testing.assert_allclose(found, expected, atol=0.1, err_msg=engine)
