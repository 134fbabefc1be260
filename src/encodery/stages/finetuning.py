"""The stages that fine-tune on labelled files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from encodery.data.epochs import Epochs
from encodery.data.splits import files_by_name
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, load_folder
from encodery.model.heads import Model
from encodery.recipe import BASES, SCRATCH, FinetuneTable
from encodery.report.model_card import ModelCard
from encodery.serve.predictor import Predictor
from encodery.stages.adapting import begin_adapter, finish_adapter
from encodery.stages.engine import Metrics, Run, base_folder
from encodery.stages.evaluation import read_labelled, trust
from encodery.stages.group_table import group_table
from encodery.stages.provenance import SPLITS, data_of, data_of_card, limits_of, run_command
from encodery.stages.saving import save_model, training_facts
from encodery.tasks.class_weights import describe
from encodery.tasks.languages import Languages
from encodery.tasks.task import Saved, TaskConfig, Trainable, Tunable
from encodery.tasks.windows import Encoded, Reading
from encodery.text.tokenizer import Tokenizer
from encodery.train.loss import mean_metrics
from encodery.train.trainer import Trainer

LOSS = "loss"
DEV_BATCH_TOKENS = 4096
UNNAMED_LABELS = 2
"""The size of a head whose task names no labels, where it has one: that of `transformers`."""
PREDICTIONS = "predictions.jsonl"


def build_finetune(run: Run, into: Path, work: Path, name: str, seed: int) -> Metrics:
    """A `finetune.NAME.SEED` stage: a model folder with a task head, its scores and its test predictions."""
    table = run.recipe.finetune[name]
    examples = {split: read_split(table, run.base, split) for split in SPLITS if getattr(table, split)}
    config: TaskConfig = table.task
    learned = config.learn(examples["train"], table.train, f"finetune.{name}.task")
    if weights := describe(learned):
        run.console.print(f"class weights: {weights}", markup=False)
    start = starting_point(run, table, learned.labels, seed)
    positions = start.model.config.num_positions
    if table.task.max_seqlen > positions:
        raise UserError(
            f"finetune.{name}.task.max_seqlen = {table.task.max_seqlen} is longer than the positions of "
            f"{table.source}; at most {positions} is allowed"
        )
    languages = Languages(start.languages, table.task.language)
    languages.check_default(f"finetune.{name}.task.language")
    task = config.task(start.tokenizer, learned, languages)
    languages.check_training(examples["train"])
    encoded = [task.encode(example) for example in examples["train"]]
    for split in examples.keys() - {"train"}:
        for example in examples[split]:
            task.encode(example)  # a label that train lacks is found now, not after training
    if note := length_note(encoded, task.reading):
        run.console.print(note)
    sequences = [sequence for item in encoded for sequence in item.sequences]
    epochs = Epochs(sequences, table.tokens_per_step, table.epochs, seed)
    begin_adapter(run, table, start, seed, f"finetune.{name}")
    predictor = Predictor(start, task)

    check_best_metric(table, task.headline, f"finetune.{name}")

    latest: dict[str, list[dict[str, Any]]] = {}

    def evaluate() -> Mapping[str, float]:
        if "dev" not in examples:
            return {}
        latest["dev"] = predictor.predict_examples(examples["dev"])
        scores = task.score(latest["dev"], examples["dev"])
        loss = dev_loss(task, start.model, examples["dev"]) if table.best_metric == LOSS else {}
        return {key: scores[key] for key in task.headline if key in scores} | loss

    trainer = Trainer(
        start.model,
        task,
        epochs,
        table,
        len(epochs),
        seed,
        work,
        evaluate,
        run.console,
        f"finetune.{name}.{seed}",
        run.ranks,
    )
    metrics: dict[str, Any] = {"dev": trainer.fit(), **training_facts(trainer)}
    run.ranks.dismiss_others()
    if "dev" in examples and isinstance(task, Tunable):
        task = task.tuned(lambda like, some: Predictor(start, like).predict_examples(some), examples["dev"])
        predictor = Predictor(start, task)
        metrics["dev"] |= evaluate()
    start.model.cpu()
    metrics |= finish_adapter(run, table, start, into)
    if "test" in examples:
        latest["test"] = predictor.predict_examples(examples["test"])
        metrics["test"] = task.score(latest["test"], examples["test"])
        write_predictions(into / PREDICTIONS, task, examples["test"], latest["test"])
    for split, predictions in latest.items():  # of dev the last ones: the trainer ends with the weights that it keeps
        metrics[split] |= trust(task.headline, task.measure(predictions, examples[split]), examples[split])
        if "languages" in metrics[split]:
            run.console.print(group_table(f"{split}, by language", metrics[split]["languages"], task.headline))
    metrics["data"] = data_of(run, table)
    folder = replace(start, labels=learned.labels or start.labels, info=task.info, problem_type=learned.problem_type)
    card = ModelCard(
        f"{run.recipe.name}-{name}",
        start.family.model_type,
        task.name,
        training_data=data_of_card(metrics["data"])[:1],
        evaluation_data=data_of_card(metrics["data"])[1:],
        limits=limits_of(task, examples["train"], encoded),
        command=run_command(run, f"finetune.{name}.{seed}"),
        labels=learned.labels,
        takes_pairs=any(task.record(example).get("text_pair") for example in examples["train"]),
        base_model=table.source if table.source not in (*BASES, SCRATCH) else "",
    )
    save_model(into, work, folder, metrics, card)
    if isinstance(task, Saved):
        task.save(into, start.model.config.hidden_size)
    return metrics


def read_split(table: FinetuneTable, base: Path, split: str) -> list[Any]:
    """The examples of a split's files, in order.

    Raises:
        UserError: as `read_records`; or a record is none of the task's.
    """
    files = {name: base / path for name, path in files_by_name(getattr(table, split)).items()}
    return [*read_labelled(table.task.kind.read, table.columns, files).examples]


def length_note(encoded: Sequence[Encoded], reading: Reading) -> str | None:
    """What becomes of training texts that are longer than the model reads at once, if there are any."""
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


def dev_loss(task: Trainable, model: Model, examples: Sequence[Any]) -> dict[str, float]:
    """The task's loss over the dev data, for runs that are judged by it."""
    sequences = [sequence for example in examples for sequence in task.encode(example).sequences]
    batches = Epochs(sequences, DEV_BATCH_TOKENS, 1, 0)
    return {LOSS: mean_metrics(task, model, map(batches, range(len(batches))))[LOSS]}


