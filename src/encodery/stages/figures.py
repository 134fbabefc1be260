"""What came of a comparison, as figures: a value for each seed of each scheme, from which all else follows."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from encodery.artifact import read_manifest
from encodery.families.folder import read_sizes
from encodery.model.heads import Model
from encodery.model.skeleton import shapes_only
from encodery.stages.exam import BITS, EXAM
from encodery.stages.fairness import measured_split
from encodery.stages.report import SCORES
from encodery.stages.schemes import FINETUNE, Seeded
from encodery.tasks.metrics import Estimate, mean_interval, paired_difference
from encodery.train.log import LOG, read_log

PRETRAINING, TASKS, COST = "pretraining", "tasks", "cost"
AS_TRAINED = "as_trained"
SEEDS, EXAMPLES = "seeds", "test examples"
WORDS = {
    "mlm_loss": "masked LM loss",
    "mlm_accuracy": "masked LM accuracy",
    "nsp_loss": "next sentence loss",
    "nsp_accuracy": "next sentence accuracy",
    BITS: "bits per character",
}
"""What figures of held-out text are called; others by their own names."""


@dataclass(frozen=True)
class Figure:
    """One thing that was measured of every scheme that has it."""

    key: str
    name: str
    group: str
    values: Mapping[str, Sequence[float]]
    """By scheme, in the order of the seeds."""
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Of schemes with a single seed, the interval over test examples."""
    is_score: bool = False
    """Whether higher is better."""

    def estimate(self, scheme: str) -> Estimate:
        """The mean over seeds with its interval; of a single one, the interval over test examples if there is one."""
        found = mean_interval(self.values[scheme])
        return found if found.interval else Estimate(found.mean, self.intervals.get(scheme))

    def interval_over(self, scheme: str) -> str | None:
        """What the interval of the estimate is about; None if there is none."""
        if len(self.values[scheme]) > 1:
            return SEEDS
        return EXAMPLES if scheme in self.intervals else None

    def difference(self, first: str, scheme: str) -> Estimate:
        """How much higher a scheme is than the first, paired by seed."""
        return paired_difference(self.values[first], self.values[scheme])


@dataclass(frozen=True)
class Outcome:
    """Everything a finished run has to say: metrics of its manifests and the log of its training on text."""

    run: Seeded
    metrics: Mapping[str, Mapping[str, Any]]
    """By stage."""
    log: Sequence[Mapping[str, Any]]
    """Of the last stage that trains on text."""


def outcome(run: Seeded) -> Outcome:
    """What a run that is done says of itself.

    Raises:
        UserError: a manifest or a log is damaged.
    """
    manifests = {stage.name: read_manifest(run.run.artifact(stage.name)) for stage in run.stages}
    metrics = {name: manifest.metrics for name, manifest in manifests.items() if manifest}
    log = read_log(run.run.artifact(run.pretraining[-1].name) / LOG) if run.pretraining else []
    return Outcome(run, metrics, log)


def figures_of(outcomes: Sequence[Outcome]) -> list[Figure]:
    """All figures, in the order in which they are shown. A scheme that lacks a figure under one seed lacks it."""
    by_scheme: dict[str, list[dict[str, _Value]]] = {}
    for one in outcomes:
        values = {value.key: value for value in (*_text_values(one), *_task_values(one), *_cost_values(one))}
        by_scheme.setdefault(one.run.scheme.name, []).append(values)
    kinds: dict[str, _Value] = {}
    for runs in by_scheme.values():
        for values in runs:
            kinds = {**values, **kinds}
    ordered = sorted(kinds.values(), key=lambda kind: (PRETRAINING, TASKS, COST).index(kind.group))
    return [_figure(kind, by_scheme) for kind in ordered]


@dataclass(frozen=True)
class _Value:
    """A figure of one run."""

    key: str
    name: str
    group: str
    value: float
    interval: tuple[float, float] | None = None
    is_score: bool = False


def _figure(kind: _Value, by_scheme: Mapping[str, Sequence[Mapping[str, _Value]]]) -> Figure:
    have = {
        scheme: [values[kind.key] for values in runs]
        for scheme, runs in by_scheme.items()
        if all(kind.key in values for values in runs)
    }
    alone = {scheme: found[0].interval for scheme, found in have.items() if len(found) == 1}
    return Figure(
        kind.key,
        kind.name,
        kind.group,
        {scheme: [one.value for one in found] for scheme, found in have.items()},
        {scheme: ends for scheme, ends in alone.items() if ends},
        kind.is_score,
    )


