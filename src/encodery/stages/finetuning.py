"""The stages that fine-tune on labelled files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from encodery import batch as packed
from encodery.data.epochs import Epochs
from encodery.data.splits import SPLITS, described, files_by_name
from encodery.errors import UserError
from encodery.families.encoder_decoder import opens_in_transformers
from encodery.families.folder import ModelFolder
from encodery.model.heads import Model
from encodery.model.translator import Translator
from encodery.recipe import BASES, SCRATCH, FinetuneTable
from encodery.recipe.monolingual import ROUND_TRIP
from encodery.recipe.stuck import EARLY, StuckTable
from encodery.report.model_card import ModelCard
from encodery.serve.predictor import Predictor
from encodery.stages.adapting import begin_adapter, finish_adapter
from encodery.stages.by_direction import DevDirections
from encodery.stages.engine import Metrics, Run
from encodery.stages.evaluation import read_labelled, truncated, trust
from encodery.stages.group_table import group_table
from encodery.stages.monolingual import directions_of, lesson_of_text, round_trips_of, text_of
from encodery.stages.provenance import data_of, data_of_card, limits_of, run_command
from encodery.stages.round_trips import RoundTrips
from encodery.stages.saving import save_model, training_facts
from encodery.stages.starting import check_positions, starting_point
from encodery.stages.stuck import LOOK_EVERY, why_stuck
from encodery.stages.teachers import lesson_of
from encodery.stages.translating import labelled_file
from encodery.tasks.class_weights import describe
from encodery.tasks.directions import Directions
from encodery.tasks.languages import Languages
from encodery.tasks.task import Saved, TaskConfig, Trainable, Tunable
from encodery.tasks.translation import Translation
from encodery.tasks.windows import Encoded, Reading
from encodery.train.loss import mean_metrics
from encodery.train.trainer import Trainer

LOSS = "loss"
DEV_BATCH_TOKENS = 4096
PREDICTIONS = "predictions.jsonl"


Predictions = dict[str, list[dict[str, Any]]]
"""What the model said last of a split's examples."""


@dataclass(frozen=True)
class Job:
    """What a `finetune.NAME.SEED` stage works on, read and checked."""

    run: Run
    name: str
    seed: int
    start: ModelFolder
    learned: Any
    """What the task's config learned of the training data."""
    task: Trainable
    examples: Mapping[str, list[Any]]
    """Of each split that the recipe names."""
    encoded: list[Encoded]
    """The training examples."""
    round_trips: RoundTrips | None = None
    """What a translator that learns from text without pairs is measured on."""
    directions: DevDirections | None = None
    """The dev data of a translator."""

    @property
    def table(self) -> FinetuneTable:
        return self.run.recipe.finetune[self.name]

    @property
    def stage(self) -> str:
        return f"finetune.{self.name}.{self.seed}"

    def predict(self, split: str) -> list[dict[str, Any]]:
        """What the model says of a split, as it is now."""
        return Predictor(self.start, self.task).predict_examples(self.examples[split])


def build_finetune(run: Run, into: Path, work: Path, name: str, seed: int) -> Metrics:
    """A `finetune.NAME.SEED` stage: a model folder with a task head, its scores and its test predictions."""
    job = prepare(run, name, seed)
    said: Predictions = {}
    metrics = train(job, said, work)
    if "dev" in job.examples and isinstance(job.task, Tunable):
        job = replace(job, task=_tuned(job, job.task))
        metrics["dev"] |= evaluate_dev(job, said)
    job.start.model.cpu()
    metrics |= finish_adapter(run, job.table, job.start, into)
    evaluate_splits(job, said, metrics)
    if "test" in said:
        write_predictions(into / PREDICTIONS, job.task, job.examples["test"], said["test"])
    metrics["data"] = data_of(run, job.table)
    save(job, metrics, into, work)
    return metrics


