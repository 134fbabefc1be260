"""The stage that pretrains on shards."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from encodery.batch import Batch
from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder
from encodery.model.config import EncoderConfig
from encodery.objectives.objective import Pretraining
from encodery.objectives.seqlen_warmup import warmed_up
from encodery.objectives.vocabulary import Vocabulary
from encodery.report.model_card import ModelCard
from encodery.stages.engine import Metrics, Run
from encodery.stages.saving import save_model, training_facts
from encodery.text.tokenizer import Tokenizer
from encodery.train.loss import mean_metrics
from encodery.train.trainer import Trainer


def build_pretrain(run: Run, into: Path, work: Path) -> Metrics:
    """The `pretrain` stage: a model folder with the objective's heads."""
    recipe, table = run.recipe, run.recipe.pretrain
    assert table is not None
    assert recipe.corpus is not None
    tokenizer = Tokenizer.load(run.artifact("tokenizer"))

    family = FAMILIES[recipe.model.family]
    config = recipe.model.encoder(tokenizer.vocab_size, tokenizer.pad_token_id)
    shards = run.artifact("shards") / "train"
    lang2id = number_languages(run, config, shards) if config.has_language_embeddings else None

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
        run.ranks,
    )
    metrics: dict[str, Any] = {"valid": trainer.fit(), **training_facts(trainer)}
    run.ranks.dismiss_others()
    if table.objective.nsp:
        metrics["nsp_majority"] = nsp_majority(valid_batches)
    folder = ModelFolder(
        family, model.cpu(), tokenizer, info={"max_seqlen": table.max_seqlen}, settings=settings_of(lang2id)
    )
    inputs = [source.path for source in recipe.corpus.inputs]
    mask_token = tokenizer.id_to_token(tokenizer.mask_token_id)
    card = ModelCard(recipe.name, recipe.model.family, "fill-mask", training_data=inputs, mask_token=mask_token)
    save_model(into, work, folder, metrics, card)
    return metrics


def number_languages(run: Run, config: EncoderConfig, shards: Path, table: str = "model") -> dict[str, int] | None:
    """A number for each language of the training text, in the order of their names, as XLM has them.

    None where the text names none: then no vector of a language is added, nor learned.

    Raises:
        UserError: there are more languages than the model has vectors.
    """
    languages = sorted(filter(None, Shards.open(shards).languages))
    if not languages:
        run.console.print(
            "corpus.inputs name no language, or the token shards are older than these: the model's "
            f"{config.num_languages} vectors of languages stay as they are drawn"
        )
        return None
    if len(languages) > config.num_languages:
        raise UserError(
            f"{table}.config.num_languages = {config.num_languages}, but the corpus has {len(languages)} languages "
            f"({', '.join(languages)}); raise num_languages"
        )
    return {language: number for number, language in enumerate(languages)}


def settings_of(lang2id: Mapping[str, int] | None) -> dict[str, Any]:
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
