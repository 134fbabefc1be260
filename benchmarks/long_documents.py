"""Long documents: is what stands at their end found, and how much memory does a word take?

python benchmarks/long_documents.py MODEL... --text FILE... [--words 500 5000 50000]

Each MODEL is a fine-tuned folder of entities or of question answering. A document is that many words of the files,
and behind them a sentence with a name and a place that they do not have. Each is read in a process of its own; a
JSON line says what was found in that sentence, and by how much the process grew over its peak with 500 tokens.
"""

import argparse
import json
import subprocess
import sys
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import encodery
from encodery.corpus.inputs import CorpusInput
from encodery.corpus.readers import read_documents
from encodery.train.progress import peak_memory_bytes

LAST = "Yesterday Zebulon Quigley arrived in Reykjavik."
QUESTION = "Who arrived in Reykjavik?"
WORDS = (500, 5_000, 50_000)
WARM_WORDS = 400
"""Enough for windows: what they take at all is there before."""


def document(paths: list[str], words: int) -> str:
    """So many words of the files, from their beginning, then the sentence."""
    inputs = [CorpusInput(path=path) for path in paths]
    found = (word for _ in cycle([0]) for each in read_documents(inputs, Path()) for word in each.text.split())
    return " ".join([*islice(found, words), LAST])


def records(task: str, text: str) -> list[dict[str, Any]]:
    """The document as the task takes it."""
    return [{"text": text}] if task == "token-classification" else [{"question": QUESTION, "context": text}]


def said_of_the_end(prediction: dict[str, Any], begins: int) -> list[str]:
    """What the model found in the last sentence."""
    found = prediction.get("entities", [prediction])
    return [entity.get("text", entity.get("answer")) for entity in found if (entity["start"] or 0) >= begins]


def measure(folder: Path, paths: list[str], words: int) -> None:
    """One document; a JSON line."""
    model = encodery.load(folder)
    task = model.task.name
    model.predict(records(task, document(paths, WARM_WORDS)))
    text = document(paths, words)
    before, started = peak_memory_bytes(), time.perf_counter()
    (prediction,) = model.predict(records(task, text))
    line = {
        "task": task,
        "words": words,
        "seconds": round(time.perf_counter() - started, 1),
        "before_megabytes": round(before / 1e6),
        "grown_megabytes": round((peak_memory_bytes() - before) / 1e6),
        "found": said_of_the_end(prediction, len(text) - len(LAST)),
    }
    print(json.dumps(line), flush=True)


def main() -> None:
    """Every model with every length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--text", nargs="+", required=True, help="files of text, as corpus.inputs has them")
    parser.add_argument("--words", type=int, nargs="+", default=WORDS)
    parser.add_argument("--here", action="store_true", help="in this process")
    options = parser.parse_args()
    for folder in options.models:
        for words in options.words:
            if options.here:
                measure(folder, options.text, words)
                continue
            command = [
                sys.executable,
                __file__,
                str(folder),
                "--text",
                *options.text,
                "--words",
                str(words),
                "--here",
            ]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
