"""What a model came from and where its limits are, for the card that goes with it."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from encodery.artifact.disk import sha256
from encodery.data.aligned import paths_of
from encodery.data.splits import SPLITS, files_by_name
from encodery.errors import UserError
from encodery.recipe import FinetuneTable, load_recipe
from encodery.stages.engine import Run
from encodery.stages.translating import labelled_file, origin_of
from encodery.tasks.judging import Judging
from encodery.tasks.task import Trainable
from encodery.tasks.windows import Encoded

FEW = 50
"""Examples of a label below which a card warns."""
NAMED = 12
"""Labels that a card names."""


def data_of(run: Run, table: FinetuneTable) -> dict[str, dict[str, str]]:
    """Of `train`, `dev` and `test` (or `test.LANGUAGE`) the `file` and its `sha256`, as it lies on the disk; both of
    two aligned files. Of one that this run made, its `origin`."""
    return {
        f"{split}.{name}" if name else split: {
            "file": path,
            "sha256": ", ".join(map(sha256, paths_of(labelled_file(run, path)))),
            **({"origin": origin} if (origin := origin_of(run, path)) else {}),
        }
        for split in SPLITS
        for name, path in files_by_name(getattr(table, split)).items()
    }


def data_of_card(data: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The same as lines of a card."""
    lines = {split: f"{split}: {entry['file']}, sha256 {entry['sha256']}" for split, entry in data.items()}
    return [f"{line}, {origin}" if (origin := data[split].get("origin")) else line for split, line in lines.items()]


def limits_of(task: Trainable, train: Sequence[Any], encoded: Sequence[Encoded]) -> list[str]:
    """What the model has seen in its fine-tuning, and so what it has not."""
    if not encoded:
        return ["It learned from the text of the run's [corpus], not from labelled examples."]
    lengths = [sum(window.num_own for window in item.windows) for item in encoded]
    middle, most = (int(value) for value in np.quantile(lengths, [0.5, 0.95], method="lower"))
    limits = [
        f"Lengths seen: half of the texts up to {middle:,} tokens, 95 % up to {most:,}, the longest {max(lengths):,}."
    ]
    spoken = [getattr(example, "direction", None) or example.language for example in train]
    languages = Counter(filter(None, spoken))
    if languages:
        named = ", ".join(f"{name} ({count:,})" for name, count in languages.most_common())
        limits.append(
            f"Languages seen in fine-tuning: {named}. Others were not measured unless the table names them."
        )
    else:
        limits.append("The training data do not say their language.")
    if few := _few(task, train):
        limits.append(f"Labels with fewer than {FEW} training examples, whose scores are little known: {few}.")
    return limits


def _few(task: Trainable, train: Sequence[Any]) -> str:
    if not isinstance(task, Judging):
        return ""
    counts = Counter(label for example in train for label in task.labels_of(example))
    few = sorted((count, label) for label, count in counts.items() if count < FEW)
    more = f" and {len(few) - NAMED} more" if len(few) > NAMED else ""
    return ", ".join(f"{label} ({count})" for count, label in few[:NAMED]) + more


def run_command(run: Run, stage: str) -> str:
    """What makes this model again."""
    command = f"encodery run {shlex.quote(run.path.name)} {stage}"
    scale = [f"scale={run.recipe.scale}"] if run.recipe.scale else []
    if scale:
        command += f" --set {shlex.quote(scale[0])}"
    try:
        written = load_recipe(run.path, scale)
    except UserError:  # the file is not valid without what the command line changed
        written = None
    if written and written.model_copy(update={"output": run.recipe.output}) == run.recipe:
        return command
    return f"{command}  # with the changes by --set that manifest.json has under config"


def scores_of_card(metrics: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(data, metric, value) of every score, with its interval and by language where it has them."""
    rows = []
    for split in ("valid", *SPLITS):
        scores = metrics.get(split, {})
        rows += [(split, *row) for row in _rows(scores)]
        for language, group in scores.get("languages", {}).items():
            rows += [(f"{split}, {language}", *row) for row in _rows(group)]
    return rows


def _rows(scores: Mapping[str, Any]) -> list[tuple[str, str]]:
    ends = scores.get("intervals", {})
    return [
        (name, f"{value:.4f}" + (f" (95 %: {ends[name][0]:.4f} to {ends[name][1]:.4f})" if name in ends else ""))
        for name, value in scores.items()
        if isinstance(value, float)
    ]
