"""What int8 and bf16 of other engines cost in the task's own metric, on the same data as ours.

    python benchmarks/peer_scores.py MODEL --data dev.jsonl --calibrate train.jsonl [--bundle DIR] [--field A=B]

Each engine is made from the model folder as `encodery bench predict` does, computes the logits, and our task decodes
and scores them, so nothing but the numbers differs. For text and token classification: the graphs of the peers have
no token types, which questions need. A JSON line for each engine: scores, points lost against PyTorch in float32, and
their interval.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from encodery.batch import Batch
from encodery.bench.predict_engines import ENGINES, Logits, Padded, Places
from encodery.bench.predict_files import FILES
from encodery.bench.predict_texts import Texts
from encodery.errors import UserError
from encodery.serve.predictor import Predictor, load
from encodery.stages.evaluation import files_given, read_labelled, renamed
from encodery.stages.gate import compare_scores
from encodery.tasks.task import Trainable

PEERS = ("openvino-int8", "onnxruntime-int8", "torch-int8", "openvino-bf16", "torch-bf16")
CALIBRATION_TEXTS = 300


class PeerForward:
    """A peer's logits as our tasks ask for them."""

    def __init__(self, logits: Logits, reads_tokens: bool) -> None:
        self._logits = logits
        self._reads_tokens = reads_tokens

    def hidden(self, batch: Batch, rows: Int[Tensor, " rows"] | None = None) -> Float[Tensor, "rows hidden"]:
        """Peers are classifiers."""
        raise NotImplementedError("classifiers have no hidden states")

    def logits(
        self, head: str, batch: Batch, rows: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows outputs"]:
        """One text a call: what padding would add is not the question here."""
        ids = batch.input_ids.tolist()
        bounds = batch.cu_seqlens.tolist()
        each = [torch.from_numpy(self._logits([ids[start:stop]]).copy())[0] for start, stop in pairwise(bounds)]
        values = torch.cat(each) if self._reads_tokens else torch.stack(each)
        return values if rows is None else values[rows]


def peer(engine: str, places: Places, predictor: Predictor) -> Predictor:
    """The predictor with a peer in the place of the model."""
    side = ENGINES[engine](places)
    assert isinstance(side, Padded)
    reads_tokens = "token" in predictor.folder.model.heads
    return Predictor(predictor.folder, predictor.task, engine=PeerForward(side.logits, reads_tokens))


def write_files(places: Places, calibration: Sequence[str], home: Path) -> None:
    """Everything that the peers read."""
    Texts({}, [], [*calibration[:CALIBRATION_TEXTS]], 0).save(home / "texts.json")
    for kind in FILES:
        command = (sys.executable, "-m", "encodery.bench.predict_files", kind, str(places.folder))
        done = subprocess.run([*command, str(home / "texts.json"), str(places.files)], capture_output=True, text=True)
        if done.returncode:
            print(f"{kind}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)


def main(arguments: Sequence[str]) -> None:
    """Predict with each, compare, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", action="append", required=True)
    parser.add_argument("--calibrate", type=Path, required=True)
    parser.add_argument("--bundle", action="append", default=[], type=Path, help="ours, to be scored beside them")
    parser.add_argument("--field", action="append", default=[])
    plan = parser.parse_args(arguments)
    predictor = load(plan.model)
    task = predictor.task
    if not isinstance(task, Trainable) or not {"sequence", "token"} & set(predictor.folder.model.heads):
        raise UserError(f"{plan.model}: only text and token classification are compared here")
    columns = task.fields.parse(renamed(plan.field), "--field")
    examples = read_labelled(task.read, columns, files_given(plan.data)).examples
    calibration = [example.text for example in read_labelled(task.read, columns, {"": plan.calibrate}).examples]
    reference = predictor.predict_examples(examples)

    def tell(engine: str, predictions: Sequence[dict[str, Any]]) -> None:
        gate = compare_scores(task, reference, predictions, examples)
        print(json.dumps({"engine": engine, "model": str(plan.model), **gate.facts}), flush=True)

    with tempfile.TemporaryDirectory(prefix="encodery-peers-") as temporary:
        home = Path(temporary)
        places = Places(plan.model.resolve(), home / "files", home)
        write_files(places, calibration, home)
        for bundle in plan.bundle:
            tell(f"encodery {bundle.name}", load(bundle).predict_examples(examples))
        for engine in PEERS:
            try:
                compared = peer(engine, places, predictor)
            except Exception as error:  # whatever a peer raises, the others are still compared
                print(f"{engine}: {str(error).splitlines()[0]}", file=sys.stderr)
                continue
            tell(engine, compared.predict_examples(examples))


if __name__ == "__main__":
    main(sys.argv[1:])