def prepare(run: Run, name: str, seed: int) -> Job:
    """Data, task and the model to begin with.

    Raises:
        UserError: one of them is not as it must be, or they do not fit together.
    """
    table = run.recipe.finetune[name]
    examples = {split: read_split(run, table, split) for split in SPLITS if getattr(table, split)}
    config: TaskConfig = table.task
    learned: Any = None
    if table.train is not None:
        learned = config.learn(examples["train"], described(table.train), f"finetune.{name}.task")
    if table.monolingual:
        learned = directions_of(table, learned)
    examples.setdefault("train", [])
    if weights := describe(learned):
        run.note(f"class weights: {weights}")
    start = starting_point(run, table, learned, seed)
    check_positions(table, start.model, f"finetune.{name}")
    languages = Languages(start.languages, table.task.language)
    languages.check_default(f"finetune.{name}.task.language")
    task = config.task(start.tokenizer, learned, languages)
    measured = (*task.headline, ROUND_TRIP) if table.monolingual else task.headline
    check_best_metric(table, measured, f"finetune.{name}")
    table.task.check_languages(languages, examples["train"])
    encoded = [task.encode(example) for example in examples["train"]]
    for split in examples.keys() - {"train"}:
        for example in examples[split]:
            task.encode(example)  # a label that train lacks is found now, not after training
    if table.best_metric == LOSS:
        lessons_of(task, examples.get("dev", ()))  # so is an example of dev that has no loss
    if note := length_note(encoded, task.reading):
        run.note(note)
    if table.train is not None and not any(item.lessons for item in encoded):
        longest = table.task.max_seqlen
        files = described(table.train)
        raise UserError(f"{files}: nothing to learn from within task.max_seqlen = {longest}; raise it")
    round_trips = round_trips_of(run, name, start, task)
    directions = None
    if isinstance(task, Translation) and "dev" in examples:
        directions = DevDirections.of(task.directions, examples["train"], examples["dev"])
    return Job(run, name, seed, start, learned, task, examples, encoded, round_trips, directions)


def train(job: Job, said: Predictions, work: Path) -> dict[str, Any]:
    """Train the model; what it says of the dev data goes into `said`, its last scores into the metrics."""
    run, table = job.run, job.table
    sequences = [sequence for item in job.encoded for sequence in item.lessons]
    begin_adapter(run, table, job.start, job.seed, f"finetune.{job.name}")
    if table.monolingual:
        lesson = lesson_of_text(run, job.name, job.start, job.task, sequences, job.seed)
    else:
        epochs = Epochs(sequences, table.tokens_per_step, table.epochs, job.seed)
        lesson = lesson_of(run, job.name, job.task, job.start, job.learned, epochs, job.seed)
    trainer = Trainer(
        job.start.model,
        lesson.loss,
        lesson.batches,
        table,
        lesson.steps,
        job.seed,
        work,
        partial(evaluate_dev, job, said),
        run.console,
        job.stage,
        run.ranks,
        **_watched(job, lesson.steps),
    )
    metrics = {"dev": trainer.fit(), **training_facts(trainer)}
    run.ranks.dismiss_others()
    return metrics


def _watched(job: Job, steps: int) -> dict[str, Any]:
    """What the trainer is told of a translator that may get stuck, where anything is measured that shows it."""
    table = job.table
    if job.directions is None and job.round_trips is None:
        return {}
    rule = table.stuck or StuckTable()
    hopeless = partial(
        why_stuck,
        name=f"finetune.{job.name}",
        patience=rule.patience,
        after=rule.first_step(table.optimizer, EARLY if table.time else steps),  # a time ends where nobody knows
        monolingual=table.monolingual is not None,
    )
    return {"hopeless": hopeless, "look_every": LOOK_EVERY}


def evaluate_dev(job: Job, said: Predictions) -> Mapping[str, float]:
    """The headline over the dev data, with the loss where the run is judged by it; nothing without dev data. What a
    translator shows of each direction comes behind it, and what text without pairs shows."""
    without_pairs = job.round_trips.measure() if job.round_trips else {}
    if "dev" not in job.examples:
        return without_pairs
    said["dev"] = job.predict("dev")
    scores = job.task.score(said["dev"], job.examples["dev"])
    loss = dev_loss(job.task, job.start.model, job.examples["dev"]) if job.table.best_metric == LOSS else {}
    each = job.directions.measure(said["dev"]) if job.directions else {}
    return {key: scores[key] for key in job.task.headline if key in scores} | loss | each | without_pairs


def _tuned(job: Job, task: Tunable) -> Trainable:
    """The task with what is chosen on the dev data after training."""
    tuned: Trainable = task.tuned(
        lambda like, some: Predictor(job.start, like).predict_examples(some), job.examples["dev"]
    )
    return tuned


def evaluate_splits(job: Job, said: Predictions, metrics: dict[str, Any]) -> None:
    """Add the scores of the test data, and of each split how far they can be trusted and how much was left out."""
    task, examples = job.task, job.examples
    if "test" in examples:
        said["test"] = job.predict("test")
        metrics["test"] = task.score(said["test"], examples["test"])
    for split, predictions in said.items():  # of dev the last ones: the trainer ends with the weights that it keeps
        metrics[split] |= trust(task.headline, task.measure(predictions, examples[split]), examples[split])
        metrics[split] |= truncated(predictions)
        if "languages" in metrics[split]:
            table = group_table(f"{split}, by language", metrics[split]["languages"], task.headline)
            job.run.console.print(table)


