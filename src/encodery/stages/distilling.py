"""The stage that distils: a smaller model learns from a larger one on the text of the run."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, read_sizes
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.model.inherit import check_layers, differing_fields, evenly_spaced, inherit
from encodery.objectives.distill import Distillation, Teacher, add_projection, drop_projection
from encodery.recipe import BASES
from encodery.recipe.teaching import DISTILL, TOKENIZER, DistillTable
from encodery.report.model_card import ModelCard
from encodery.stages.engine import Metrics, Run, base_folder
from encodery.stages.exposure import exposure
from encodery.stages.held_out import HeldOut, by_language
from encodery.stages.pretraining import settings_of
from encodery.stages.reading import TRAIN, VALID, Reading, named_languages, number_languages, shards_of
from encodery.stages.saving import save_model, training_facts
from encodery.stages.skipping import log_skipped, skipped
from encodery.stages.teachers import check_reach, load_teacher
from encodery.stages.unreached import longest_read, may_miss, missed
from encodery.text.shared import within
from encodery.text.tokenizer import Tokenizer
from encodery.train.device import pick_device
from encodery.train.log import LOG
from encodery.train.trainer import Trainer

ADVICE = "leave it out to take the teacher's tokenizer, or [trim] the teacher's vocabulary"


def build_distill(run: Run, into: Path, work: Path) -> Metrics:
    """The `distill` stage: a model folder with the head for masked LM."""
    recipe, table = run.recipe, run.recipe.distill
    assert table is not None
    assert recipe.corpus is not None
    of_this_run = table.vocabulary == TOKENIZER
    tokenizer = Tokenizer.load(run.artifact(TOKENIZER) if of_this_run else base_folder(run, table.vocabulary))
    keys = ("distill.teacher", "distill.tokenizer")
    source = load_teacher(base_folder(run, table.teacher), ("mlm",), table.longest, tokenizer, keys, ADVICE)
    family = FAMILIES[recipe.student.family]
    config = recipe.student.encoder(tokenizer.vocab_size, tokenizer.pad_token_id)
    lang2id = languages_of(run, table, source, config)
    model = family.model(config, ("mlm",))
    model.initialize(recipe.seed)
    run.note(f"distill: {begin_with(model, source.model, table)}")
    if table.objective.alpha_cos:
        add_projection(model, source.model.config.hidden_size, recipe.seed)

    reading = Reading(run, table, tokenizer, lang2id)
    course = reading.course()
    teacher = Teacher(source.model, table.teacher_precision, pick_device(table.device))
    objective = Distillation(table.objective, teacher)
    held_out = HeldOut(reading.held_out(VALID), model, table.valid_max_tokens, objective)
    log_skipped(run.ranks, work / LOG, reading.opened)
    for line in may_miss(DISTILL, table):
        run.note(line)
    trainer = Trainer(
        model,
        objective,
        partial(reading.batch, course),
        table,
        table.total_steps,
        recipe.seed,
        work,
        held_out.measure,
        run.console,
        DISTILL,
        run.ranks,
    )
    metrics: dict[str, Any] = {"valid": by_language(trainer.fit())}
    run.ranks.dismiss_others()
    drop_projection(model)
    metrics |= {**training_facts(trainer), "teacher": sizes_of(source.model), **skipped(reading.opened)}
    if rows := exposure(course, trainer.state.step, reading.shards[TRAIN]):
        metrics["languages"] = rows
    metrics |= missed(run, DISTILL, table, trainer.state.step)
    settings = settings_of(lang2id) if config.has_language_embeddings else {}
    info = {"max_seqlen": longest_read(table, trainer.state.step)}
    folder = ModelFolder(family, model.cpu(), tokenizer, info=info, settings=settings)
    card = ModelCard(
        recipe.name,
        recipe.student.family,
        "fill-mask",
        training_data=[entry.path for entry in (*recipe.corpus.inputs, recipe.corpus.shards) if entry],
        mask_token=tokenizer.id_to_token(tokenizer.mask_token_id),
        base_model=table.teacher if table.teacher not in BASES else "",
    )
    save_model(into, work, folder, metrics, card)
    return metrics


def check_vocabulary(run: Run, table: DistillTable) -> None:
    """Compare the student's tokenizer with its teacher's before anything runs, where both are in folders already.

    Raises:
        UserError: the one is not within the other.
    """
    if {table.vocabulary, table.teacher} & {*BASES, TOKENIZER} or table.vocabulary == table.teacher:
        return
    student, teacher = (Tokenizer.load(base_folder(run, source)) for source in (table.vocabulary, table.teacher))
    within(student, teacher, "distill.tokenizer", ADVICE)


def check_teacher(run: Run, table: DistillTable) -> None:
    """Compare the student with a teacher that is in a folder already, before any text is read.

    Raises:
        UserError: it has too few positions, or lacks a layer that the student is to begin with.
    """
    if table.teacher in BASES:
        return
    folder = base_folder(run, table.teacher)
    teacher = read_sizes(folder)
    check_reach(teacher, table.longest, folder, "distill.teacher")
    if table.layers:
        check_named_layers(run.recipe.student.encoder(teacher.vocab_size), teacher, table.layers)


def check_named_layers(student: EncoderConfig, teacher: EncoderConfig, layers: Sequence[int]) -> None:
    """Raises `UserError` if the student cannot begin with these layers of its teacher."""
    try:
        check_layers(student, teacher, layers)
    except ValueError as error:
        raise UserError(f"distill.layers = {list(layers)}: {error}; name others, or leave layers out") from None


def begin_with(student: Model, teacher: Model, table: DistillTable) -> str:
    """Copy into the student what it begins with; in words.

    Raises:
        UserError: layers are named that cannot be copied.
    """
    layers = table.layers
    if layers is None:
        layers = evenly_spaced(student.config.num_hidden_layers, teacher.config.num_hidden_layers)
    elif layers:
        check_named_layers(student.config, teacher.config, layers)
    copied = inherit(student, teacher, layers) if layers else []
    if not layers:
        return "the student begins with fresh weights, as layers = [] asks"
    differ = differing_fields(student.config, teacher.config)
    note = f"; fresh is what cannot be: the student and it have {', '.join(differ)}" if differ else ""
    return f"the student begins with {'; '.join(copied) or 'nothing'} of {table.teacher}{note}"


def languages_of(
    run: Run, table: DistillTable, teacher: ModelFolder, student: EncoderConfig
) -> Mapping[str, int] | None:
    """The numbers of the text's languages, which both models share: the teacher's, if it has vectors of languages.

    None where neither has some, or the text names no language.

    Raises:
        UserError: the student has fewer vectors of languages than the text or the teacher has languages.
    """
    shards = run.artifact(shards_of(table)) / TRAIN
    if teacher.languages is None:
        return (
            number_languages(run, student, shards, table="distill.model") if student.has_language_embeddings else None
        )
    if not any(named_languages(shards)):
        run.note(f"corpus.inputs name no language: {table.teacher} reads the text without one")
        return None
    if student.has_language_embeddings and student.num_languages < len(teacher.languages):
        raise UserError(
            f"distill.model.config.num_languages = {student.num_languages}, but the teacher has "
            f"{len(teacher.languages)} languages, whose numbers the student shares; raise num_languages"
        )
    return teacher.languages


def sizes_of(model: Model) -> dict[str, int]:
    """What the student is compared with."""
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "num_hidden_layers": model.config.num_hidden_layers,
        "hidden_size": model.config.hidden_size,
    }
