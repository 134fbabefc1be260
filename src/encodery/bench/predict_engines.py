"""Every engine behind the same two calls: a request whose text is tokenised already, and many texts to labels.

Nothing is imported here but what all of them need: a peer may run in a Python of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64

from encodery.bench.predict_batches import How, batches
from encodery.cores import usable_cores

BUCKETS = (8, 16, 24, 32, 48, 64, 96, 128)
"""Lengths that the engine with static shapes compiles."""
WARM_LENGTH = 512
Logits = Callable[[Sequence[list[int]]], Float32[np.ndarray, "texts labels"]]
"""Ids of some texts → their logits, in one call of the engine."""


@dataclass(frozen=True)
class Places:
    """Where everything is that an engine may read."""

    folder: Path
    """The model, as `transformers` reads it."""
    files: Path
    """What `predict_files` wrote, and what an engine converts itself."""
    bundles: Path
    """Ours, by precision."""


@runtime_checkable
class Side(Protocol):
    """An engine, loaded."""

    def prepare(self, text: str) -> Any:
        """A text as the engine's `request` takes it."""

    def request(self, prepared: Any) -> Float32[np.ndarray, " labels"]:
        """The logits of one text."""

    def label(self, texts: Sequence[str], how: How) -> list[str]:
        """The labels of many texts, in their order, tokenisation and decoding included."""


class Bundle:
    """Ours, as the server runs it."""

    def __init__(self, path: Path) -> None:
        from encodery.deploy.packed_engine import PackedEngine
        from encodery.serve.predictor import load

        self._predictor = load(path)
        if isinstance(self._predictor.engine, PackedEngine):  # as the server does before it is ready
            self._predictor.engine.warm_up(WARM_LENGTH)

    def prepare(self, text: str) -> Any:
        return self._predictor.prepare(text, "bench").sequences

    def request(self, prepared: Any) -> Float32[np.ndarray, " labels"]:
        logits: np.ndarray = self._predictor.outputs(self._predictor.task, prepared)[0].float().numpy()
        return logits

    def label(self, texts: Sequence[str], how: How) -> list[str]:
        groups = [range(len(texts))] if how == "offline" else batches([1] * len(texts), "arrival")
        return [
            prediction["label"]
            for group in groups
            for prediction in self._predictor.predict([texts[index] for index in group])
        ]


@dataclass
class Padded:
    """A peer: a Rust tokenizer in front of it, batches padded to their longest, softmax and labels behind it."""

    folder: Path
    logits: Logits
    labels: tuple[str, str] = ("negative", "positive")
    tokenizer: Any = field(init=False)

    def __post_init__(self) -> None:
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))

    def prepare(self, text: str) -> Any:
        return self.tokenizer.encode(text).ids

    def request(self, prepared: Any) -> Float32[np.ndarray, " labels"]:
        row: np.ndarray = self.logits([prepared])[0]
        return row

    def label(self, texts: Sequence[str], how: How) -> list[str]:
        rows = [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]
        labels = [""] * len(rows)
        for group in batches([len(row) for row in rows], how):
            logits = self.logits([rows[index] for index in group])
            exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
            scores = exponents / exponents.sum(axis=1, keepdims=True)
            for index, best in zip(group, scores.argmax(axis=1).tolist(), strict=True):
                labels[index] = self.labels[best]
        return labels


def padded(
    rows: Sequence[list[int]], length: int | None = None
) -> tuple[Int64[np.ndarray, "texts length"], Int64[np.ndarray, "texts length"]]:
    """Ids and mask, as long as the longest of them or as told."""
    ids = np.zeros((len(rows), length or max(map(len, rows))), np.int64)
    mask = np.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
        mask[number, : len(row)] = 1
    return ids, mask


def openvino_dynamic(file: Path, precision: str) -> Logits:
    """One compiled model for all shapes."""
    request = _compiled(file, precision, None)

    def logits(rows: Sequence[list[int]]) -> Float32[np.ndarray, "texts labels"]:
        ids, mask = padded(rows)
        given = {"input_ids": ids, "attention_mask": mask}
        values: np.ndarray = request.infer(given, share_inputs=True, share_outputs=True)[0]
        return values

    return logits


def openvino_static(file: Path, precision: str) -> Logits:
    """One compiled model of one text for each length of `BUCKETS`; longer texts get one of their own length."""
    requests = {length: _compiled(file, precision, length) for length in BUCKETS}

    def logits(rows: Sequence[list[int]]) -> Float32[np.ndarray, "texts labels"]:
        longest = max(map(len, rows))
        length = next((bucket for bucket in BUCKETS if bucket >= longest), longest)
        if length not in requests:
            requests[length] = _compiled(file, precision, length)
        ids, mask = padded(rows, length)
        given = {"input_ids": ids, "attention_mask": mask}
        values: np.ndarray = requests[length].infer(given, share_inputs=True, share_outputs=True)[0]
        return values

    return logits


