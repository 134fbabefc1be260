"""Peak memory of the `shards` stage over corpora of 10, 50 and 100 MB in 40 languages, each in a process of its own.

What is counted is the process's own memory (`RssAnon`, every 20 ms), not the pages of files that are mapped: those
the system takes back when it needs them.

python benchmarks/shards_memory.py
"""

import json
import random
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from rich.console import Console

from encodery.recipe import load_recipe
from encodery.stages import open_run, run
from encodery.stages.graph import selected, stages_of
from encodery.train.progress import peak_memory_bytes

LANGUAGES = 40
WORDS = ["".join(random.Random(number).choices("aeioukmnrst", k=3 + number % 6)) for number in range(2000)]


def write_corpus(path: Path, megabytes: int) -> None:
    """Records of random words; the language of each is drawn, so that all are interleaved."""
    draw, size = random.Random(7), 0
    with path.open("w") as file:
        while size < megabytes * 1_000_000:
            text = "\n".join(" ".join(draw.choices(WORDS, k=13)) + "." for _ in range(17))
            number = int(LANGUAGES * draw.random() ** 3)
            size += file.write(json.dumps({"text": text, "lang": f"l{number:02}"}) + "\n")


def measure(folder: Path) -> None:
    """Print the memory before and at the peak of the stage."""
    recipe = folder / "recipe.toml"
    this = open_run(load_recipe(recipe, [f"output='{folder / 'runs'}'"]), recipe, Console(quiet=True))
    stages = stages_of(this)
    run(this, selected(stages, ["tokenizer"]))
    before, done, seen = own_memory(), threading.Event(), [0]

    def watch() -> None:
        while not done.wait(0.02):
            seen.append(max(seen.pop(), own_memory()))

    watching = threading.Thread(target=watch)
    watching.start()
    run(this, selected(stages, ["shards"]))
    done.set()
    watching.join()
    print(
        f"before the stage {before / 1e6:.0f} MB, its peak {seen[0] / 1e6:.0f} MB; with mapped files "
        f"{peak_memory_bytes() / 1e6:.0f} MB"
    )


def own_memory() -> int:
    """Bytes of this process that are no file's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


def main() -> None:
    """All sizes, one after the other."""
    for megabytes in (10, 50, 100):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_corpus(folder / "text.jsonl", megabytes)
            (folder / "recipe.toml").write_text(
                'name = "memory"\ncorpus.inputs = [{ path = "text.jsonl", language_field = "lang" }]\n'
                "tokenizer.vocab_size = 3000\n"
            )
            print(f"{megabytes} MB: ", end="", flush=True)
            subprocess.run([sys.executable, __file__, str(folder)], check=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
    else:
        main()
