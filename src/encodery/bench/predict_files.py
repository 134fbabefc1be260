"""The files that peers run, made from the model folder.

The process: `python -m encodery.bench.predict_files KIND FOLDER TEXTS TO`.
Each peer at its best, as measured for this project: one ONNX graph of the model of `transformers` (eager attention,
which is what optimizers fuse), dynamic in batch and length; ONNX Runtime's own transformer optimizer and dynamic int8
per channel; OpenVINO int8 by NNCF, activations calibrated on 24 texts.
"""

import json
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from encodery.bench.predict_texts import Texts

_OPSET = 17
_CALIBRATED_ON = 24
"""Texts."""
INPUTS = ("input_ids", "attention_mask")


def write_onnx(folder: Path, texts: Path, to: Path) -> None:
    """The graph as exported, nothing optimised."""
    import torch
    import transformers

    architecture = json.loads((folder / "config.json").read_text())["architectures"][0]
    model = getattr(transformers, architecture).from_pretrained(folder, attn_implementation="eager").eval()

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
            return self.model(input_ids=input_ids, attention_mask=attention_mask).logits

    ids = torch.randint(5, 1000, (2, 16))
    shape = {0: "batch", 1: "length"}
    answers = {0: "batch"} if architecture.endswith("ForSequenceClassification") else shape
    torch.onnx.export(
        Logits().eval(),
        (ids, torch.ones_like(ids)),
        str(to),
        input_names=list(INPUTS),
        output_names=["logits"],
        dynamic_axes={**dict.fromkeys(INPUTS, shape), "logits": answers},
        opset_version=_OPSET,
        dynamo=False,
    )


def write_onnxruntime(folder: Path, texts: Path, to: Path) -> None:
    """Fused, then int8 weights per channel with activations quantised as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions

    config = json.loads((folder / "config.json").read_text())
    fused = to.with_name("fused.onnx")
    optimizer.optimize_model(
        str(to.with_name("model.onnx")),
        model_type="bert",
        num_heads=config.get("num_attention_heads") or config["n_heads"],
        hidden_size=config.get("hidden_size") or config["dim"],
        optimization_options=FusionOptions("bert"),
        opt_level=1,
    ).save_model_to_file(str(fused))
    options = {"DefaultTensorType": 1, "MatMulConstBOnly": True}
    quantize_dynamic(fused, to, weight_type=QuantType.QInt8, per_channel=True, extra_options=options)


def write_openvino(folder: Path, texts: Path, to: Path) -> None:
    """Int8 weights and activations."""
    import nncf
    import openvino
    from tokenizers import Tokenizer

    logging.getLogger("nncf").setLevel(logging.ERROR)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encoded = [tokenizer.encode(text).ids for text in Texts.load(texts).calibration[:_CALIBRATED_ON]]
    rows = [np.array([ids], np.int64) for ids in encoded]
    dataset = nncf.Dataset([dict(zip(INPUTS, (row, np.ones_like(row)), strict=True)) for row in rows])
    model = openvino.Core().read_model(to.with_name("model.onnx"))
    quantized = nncf.quantize(model, dataset, model_type=nncf.ModelType.TRANSFORMER, subset_size=len(rows))
    openvino.save_model(quantized, to, compress_to_fp16=False)


FILES: dict[str, tuple[str, Callable[[Path, Path, Path], None]]] = {
    "onnx": ("model.onnx", write_onnx),
    "onnxruntime": ("onnxruntime-int8.onnx", write_onnxruntime),
    "openvino": ("openvino-int8.xml", write_openvino),
}
"""By kind; the last two need the first."""


def main(arguments: list[str]) -> None:
    """Write one kind of file into a folder."""
    kind, folder, texts, to = arguments
    warnings.simplefilter("ignore")
    name, write = FILES[kind]
    Path(to).mkdir(parents=True, exist_ok=True)
    write(Path(folder), Path(texts), Path(to) / name)


if __name__ == "__main__":
    main(sys.argv[1:])
