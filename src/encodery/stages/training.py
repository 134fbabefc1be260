"""The stages that train: pretraining on shards, fine-tuning on labelled files."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from encodery import __version__
from encodery.batch import Batch
from encodery.data.epochs import Epochs
from encodery.data.shards import Shards
from encodery.data.splits import files_by_name
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, load_folder, save_folder
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.objectives.objective import Pretraining
from encodery.objectives.seqlen_warmup import warmed_up
from encodery.objectives.vocabulary import Vocabulary
from encodery.recipe import BASES, SCRATCH, FinetuneTable
from encodery.report.model_card import ModelCard, model_card
from encodery.serve.predictor import Predictor
from encodery.stages.adapting import begin_adapter, finish_adapter
from encodery.stages.engine import Metrics, Run, base_folder
from encodery.stages.evaluation import read_labelled, trust
from encodery.stages.group_table import group_table
from encodery.stages.provenance import SPLITS, data_of, data_of_card, limits_of, run_command, scores_of_card
from encodery.tasks.class_weights import describe
from encodery.tasks.languages import Languages
from encodery.tasks.task import Saved, TaskConfig, Trainable, Tunable
from encodery.tasks.windows import Encoded, Reading
from encodery.text.tokenizer import Tokenizer
from encodery.train.loss import mean_metrics
from encodery.train.trainer import Trainer

SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "max_position_embeddings")
LOG = "log.jsonl"
LOSS = "loss"
DEV_BATCH_TOKENS = 4096
UNNAMED_LABELS = 2
"""The size of a head whose task names no labels, where it has one: that of `transformers`."""
PREDICTIONS = "predictions.jsonl"


def build_pretrain(run: Run, into: Path, work: Path) -> Metrics:
    """The `pretrain` stage: a model folder with the objective's heads."""
    recipe, table = run.recipe, run.recipe.pretrain
    assert table is not None
    assert recipe.corpus is not None
    tokenizer = Tokenizer.load(run.artifact("tokenizer"))

    family = FAMILIES[recipe.model.family]
    config = recipe.model.encoder(tokenizer.vocab_size, tokenizer.pad_token_id)
    lang2id = number_languages(run, config) if config.has_language_embeddings else None

    def objective_over(split: str, max_seqlen: int) -> Pretraining:
        return Pretraining(
            config=table.objective,
            shards=Shards.open(run.artifact("shards") / split),
            vocabulary=vocabulary_of(tokenizer),
            max_seqlen=max_seqlen,
            tokens_per_step=table.tokens_per_step,
            seed=recipe.seed,
            lang2id=lang2id,
        )

    objective, valid = (objective_over(split, table.max_seqlen) for split in ("train", "valid"))
    batches: Callable[[int], Batch] = objective.batch
    if warmup := table.seqlen_warmup:
        short = objective_over("train", warmup.max_seqlen)
        batches = warmed_up(short.batch, batches, warmup.steps, table.max_seqlen, recipe.seed)
    model = family.model(config, ("mlm", "nsp") if table.objective.nsp else ("mlm",))
    model.initialize(recipe.seed)
    valid_batches = list(valid.validation_batches(table.valid_max_tokens))
    trainer = Trainer(
        model,
        objective,
        batches,
        table,
        table.steps,
        recipe.seed,
        work,
        lambda: mean_metrics(valid, model, valid_batches),
        run.console,
        "pretrain",
    )
    metrics: dict[str, Any] = {"valid": trainer.fit(), **training_facts(trainer)}
    if table.objective.nsp:
        metrics["nsp_majority"] = nsp_majority(valid_batches)
    folder = ModelFolder(
        family, model.cpu(), tokenizer, info={"max_seqlen": table.max_seqlen}, settings=_settings(lang2id)
    )
    inputs = [source.path for source in recipe.corpus.inputs]
    mask_token = tokenizer.id_to_token(tokenizer.mask_token_id)
    card = ModelCard(recipe.name, recipe.model.family, "fill-mask", training_data=inputs, mask_token=mask_token)
    _save(into, work, folder, metrics, card)
    return metrics


def number_languages(run: Run, config: EncoderConfig) -> dict[str, int] | None:
    """A number for each language of the training text, in the order of their names, as XLM has them.

    None where the text names none: then no vector of a language is added, nor learned.

    Raises:
        UserError: there are more languages than the model has vectors.
    """
    languages = sorted(filter(None, Shards.open(run.artifact("shards") / "train").languages))
    if not languages:
        run.console.print(
            "corpus.inputs name no language, or the token shards are older than these: the model's "
            f"{config.num_languages} vectors of languages stay as they are drawn"
        )
        return None
    if len(languages) > config.num_languages:
        raise UserError(
            f"model.config.num_languages = {config.num_languages}, but the corpus has {len(languages)} languages "
            f"({', '.join(languages)}); raise num_languages"
        )
    return {language: number for number, language in enumerate(languages)}


def _settings(lang2id: Mapping[str, int] | None) -> dict[str, Any]:
    """What `config.json` says of languages, as XLM's does."""
    if lang2id is None:
        return {}
    return {"lang2id": dict(lang2id), "id2lang": {str(number): language for language, number in lang2id.items()}}


def nsp_majority(batches: Sequence[Batch]) -> float:
    """The NSP accuracy of always giving the commoner answer: texts of one sentence have no true next."""
    labels = torch.cat([batch.sequence_labels for batch in batches if batch.sequence_labels is not None]).float()
    return max(labels.mean().item(), 1 - labels.mean().item())


def vocabulary_of(tokenizer: Tokenizer) -> Vocabulary:
    """What an objective must know of a tokenizer."""
    return Vocabulary(
        vocab_size=tokenizer.vocab_size,
        cls_token_id=tokenizer.cls_token_id,
        sep_token_id=tokenizer.sep_token_id,
        mask_token_id=tokenizer.mask_token_id,
        pad_token_id=tokenizer.pad_token_id,
        special_ids=tokenizer.special_ids,
        continues_word=tokenizer.continues_word,
        ends_word=tokenizer.ends_word,
    )


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
        start.model, task, epochs, table, len(epochs), seed, work, evaluate, run.console, f"finetune.{name}.{seed}"
    )
    metrics: dict[str, Any] = {"dev": trainer.fit(), **training_facts(trainer)}
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
    _save(into, work, folder, metrics, card)
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


def training_facts(trainer: Trainer) -> dict[str, Any]:
    """Sizes of a training run, and which evaluation was its best, if that was asked."""
    state = trainer.state
    best: dict[str, Any] = {"best": state.best.model_dump()} if state.best else {}
    threads = {"threads": state.threads} if state.threads else {}
    return {
        "steps": state.step,
        "tokens": state.tokens,
        "skipped_steps": state.skipped_steps,
        "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
        **best,
        **threads,
    }


def _save(into: Path, work: Path, folder: ModelFolder, metrics: Metrics, card: ModelCard) -> None:
    """The model folder, its card and the log of its training."""
    save_folder(into, replace(folder, info={**folder.info, "metrics": metrics}))
    config = folder.model.config
    sizes = {name: getattr(config, name) for name in SIZES} | {"parameters": metrics["parameters"]}
    scores = scores_of_card(metrics)
    training = {name: metrics[name] for name in ("steps", "tokens")}
    card = replace(card, sizes=sizes, training=training, metrics=scores, versions={"encodery": __version__})
    (into / "README.md").write_text(model_card(card), encoding="utf-8")
    shutil.copy(work / LOG, into / LOG)
