"""Scores of published predictions beside the published scores, with intervals, as Markdown.

    python benchmarks/oracles.py ../shared/data > table.md

The same comparisons are tests (`tests/tasks/metrics`); this prints the figures.
"""

import csv
import gzip
import json
import re
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from encodery.tasks.metrics import (
    AnswerRules,
    Measurement,
    answer_measurement,
    chunks,
    compare_answers,
    entity_measurement,
    intervals,
    scores,
    translation_measurement,
)


def rows_of(name: str, measurement: Measurement, expected: dict[str, float], scale: float) -> Iterator[str]:
    """A line for each figure: ours, theirs, how far apart, the interval."""
    ours, reach = scores(measurement), intervals(measurement)
    for figure, value in expected.items():
        low, high = (scale * end for end in reach[figure])
        mine = scale * ours[figure]
        yield f"| {name} | {figure} | {mine!r} | {value!r} | {abs(mine - value):.0e} | {low:.6g} to {high:.6g} |"


def read_json(path: Path) -> Any:
    return json.loads(gzip.decompress(path.read_bytes()))


def squad(data: Path) -> Iterator[str]:
    folder = data / "oracles/squad-v1.1-predictions"
    articles = read_json(data / "qa/squad-v1.1/dev-v1.1.json.gz")["data"]
    questions = [qa for article in articles for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
    right = [[answer["text"] for answer in qa["answers"]] for qa in questions]
    for name, expected in json.loads((folder / "expected.json").read_text()).items():
        predicted = read_json(folder / f"{name}.json.gz")
        answers = compare_answers([predicted.get(qa["id"]) for qa in questions], right, AnswerRules())
        figures = {figure: expected[figure] for figure in ("exact_match", "f1")}
        yield from rows_of(f"SQuAD v1.1, {name}", answer_measurement(answers), figures, 100.0)


def masakhaner(data: Path) -> Iterator[str]:
    folder = data / "oracles/masakhaner2-predictions"
    for expected in json.loads((folder / "expected.json").read_text()):
        predicted, true = (spans(path) for path in (folder / expected["file"], data / expected["gold"]))
        figures = {figure: expected[figure] for figure in ("precision", "recall", "f1")}
        name = f"MasakhaNER 2.0, {expected['file'].split('.')[0]}"
        yield from rows_of(name, entity_measurement(predicted, true), figures, 1.0)


def spans(path: Path) -> list[list[tuple[int, int, str]]]:
    blocks = re.split(r"\n\s*\n", gzip.decompress(path.read_bytes()).decode().strip())
    return [chunks([line.split()[-1] for line in block.splitlines()]) for block in blocks]


def conlleval(data: Path) -> Iterator[str]:
    text = (data / "oracles/conlleval/ground_truth.txt").read_text()
    sentences = [[line.split() for line in block.splitlines()] for block in re.split(r"\n\s*\n", text.strip())]
    true, predicted = ([chunks([row[place] for row in rows]) for rows in sentences] for place in (2, 3))
    printed = {"precision": 68.83, "recall": 80.83, "f1": 74.35}
    yield from rows_of("conlleval, 961 tokens", entity_measurement(predicted, true), printed, 100.0)


def wmt22(data: Path) -> Iterator[str]:
    folder = data / "parallel/wmt22"
    with (folder / "scores.tsv").open() as file:
        official = list(csv.DictReader(file, delimiter="\t"))
    for pair in ("cs-en", "de-fr", "en-de"):
        with tarfile.open(folder / f"{pair}.tar.gz") as tar:
            texts = {
                member.name.split(".", 2)[2].rsplit(".", 1)[0]: tar.extractfile(member).read().decode()  # type: ignore[union-attr]
                for member in tar.getmembers()
                if member.isfile()
            }
        lines = {name: text.rstrip("\n").split("\n") for name, text in texts.items()}
        rows = [row for row in official if row["pair"] == pair]
        for system, which in sorted({(row["system"], row["metric"].split("-")[1]) for row in rows}):
            # of equally good references chrF takes the first: C comes before B, as in the official table
            names = [name for name in sorted(lines, reverse=True) if name.startswith("ref.")]
            references = [lines[name] for name in names if which in (name[4:], "all")]
            expected = {
                row["metric"].split("-")[0]: float(row["score"])
                for row in rows
                if row["system"] == system and row["metric"].endswith(f"-{which}")
            }
            measured = translation_measurement(lines[f"hyp.{system}"], references, pair.split("-")[1])
            yield from rows_of(f"WMT22 {pair}, {system}, {which}", measured, expected, 1.0)


if __name__ == "__main__":
    data = Path(sys.argv[1])
    print("| predictions | figure | ours | published | apart | 95 % interval |\n|---|---|---|---|---|---|")
    for part in (squad, masakhaner, conlleval, wmt22):
        for row in part(data):
            print(row, flush=True)