def save(job: Job, metrics: dict[str, Any], into: Path, work: Path) -> None:
    """Write the model folder with its card."""
    task, start, table, labels = job.task, job.start, job.table, job.learned.labels
    data = data_of_card(metrics["data"])
    folder = replace(start, labels=labels or start.labels, info=task.info, problem_type=job.learned.problem_type)
    card = ModelCard(
        f"{job.run.recipe.name}-{job.name}",
        start.family.model_type,
        task.name,
        training_data=[line for line in data if line.startswith(SPLITS[0])] + text_of(job.run, table),
        evaluation_data=[line for line in data if not line.startswith(SPLITS[0])],
        limits=limits_of(task, job.examples["train"], job.encoded),
        command=run_command(job.run, job.stage),
        labels=labels,
        takes_pairs=any(task.record(example).get("text_pair") for example in job.examples["train"]),
        base_model=table.source if table.source not in (*BASES, SCRATCH) else "",
        directions=job.learned.pairs if isinstance(job.learned, Directions) else (),
        in_transformers=not isinstance(start.model, Translator) or opens_in_transformers(start.family),
    )
    save_model(into, work, folder, metrics, card)
    if isinstance(task, Saved):
        task.save(into, start.model.config.hidden_size)


def read_split(run: Run, table: FinetuneTable, split: str) -> list[Any]:
    """The examples of a split's files, in order.

    Raises:
        UserError: as `read_records`; or a record is none of the task's.
    """
    files = {name: labelled_file(run, path) for name, path in files_by_name(getattr(table, split)).items()}
    most = table.max_train_samples if split == "train" else None
    return [*table.task.understood(read_labelled(table.task.kind.read, table.columns, files, most).examples)]


def length_note(encoded: Sequence[Encoded], reading: Reading) -> str | None:
    """What becomes of training texts that are longer than the model reads at once, if there are any."""
    if left := sum(not item.lessons for item in encoded):
        longest = reading.max_seqlen
        return (
            f"{left} of {len(encoded)} training texts left out: longer than task.max_seqlen = {longest} on a side, "
            "or of several lines; encodery validate names them"
        )
    if cut := sum(item.truncated for item in encoded):
        return f"{cut} of {len(encoded)} training texts are cut at task.max_seqlen = {reading.max_seqlen}"
    long = [len(item.windows) for item in encoded if item.is_long]
    if not long:
        return None
    return (
        f"{len(long)} of {len(encoded)} training texts are longer than task.max_seqlen = {reading.max_seqlen} and "
        f"read in {sum(long)} windows"
    )


def check_best_metric(table: FinetuneTable, headline: Sequence[str], name: str) -> None:
    """Raises `UserError`, before anything is trained, if `best_metric` is not measured on the dev data."""
    if table.best_metric not in (None, *headline, LOSS):
        allowed = ", ".join((*headline, LOSS))
        raise UserError(f"{name}.best_metric = {table.best_metric!r:.80}; one of {allowed} is allowed")


def lessons_of(task: Trainable, examples: Sequence[Any]) -> list[packed.Sequence]:
    """What could be learned from examples.

    Raises:
        UserError: one of them has nothing that could.
    """
    return [sequence for example in examples for sequence in task.encode(example).lessons]


def dev_loss(task: Trainable, model: Model, examples: Sequence[Any]) -> dict[str, float]:
    """The task's loss over the dev data, for runs that are judged by it."""
    batches = Epochs(lessons_of(task, examples), DEV_BATCH_TOKENS, 1, 0)
    return {LOSS: mean_metrics(task, model, map(batches, range(len(batches))))[LOSS]}


def write_predictions(
    path: Path, task: Trainable, examples: Sequence[Any], predictions: Sequence[Mapping[str, Any]]
) -> None:
    """What the model said of each test example, beside what is true; arrays, which only scores are made of, not."""
    with path.open("w", encoding="utf-8") as file:
        for example, prediction in zip(examples, predictions, strict=True):
            said = {key: value for key, value in prediction.items() if not isinstance(value, np.ndarray)}
            file.write(json.dumps({**task.record(example), **said}, ensure_ascii=False) + "\n")