def _compiled(file: Path, precision: str, length: int | None) -> Any:
    import openvino

    core = openvino.Core()
    model = core.read_model(file)
    if length is not None:
        model.reshape({"input_ids": [1, length], "attention_mask": [1, length]})
    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": usable_cores(),
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
    }
    return core.compile_model(model, "CPU", settings).create_infer_request()


def onnxruntime_int8(file: Path) -> Logits:
    """ONNX Runtime with all cores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    kinds = [np.int32 if "int32" in given.type else np.int64 for given in session.get_inputs()]

    def logits(rows: Sequence[list[int]]) -> Float32[np.ndarray, "texts labels"]:
        given = {
            name: array.astype(kind, copy=False) for name, kind, array in zip(names, kinds, padded(rows), strict=True)
        }
        values: np.ndarray = session.run(None, given)[0]
        return values

    return logits


def ctranslate2_int8(folder: Path, to: Path) -> Logits:
    """The encoder alone, converted here where it is not yet; it leaves padding out by itself.

    Two numbers of its hidden states stand for the logits: it does less than the others, and what it says is no label.
    """
    import ctranslate2

    if not to.exists():
        ctranslate2.converters.TransformersConverter(str(folder)).convert(str(to))
    encoder = ctranslate2.Encoder(
        str(to), device="cpu", compute_type="int8", inter_threads=1, intra_threads=usable_cores()
    )

    def logits(rows: Sequence[list[int]]) -> Float32[np.ndarray, "texts labels"]:
        return np.array(encoder.forward_batch(list(rows)).last_hidden_state)[:, 0, :2]

    return logits


def torch_model(folder: Path, kind: str) -> Logits:
    """The model of `transformers`, eager, fp32, bf16, or with PyTorch's dynamic int8."""
    import torch
    from transformers import AutoModelForSequenceClassification

    torch.set_num_threads(usable_cores())
    dtype = torch.bfloat16 if kind == "bf16" else torch.float32
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=dtype).eval()
    if kind == "int8":
        quantize: Any = torch.ao.quantization.quantize_dynamic
        model = quantize(model, {torch.nn.Linear}, dtype=torch.qint8)

    def logits(rows: Sequence[list[int]]) -> Float32[np.ndarray, "texts labels"]:
        ids, mask = (torch.from_numpy(array) for array in padded(rows))
        with torch.inference_mode():
            values: np.ndarray = model(input_ids=ids, attention_mask=mask).logits.float().numpy()
        return values

    return logits


class Pipeline:
    """`transformers.pipeline`; `offline` means one text at a time, which is its default, anything else batches."""

    def __init__(self, folder: Path) -> None:
        import torch
        import transformers

        torch.set_num_threads(usable_cores())
        self._pipeline = transformers.pipeline("text-classification", model=str(folder), device="cpu")

    def prepare(self, text: str) -> Any:
        return text

    def request(self, prepared: Any) -> Float32[np.ndarray, " labels"]:
        return np.array([answer["score"] for answer in self._pipeline(prepared, top_k=None)], np.float32)

    def label(self, texts: Sequence[str], how: How) -> list[str]:
        size = 1 if how == "offline" else 32
        return [answer["label"] for answer in self._pipeline(list(texts), batch_size=size)]


ENGINES: dict[str, Callable[[Places], Side]] = {
    "encodery-int8": lambda places: Bundle(places.bundles / "int8"),
    "encodery-bf16": lambda places: Bundle(places.bundles / "bf16"),
    "openvino-int8": lambda p: Padded(p.folder, openvino_dynamic(p.files / "openvino-int8.xml", "f32")),
    "openvino-int8-static": lambda p: Padded(p.folder, openvino_static(p.files / "openvino-int8.xml", "f32")),
    "openvino-bf16": lambda p: Padded(p.folder, openvino_dynamic(p.files / "model.onnx", "bf16")),
    "openvino-bf16-static": lambda p: Padded(p.folder, openvino_static(p.files / "model.onnx", "bf16")),
    "onnxruntime-int8": lambda p: Padded(p.folder, onnxruntime_int8(p.files / "onnxruntime-int8.onnx")),
    "ctranslate2-int8": lambda p: Padded(p.folder, ctranslate2_int8(p.folder, p.files / "ctranslate2")),
    "torch-int8": lambda p: Padded(p.folder, torch_model(p.folder, "int8")),
    "torch-bf16": lambda p: Padded(p.folder, torch_model(p.folder, "bf16")),
    "transformers-fp32": lambda p: Padded(p.folder, torch_model(p.folder, "fp32")),
    "transformers-pipeline": lambda p: Pipeline(p.folder),
}
"""How each is loaded."""
