"""Fine-tuning for translation on the text of `[corpus]`: what is read of it, and how the model is measured on it."""

from collections.abc import Sequence

from encodery.batch import Sequence as Packed
from encodery.errors import UserError
from encodery.families.folder import ModelFolder
from encodery.objectives.unsupervised import Unsupervised
from encodery.recipe import FinetuneTable
from encodery.stages.engine import Run, tokenizer_folder
from encodery.stages.reading import TRAIN, VALID, vocabulary_of
from encodery.stages.round_trips import RoundTrips
from encodery.stages.skipping import open_shards
from encodery.stages.teachers import Lesson
from encodery.tasks.directions import Directions
from encodery.tasks.task import Trainable
from encodery.tasks.translation import Translation, language_ids
from encodery.text.shared import same_ids
from encodery.text.tokenizer import Tokenizer


def directions_of(table: FinetuneTable, paired: Directions | None) -> Directions:
    """Those of the pairs, if there are any, and each pair of languages of the text in both ways."""
    assert table.monolingual is not None
    known = paired.pairs if paired else ()
    return Directions(tuple(dict.fromkeys((*known, *table.monolingual.directions))))


def lesson_of_text(
    run: Run, name: str, start: ModelFolder, task: Trainable, pairs: Sequence[Packed], seed: int
) -> Lesson:
    """The steps over the text, and over `pairs` where there are some.

    Raises:
        UserError: the text was cut by another vocabulary than the model's, or lacks a language.
    """
    table = run.recipe.finetune[name]
    assert table.monolingual is not None
    assert isinstance(task, Translation)
    if not same_ids(start.tokenizer, Tokenizer.load(tokenizer_folder(run))):
        raise UserError(
            f"finetune.{name}.monolingual: the text of [corpus] became tokens of another vocabulary than that of "
            f"{table.source}; start from a model of this run's vocabulary, or set pretrain.from to that model"
        )
    objective = Unsupervised(
        table.monolingual,
        open_shards(run, run.recipe.pretrain, TRAIN),
        table.monolingual.directions,
        language_ids(task.directions, task.languages),
        vocabulary_of(start.tokenizer),
        task.reading.max_seqlen,
        table.tokens_per_step,
        table.monolingual.steps,
        seed,
        pairs,
        task.label_smoothing,
    )
    return Lesson(objective, objective.batch, table.monolingual.steps)


def round_trips_of(run: Run, name: str, start: ModelFolder, task: Trainable) -> RoundTrips | None:
    """What the model is measured on without pairs; None where it learns from pairs alone."""
    table = run.recipe.finetune[name].monolingual
    if table is None:
        return None
    assert isinstance(task, Translation)
    train, valid = (open_shards(run, run.recipe.pretrain, split) for split in (TRAIN, VALID))
    return RoundTrips.of(start, task, table.directions, train, valid, table.round_trip_sentences)


def text_of(run: Run, table: FinetuneTable) -> list[str]:
    """What is read without pairs, as lines of a card."""
    corpus = run.recipe.corpus
    return [f"text: {entry.path}" for entry in corpus.inputs] if table.monolingual and corpus else []
