"""The stage that pretrains on shards."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from encodery.artifact.disk import rename
from encodery.batch import Batch
from encodery.config import read_json, write_json
from encodery.families.folder import ModelFolder
from encodery.objectives.mixing import Objective, with_perplexities
from encodery.objectives.phases import Course
from encodery.objectives.turns import NAMES
from encodery.recipe import PRETRAIN, PROBE
from encodery.report.model_card import ModelCard
from encodery.stages.engine import Metrics, Run
from encodery.stages.exposure import exposure, pair_exposure
from encodery.stages.group_table import held_out_table
from encodery.stages.held_out import HeldOut, by_language
from encodery.stages.parallel import PARALLEL, pair_facts
from encodery.stages.reading import TRAIN, VALID, Reading, number_languages, starting_model
from encodery.stages.saving import save_model, training_facts
from encodery.stages.skipping import log_skipped, skipped
from encodery.stages.unreached import longest_read, may_miss, missed
from encodery.train.log import LOG
from encodery.train.trainer import Trainer

BEFORE = "before.json"


def build_pretrain(run: Run, into: Path, work: Path) -> Metrics:
    """The `pretrain` stage: a model folder with the objective's heads."""
    recipe, table = run.recipe, run.recipe.pretrain
    assert table is not None
    start = starting_model(run)
    lang2id = languages_of(run, start)
    reading = Reading(run, table, start.tokenizer, lang2id)
    course = reading.course()
    model = start.model
    held_out = {
        split: HeldOut(reading.held_out(split), model, table.valid_max_tokens)
        for split in reading.shards.keys() - {TRAIN}
    }
    measure = partial(_measure, held_out, table.objective.names != NAMES[:1])
    log_skipped(run.ranks, work / LOG, reading.opened)
    for line in may_miss(PRETRAIN, table):
        run.note(line)
    trainer = Trainer(
        model,
        course.first,
        partial(reading.batch, course),
        table,
        table.total_steps,
        recipe.seed,
        work,
        measure,
        run.console,
        PRETRAIN,
        run.ranks,
    )
    before = run.ranks.first(lambda: _before(trainer)) if table.source else {}
    metrics: dict[str, Any] = {"valid": by_language(trainer.fit()), **training_facts(trainer)}
    run.ranks.dismiss_others()
    metrics |= {**skipped(reading.opened), **({"before": by_language(before)} if before else {})}
    if measured := metrics["valid"].get("languages"):
        run.console.print(held_out_table(measured))
    metrics |= missed(run, PRETRAIN, table, trainer.state.step)
    metrics |= _facts(run, reading, course, held_out[VALID], trainer.state.step)
    settings = {**start.settings, **settings_of(lang2id)}
    folder = ModelFolder(
        start.family,
        model.cpu(),
        start.tokenizer,
        info={"max_seqlen": longest_read(table, trainer.state.step)},
        settings=settings,
    )
    save_model(into, work, folder, metrics, _card(run, start))
    return metrics


def languages_of(run: Run, start: ModelFolder) -> Mapping[str, int] | None:
    """The numbers of the languages: the model's own if it has been trained before, else those of the text."""
    config = start.model.config
    if not config.has_language_embeddings:
        return None
    if run.recipe.pretrain and run.recipe.pretrain.source:
        return start.languages or None
    pairs = run.artifact(PARALLEL) / TRAIN if run.recipe.translates else None
    return number_languages(run, config, run.artifact("shards") / TRAIN, pairs)


def settings_of(lang2id: Mapping[str, int] | None) -> dict[str, Any]:
    """What `config.json` says of languages, as XLM's does."""
    if lang2id is None:
        return {}
    return {"lang2id": dict(lang2id), "id2lang": {str(number): language for language, number in lang2id.items()}}


def nsp_majority(batches: Sequence[Batch]) -> float:
    """The NSP accuracy of always giving the commoner answer: texts of one sentence have no true next."""
    labels = torch.cat([batch.sequence_labels for batch in batches if batch.sequence_labels is not None]).float()
    return max(labels.mean().item(), 1 - labels.mean().item())


def _measure(held_out: Mapping[str, HeldOut], perplexities: bool) -> dict[str, float]:
    """The metrics of the held-out text; of the probe, under its name."""
    metrics = held_out[VALID].measure()
    if perplexities:
        metrics = with_perplexities(metrics)
    if PROBE in held_out:
        metrics |= {f"{PROBE}_{name}": value for name, value in held_out[PROBE].measure().items()}
    return metrics


def _before(trainer: Trainer) -> dict[str, float]:
    """What is measured of the model that training begins with; once, however often the stage continues."""
    path = trainer.folder / BEFORE
    if path.is_file():
        return read_json(path)
    metrics = trainer.measure()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    write_json(part, metrics)
    rename(part, path)  # a kill leaves all of it or nothing
    return metrics


def _facts(run: Run, reading: Reading, course: Course[Objective], valid: HeldOut, steps: int) -> dict[str, Any]:
    """What the report says of the text, beside the losses."""
    facts: dict[str, Any] = {}
    if rows := exposure(course, steps, reading.shards[TRAIN]):
        facts["languages"] = rows
    if entropy := reading.hidden_entropy():
        facts["hidden_entropy"] = entropy
    if reading.objective.nsp:
        facts["nsp_majority"] = nsp_majority(valid.batches)
    if TRAIN in reading.pairs:
        facts["parallel"] = pair_facts(reading.pairs[TRAIN], reading.table.longest)
        if rows := pair_exposure(course, steps, reading.pairs[TRAIN]):
            facts["parallel"] |= {"languages": rows}
    return facts


def _card(run: Run, start: ModelFolder) -> ModelCard:
    recipe = run.recipe
    assert recipe.corpus is not None
    assert recipe.pretrain is not None
    inputs = [source.path for source in recipe.corpus.inputs]
    inputs += [recipe.corpus.shards.path] if recipe.corpus.shards else []
    inputs += [name for entry in recipe.corpus.parallel for name in entry.paths] if recipe.translates else []
    return ModelCard(
        recipe.name,
        start.family.model_type,
        "fill-mask",
        training_data=inputs,
        mask_token=start.tokenizer.id_to_token(start.tokenizer.mask_token_id),
        base_model=recipe.pretrain.source or "",
    )