def starting_point(run: Run, table: FinetuneTable, labels: Sequence[str], seed: int) -> ModelFolder:
    """The model that fine-tuning starts from: of an earlier stage, fresh, or from a folder."""
    if table.source == SCRATCH:
        tokenizer = Tokenizer.load(run.artifact("tokenizer"))
        family = FAMILIES[run.recipe.model.family]
        config = run.recipe.model.encoder(tokenizer.vocab_size, tokenizer.pad_token_id)
        model = family.model(config, table.task.kind.heads, len(labels) or UNNAMED_LABELS)
        model.initialize(seed)
        return ModelFolder(family, model, tokenizer, tuple(labels))
    folder = load_folder(base_folder(run, table.source), table.task.kind.heads, labels or None, seed)
    try:
        folder.model.reinitialize(table.reinit_pooler, table.reinit_layers, seed)
    except ValueError as error:
        raise UserError(
            f"finetune: reinit_pooler = {str(table.reinit_pooler).lower()}, reinit_layers = {table.reinit_layers}: "
            f"{error} ({table.source})"
        ) from None
    return folder


def write_predictions(
    path: Path, task: Trainable, examples: Sequence[Any], predictions: Sequence[Mapping[str, Any]]
) -> None:
    """What the model said of each test example, beside what is true; arrays, which only scores are made of, not."""
    with path.open("w", encoding="utf-8") as file:
        for example, prediction in zip(examples, predictions, strict=True):
            said = {key: value for key, value in prediction.items() if not isinstance(value, np.ndarray)}
            file.write(json.dumps({**task.record(example), **said}, ensure_ascii=False) + "\n")