def _text_values(one: Outcome) -> Iterator[_Value]:
    """The exam, which is the same for all, before what each scheme measured in its own way."""
    measured = {EXAM: one.metrics.get(EXAM, {})}
    for stage in one.run.pretraining[-1:]:
        measured[AS_TRAINED] = one.metrics[stage.name].get("valid", {})
    for origin, found in measured.items():
        metrics = {name: float(value) for name, value in found.items() if isinstance(value, int | float)}
        for metric in sorted(metrics, key=lambda metric: [*WORDS, metric].index(metric)):
            name = f"{origin.replace('_', ' ')}: {WORDS.get(metric, metric)}"
            is_score = metric.endswith("accuracy")
            yield _Value(f"{origin}.{metric}", name, PRETRAINING, metrics[metric], is_score=is_score)


def _task_values(one: Outcome) -> Iterator[_Value]:
    """The first of `SCORES` that a task has, and of each language if the files are of several."""
    for name, table in one.run.run.recipe.finetune.items():
        split = measured_split(table)
        scores = one.metrics[f"{FINETUNE}.{name}.{one.run.seed}"].get(split, {})
        metric = next((metric for metric in SCORES if metric in scores), None)
        if metric is None:
            continue
        key, title = f"{FINETUNE}.{name}.{split}.{metric}", f"{name}: {split} {SCORES[metric]}"
        yield _score(key, title, scores, metric)
        for language, group in scores.get("languages", {}).items():
            if metric in group:
                yield _score(f"{key}.{language}", f"{title} ({language})", group, metric)


def _score(key: str, name: str, scores: Mapping[str, Any], metric: str) -> _Value:
    ends = scores.get("intervals", {}).get(metric)
    return _Value(key, name, TASKS, scores[metric], (ends[0], ends[1]) if ends else None, is_score=True)


def _cost_values(one: Outcome) -> Iterator[_Value]:
    recipe, trained = one.run.run.recipe, [one.metrics[stage.name] for stage in one.run.pretraining]
    if trained:
        steps = [record for record in one.log if record["event"] == "step"]
        logs = [read_log(one.run.run.artifact(stage.name) / LOG) for stage in one.run.pretraining]
        yield _cost("pretraining.seconds", "pretraining, seconds", sum(map(training_seconds, logs)))
        yield _cost("pretraining.tokens", "pretraining, tokens", sum(metrics["tokens"] for metrics in trained))
        if steps:
            speed = statistics.median(record["tokens_per_second"] for record in steps)
            yield _cost("pretraining.tokens_per_second", "pretraining, tokens/s", speed)
        yield from _memory(logs)
        yield _cost("parameters", "parameters, with heads", trained[-1]["parameters"])
        stack = stack_parameters(one.run.run.artifact(one.run.pretraining[-1].name))
        yield _cost("encoder_parameters", "parameters of the encoder stack", stack)
    if recipe.finetune:
        stages = [f"{FINETUNE}.{name}.{one.run.seed}" for name in recipe.finetune]
        logs = [read_log(one.run.run.artifact(stage) / LOG) for stage in stages]
        yield _cost("finetune.seconds", "fine-tuning, seconds", sum(map(training_seconds, logs)))


def _memory(logs: Sequence[Sequence[Mapping[str, Any]]]) -> Iterator[_Value]:
    names = {"peak_memory_bytes": "peak memory, MB", "peak_device_memory_bytes": "peak device memory, MB"}
    for key, name in names.items():
        if peaks := [record[key] for log in logs for record in log if key in record]:
            yield _cost(f"pretraining.{key}", name, max(peaks) / 1e6)


def _cost(key: str, name: str, value: float | int) -> _Value:
    return _Value(key, name, COST, float(value))


def training_seconds(log: Sequence[Mapping[str, Any]]) -> float:
    """How long the steps of a log took, by their tokens and pace; evaluations and checkpoints are not in it."""
    seconds, before = 0.0, 0
    for record in log:
        if record["event"] == "step":
            seconds += (record["tokens"] - before) / record["tokens_per_second"]
            before = record["tokens"]
    return seconds


def stack_parameters(model: Path) -> int:
    """Weights of the layers between the embeddings and the heads: what DistilBERT halves (Sanh et al. 2019)."""
    config = read_sizes(model)
    with shapes_only():
        layers = Model(config, ()).encoder.layers
    return sum(parameter.numel() for parameter in layers.parameters())
