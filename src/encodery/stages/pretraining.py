"""The stage that pretrains on shards."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from encodery.batch import Batch
from encodery.data.alpha import knots_of
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
from encodery.stages.languages import HeldOut, by_language, exposure
from encodery.stages.saving import LOG, save_model, training_facts
from encodery.stages.skipping import log_skipped, open_shards, skipped
from encodery.text.tokenizer import Tokenizer
from encodery.train.trainer import Trainer


def build_pretrain(run: Run, into: Path, work: Path) -> Metrics:
    """The `pretrain` stage: a model folder with the objective's heads."""
    recipe, table = run.recipe, run.recipe.pretrain
    assert table is not None
    assert recipe.corpus is not None
    tokenizer = Tokenizer.load(run.artifact("tokenizer"))

    family = FAMILIES[recipe.model.family]
    config = recipe.model.encoder(tokenizer.vocab_size, tokenizer.pad_token_id)
    lang2id = number_languages(run, config) if config.has_language_embeddings else None

    shards = {split: open_shards(run, split) for split in ("train", "valid")}
    objective, short = training_objectives(run, tokenizer, shards["train"], lang2id)
    valid = objective_over(run, tokenizer, shards["valid"], table.max_seqlen, lang2id)
    batches: Callable[[int], Batch] = objective.batch
    if (warmup := table.seqlen_warmup) and short:
        batches = warmed_up(short.batch, batches, warmup.steps, table.max_seqlen, recipe.seed)
    model = family.model(config, ("mlm", "nsp") if table.objective.nsp else ("mlm",))
    model.initialize(recipe.seed)
    held_out = HeldOut(valid, model, table.valid_max_tokens)
    log_skipped(work / LOG, shards)
    trainer = Trainer(
        model,
        objective,
        batches,
        table,
        table.steps,
        recipe.seed,
        work,
        held_out.measure,
        run.console,
        "pretrain",
    )
    metrics: dict[str, Any] = {"valid": by_language(trainer.fit()), **training_facts(trainer), **skipped(shards)}
    if rows := exposure(objective, short, table, shards["train"]):
        metrics["languages"] = rows
    if table.objective.nsp:
        metrics["nsp_majority"] = nsp_majority(held_out.batches)
    folder = ModelFolder(
        family, model.cpu(), tokenizer, info={"max_seqlen": table.max_seqlen}, settings=_settings(lang2id)
    )
    inputs = [source.path for source in recipe.corpus.inputs]
    mask_token = tokenizer.id_to_token(tokenizer.mask_token_id)
    card = ModelCard(recipe.name, recipe.model.family, "fill-mask", training_data=inputs, mask_token=mask_token)
    save_model(into, work, folder, metrics, card)
    return metrics


def objective_over(
    run: Run,
    tokenizer: Tokenizer,
    shards: Shards,
    max_seqlen: int,
    lang2id: Mapping[str, int] | None = None,
    **sampling: Any,
) -> Pretraining:
    """The recipe's objective over some shards; `sampling` is how `Pretraining` samples languages."""
    table = run.recipe.pretrain
    assert table is not None
    return Pretraining(
        config=table.objective,
        shards=shards,
        vocabulary=vocabulary_of(tokenizer),
        max_seqlen=max_seqlen,
        tokens_per_step=table.tokens_per_step,
        seed=run.recipe.seed,
        lang2id=lang2id,
        **sampling,
    )


def training_objectives(
    run: Run, tokenizer: Tokenizer, shards: Shards, lang2id: Mapping[str, int] | None = None
) -> tuple[Pretraining, Pretraining | None]:
    """What training reads, and what its first steps read if they are short."""
    table = run.recipe.pretrain
    assert table is not None
    sampling = {"alpha": knots_of(table.alpha, table.steps), "steps": table.steps}
    warmup = table.seqlen_warmup
    full, short = (
        objective_over(run, tokenizer, shards, max_seqlen, lang2id, **sampling) if max_seqlen else None
        for max_seqlen in (table.max_seqlen, warmup and warmup.max_seqlen)
    )
    assert full is not None
    return full, short


def number_languages(run: Run, config: EncoderConfig) -> dict[str, int] | None:
    """A number for each language of the training text, in the order of their names, as XLM has them.

    None where the text names none: then no vector of a language is added, nor learned.

    Raises:
        UserError: there are more languages than the model has vectors.
    """
    languages = sorted(filter(None, open_shards(run, "train").languages))
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
