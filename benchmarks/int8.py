"""Task metrics of int8, ours and the peers', on the same labelled file: does quantisation cost accuracy?

python benchmarks/int8.py MODEL --data dev.jsonl --calibrate train.jsonl [--field text=sentence] [--bundle FOLDER]...

The peers are made as their documentation has it, from the model of `transformers`: exported to ONNX; `nncf.quantize`
with `ModelType.TRANSFORMER` and its 300 samples; `quantize_dynamic` of ONNX Runtime with weights by channel. Every
text is computed alone, so their padding costs them nothing. Texts, decoding and metrics are ours for all.
"""

import argparse
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from encodery.batch import Batch
from encodery.deploy.offline import no_telemetry
from encodery.deploy.verify import Kept, chosen
from encodery.serve.predictor import Predictor, load
from encodery.stages.evaluation import files_given, read_labelled, renamed
from encodery.stages.export_stage import read_texts
from encodery.stages.gate import POINTS, compare_scores
from encodery.tasks.task import Trainable

SAMPLES = 300
"""What `nncf.quantize` takes if nothing is said."""
CLASSES = {"sequence": "SequenceClassification", "token": "TokenClassification", "span": "QuestionAnswering"}
Feed = dict[str, np.ndarray]


class Peer:
    """A `Forward` that gives each text of a batch to a graph of `transformers`, alone."""

    def __init__(self, run: Callable[[Feed], list[np.ndarray]], names: list[str]) -> None:
        self.run = run
        self.names = names

    def hidden(self, batch: Batch, rows: Tensor | None = None) -> Tensor:
        raise NotImplementedError("heads only")

    def logits(self, head: str, batch: Batch, rows: Tensor | None = None) -> Tensor:
        found = []
        for feed in feeds(batch, self.names):
            values = [value[0] for value in self.run(feed)]
            found.append(np.stack(values, -1) if head == "span" else np.atleast_2d(values[0]))
        return torch.from_numpy(np.concatenate(found).astype(np.float32))


def feeds(batch: Batch, names: list[str]) -> Iterator[Feed]:
    """Each sequence of a batch as a model of `transformers` reads it."""
    bounds = batch.cu_seqlens.tolist()
    types = torch.zeros_like(batch.input_ids) if batch.token_type_ids is None else batch.token_type_ids
    for i in range(batch.num_sequences):
        part = slice(bounds[i], bounds[i + 1])
        ids = batch.input_ids[part].numpy()[None]
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": types[part].numpy()[None]}
        yield {name: given[name] for name in names}


def export_theirs(model: Path, head: str, to: Path) -> list[str]:
    """The model of `transformers` as ONNX; the names of its inputs."""
    import transformers

    theirs = getattr(transformers, f"AutoModelFor{CLASSES[head]}").from_pretrained(model, attn_implementation="eager")
    names = ["input_ids", "attention_mask"]
    if theirs.config.model_type == "bert":
        names.append("token_type_ids")
    example = {name: torch.ones(1, 17, dtype=torch.int64) for name in names}

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = theirs.eval()

        def forward(self, *given: Tensor) -> Any:
            out = self.model(**dict(zip(names, given, strict=True)), return_dict=True)
            return (out.start_logits, out.end_logits) if head == "span" else out.logits

    axes = {name: {0: "batch", 1: "length"} for name in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Plain(), tuple(example.values()), str(to), input_names=names, dynamic_axes=axes, dynamo=False
        )
    return names


def onnx_peer(path: Path, names: list[str]) -> Peer:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return Peer(lambda feed: session.run(None, feed), names)


def openvino_peer(path: Path, names: list[str]) -> Peer:
    import openvino

    request = openvino.Core().compile_model(path, "CPU").create_infer_request()

    def run(feed: Feed) -> list[np.ndarray]:
        return [np.array(value) for value in request.infer(feed).values()]

    return Peer(run, names)


