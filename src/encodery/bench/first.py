"""One side's process: `python -m encodery.bench.first ENGINE FOLDER TEXT`, from nothing to a first prediction.

It says the prediction, how long loading took and how much memory it needed, as one JSON line. Nothing is imported
before the engine but the standard library.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

First = Callable[[str, str], tuple[str, float]]
"""Folder and text → label and score."""


def import_ours() -> First:
    """Ours, imported and ready to load."""
    import encodery
    import encodery.report.predictions
    import encodery.serve.predictor  # `encodery.load` imports both when it is called; theirs are imported by now, too

    def first(folder: str, text: str) -> tuple[str, float]:
        prediction = encodery.load(folder).predict([text])[0]
        return prediction["label"], prediction["score"]

    return first


def import_peer() -> First:
    """`transformers` as its documentation has it, imported and ready to load."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    def first(folder: str, text: str) -> tuple[str, float]:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForSequenceClassification.from_pretrained(folder)
        with torch.inference_mode():
            scores = model(**tokenizer(text, return_tensors="pt")).logits.softmax(-1)[0]
        index = int(scores.argmax())
        return model.config.id2label[index], float(scores[index])

    return first


ENGINES: dict[str, Callable[[], First]] = {"encodery": import_ours, "transformers": import_peer}


def peak_bytes() -> int:
    """The most memory that this process held. `getrusage` would begin at the peak of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(
            1024 * int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")
        )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(arguments: list[str]) -> None:
    """Import, load, predict, report."""
    engine, folder, text = arguments
    # what libraries print must not end up before the report
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as report:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        first = ENGINES[engine]()
        imported, started = peak_bytes(), time.perf_counter()
        label, score = first(folder, text)
        seconds = time.perf_counter() - started
        values = {"label": label, "score": score, "seconds": seconds, "bytes": peak_bytes() - imported}
        print(json.dumps(values), file=report)


if __name__ == "__main__":
    main(sys.argv[1:])
