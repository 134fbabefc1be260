"""What training a vocabulary takes: peak memory and time, and whether a second run gives the same.

python benchmarks/vocabulary_memory.py --text PATH... [--megabytes 1000] [--kind KIND...] [--vocab-size N] [--runs 2]

The text is that of the files again and again, one character in a hundred replaced by a letter at random, so that
there is no end of new words, as on the web. It is made as it is read. Each run is a process of its own.
"""

import argparse
import hashlib
import json
import random
import resource
import string
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from encodery.corpus.inputs import CorpusInput
from encodery.corpus.readers import read_documents
from encodery.text.tokenizer import parse_spec, train_tokenizer

SIZES = {"wordpiece": 30_000, "byte-bpe": 50_000, "unigram": 250_002, "moses-bpe": 30_000}
CHARS_PER_ERROR = 100


def noisy(paths: Sequence[str], megabytes: float) -> Iterator[str]:
    """Documents until there are so many megabytes of UTF-8; every pass over the files has its own errors."""
    generator = random.Random(7)
    inputs = [CorpusInput(path=path) for path in paths]
    size = 0
    while True:
        for document in read_documents(inputs, Path()):
            yield (text := with_errors(document.text, generator))
            size += len(text.encode())
            if size >= 1e6 * megabytes:
                return


def with_errors(text: str, generator: random.Random) -> str:
    """A text with some of its letters replaced; its spaces and lines stay."""
    characters = list(text)
    for _ in range(len(text) // CHARS_PER_ERROR):
        place = int(generator.random() * len(characters))
        if not characters[place].isspace():
            characters[place] = string.ascii_lowercase[int(generator.random() * 26)]
    return "".join(characters)


def train(kind: str, vocab_size: int, paths: Sequence[str], megabytes: float) -> dict[str, object]:
    """Train once, in this process."""
    before, start = peak_megabytes(), time.perf_counter()
    tokenizer = train_tokenizer(parse_spec({"type": kind, "vocab_size": vocab_size}, kind), noisy(paths, megabytes))
    seconds = time.perf_counter() - start
    tokens = "\n".join(tokenizer.id_to_token(index) for index in range(tokenizer.vocab_size))
    return {
        "kind": kind,
        "vocab_size": tokenizer.vocab_size,
        "text_megabytes": megabytes,
        "peak_megabytes": round(peak_megabytes()),
        "before_megabytes": round(before),
        "seconds": round(seconds),
        "sha256": hashlib.sha256(tokens.encode()).hexdigest()[:16],
    }


def peak_megabytes() -> float:
    """The high-water mark of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main() -> None:
    """Run every kind so many times, each in a new process; a JSON line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--text", nargs="+", required=True, help="files or folders of text, as corpus.inputs has them"
    )
    parser.add_argument("--megabytes", type=float, default=1000)
    parser.add_argument("--kind", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--vocab-size", type=int, help="; ".join(f"{kind} {size:,}" for kind, size in SIZES.items()))
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--here", action="store_true", help="one run of the first kind, in this process")
    options = parser.parse_args()
    if options.here:
        kind = options.kind[0]
        print(json.dumps(train(kind, options.vocab_size or SIZES[kind], options.text, options.megabytes)), flush=True)
        return
    for kind in options.kind:
        size = options.vocab_size or SIZES[kind]
        own = ["--megabytes", str(options.megabytes), "--kind", kind, "--vocab-size", str(size), "--here"]
        for _ in range(options.runs):
            subprocess.run([sys.executable, __file__, "--text", *options.text, *own], check=True)


if __name__ == "__main__":
    main()