def peers(model: Path, head: str, calibration: list[Batch], work: Path) -> Iterator[tuple[str, Peer, int]]:
    """Name, engine and bytes of each."""
    whole = work / "model.onnx"
    names = export_theirs(model, head, whole)
    from onnxruntime.quantization import QuantType, quantize_dynamic

    dynamic = work / "dynamic.onnx"
    quantize_dynamic(whole, dynamic, per_channel=True, weight_type=QuantType.QInt8)
    yield "ONNX Runtime int8, dynamic", onnx_peer(dynamic, names), dynamic.stat().st_size
    with no_telemetry():
        import nncf
        import openvino

        samples = [feed for batch in calibration for feed in feeds(batch, names)][:SAMPLES]
        graph = nncf.quantize(
            openvino.Core().read_model(whole), nncf.Dataset(samples), model_type=nncf.ModelType.TRANSFORMER
        )
    openvino.save_model(graph, work / "nncf.xml", compress_to_fp16=False)
    yield "OpenVINO int8, nncf.quantize", openvino_peer(work / "nncf.xml", names), (work / "nncf.bin").stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--calibrate", type=Path, required=True)
    parser.add_argument("--field", action="append", default=[])
    parser.add_argument("--bundle", type=Path, action="append", default=[])
    parser.add_argument("--limit", type=int, default=1 << 30, help="so many of the labelled examples, the first ones")
    asked = parser.parse_args()
    reference = load(asked.model)
    task = reference.task
    assert isinstance(task, Trainable)
    columns = task.fields.parse(renamed(asked.field), "--field")
    dev = read_labelled(task.read, columns, files_given([asked.data])).examples[: asked.limit]
    from encodery.deploy.recording import batches, head_of

    head = head_of(task)
    assert head in CLASSES, head
    drawn = chosen(read_texts(task, columns, asked.calibrate), SAMPLES)
    calibration = batches([s for example in drawn for s in task.encode(example).sequences])
    said = reference.predict_examples(dev)
    print(f"{asked.model}, {len(dev):,} examples; fp32 {task.headline[0]} = ", end="")
    first = compare_scores(task, said, said, dev)
    print(f"{first.figures[first.headline].first:.4f}")

    def row(name: str, predictor: Predictor, size: int) -> None:
        gate = compare_scores(task, said, predictor.predict_examples(dev), dev)
        found = gate.figures[gate.headline]
        ends = f"{POINTS * found.low:+.2f} to {POINTS * found.high:+.2f}"
        off = relative_error(reference, predictor, dev[:200])
        points, megabytes = f"{POINTS * found.difference:+.2f}", f"{size / 1e6:.1f}"
        shown = (name, f"{found.second:.4f}", points, ends, f"{off:.2%}", megabytes)
        print(f"| {' | '.join(shown)} |", flush=True)

    print(f"| | {first.headline} | points | 95 % | outputs off by | MB |\n|---|---|---|---|---|---|")
    for bundle in asked.bundle:
        info = load(bundle).folder.info["bundle"]
        size = sum(path.stat().st_size for path in bundle.iterdir())
        row(f"ours, {info['engine']} {info['dtype']}", load(bundle), size)
    with tempfile.TemporaryDirectory() as work:
        for name, peer, size in peers(asked.model, head, calibration, Path(work)):
            row(name, Predictor(reference.folder, task, engine=peer), size)


def relative_error(reference: Predictor, other: Predictor, examples: Any) -> float:
    """Root mean square of the differences of all outputs over that of the outputs."""
    values = []
    for predictor in (reference, other):
        kept = Kept(predictor.engine)
        Predictor(predictor.folder, predictor.task, engine=kept).predict_examples(examples)
        values.append(np.concatenate([value.ravel() for value in kept.values]))
    return float(np.sqrt(((values[0] - values[1]) ** 2).mean() / (values[0] ** 2).mean()))


if __name__ == "__main__":
    main()
