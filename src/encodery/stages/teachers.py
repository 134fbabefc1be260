"""Models that others learn from: how they are opened, and what a fine-tuning learns from one beside its labels."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encodery.batch import Batch
from encodery.data.epochs import Epochs
from encodery.data.formats import read_labelled
from encodery.errors import UserError
from encodery.families.folder import ModelFolder, load_folder
from encodery.families.vocabulary import with_vocabulary
from encodery.files.records import Record
from encodery.model.config import EncoderConfig
from encodery.recipe import FinetuneTable
from encodery.recipe.teaching import FINETUNE
from encodery.stages.engine import Run, base_folder
from encodery.tasks.distill import Distillable, Interleaved, TaskDistillConfig, Taught, order_of
from encodery.tasks.task import Learned, Trainable
from encodery.text.shared import same_ids, within
from encodery.text.tokenizer import Tokenizer
from encodery.train.device import pick_device
from encodery.train.loss import Loss


@dataclass(frozen=True)
class Lesson:
    """What is trained on: a loss, and the batch of each step."""

    loss: Loss
    batches: Callable[[int], Batch]
    steps: int


def load_teacher(
    path: Path,
    heads: Collection[str],
    max_seqlen: int,
    tokenizer: Tokenizer,
    keys: tuple[str, str],
    allowed: str,
) -> ModelFolder:
    """A teacher with these heads, in the student's vocabulary.

    With fewer tokens its softmax is over those alone: the soft targets are those of the whole, restricted to what the
    student knows and normalised again.

    Args:
        keys: the recipe's keys that the teacher and the student's tokenizer are from.
        allowed: what to do about a tokenizer with other tokens.

    Raises:
        UserError: it has no such head, fewer positions than texts have tokens, or lacks some of the student's tokens.
    """
    folder = load_folder(path, heads)
    lacking = [head for head in heads if any(name.startswith(f"heads.{head}.") for name in folder.fresh)]
    if lacking:
        raise UserError(
            f"{keys[0]}: {path} has no trained head {lacking[0]!r}, whose word is to be learned; name a model that "
            "has one"
        )
    check_reach(folder.model.config, max_seqlen, path, keys[0])
    if same_ids(tokenizer, folder.tokenizer) and folder.model.config.vocab_size == tokenizer.vocab_size:
        return folder
    return with_vocabulary(folder, within(tokenizer, folder.tokenizer, keys[1], allowed))


def check_reach(teacher: EncoderConfig, max_seqlen: int, path: Path, key: str) -> None:
    """Raises `UserError` if texts have more tokens than the teacher in `path`, which `key` names, has positions."""
    if max_seqlen > teacher.num_positions:
        raise UserError(
            f"{key}: texts of max_seqlen = {max_seqlen} are longer than the positions of {path}; at most "
            f"{teacher.num_positions} is allowed"
        )


def lesson_of(
    run: Run, name: str, task: Trainable, start: ModelFolder, learned: Learned, epochs: Epochs, seed: int
) -> Lesson:
    """The task over its labelled texts; with a teacher, what that says of them, and of texts without labels.

    Raises:
        UserError: the task decides nothing by a softmax, or the teacher has other labels or tokens.
    """
    table = run.recipe.finetune[name]
    if table.teacher is None:
        return Lesson(task, epochs, len(epochs))
    key = f"finetune.{name}.teacher"
    if not isinstance(task, Distillable) or learned.problem_type == "regression":
        raise UserError(
            f"{key}: {task.name} decides nothing by a softmax, so there are no soft targets; leave it out"
        )
    allowed = f"start from a model with the teacher's tokenizer, {table.source!r} has another"
    keys = (key, f"{key} = {table.teacher!r}")
    of_this_run = table.teacher.startswith(FINETUNE)
    path = run.artifact(run.recipe.artifact_of(table.teacher)) if of_this_run else base_folder(run, table.teacher)
    teacher = load_teacher(path, task.heads, task.reading.max_seqlen, start.tokenizer, keys, allowed)
    if None not in (teacher.languages, start.languages) and teacher.languages != start.languages:
        raise UserError(f"{key} = {table.teacher!r}: its lang2id is not that of {table.source!r}; both must be alike")
    order = order_of(learned.labels, teacher.labels, f"{key} = {table.teacher!r}")
    model = teacher.model.to(pick_device(table.device))
    taught = Taught(task, model, order, table.distill or TaskDistillConfig())
    if table.unlabelled is None:
        return Lesson(taught, epochs, len(epochs))
    sequences = [sequence for example in read_unlabelled(run, table) for sequence in task.encode(example).sequences]
    both = Interleaved(epochs, Epochs(sequences, table.tokens_per_step, table.epochs, seed))
    return Lesson(taught, both, len(both))


def read_unlabelled(run: Run, table: FinetuneTable) -> list[Any]:
    """The records of `unlabelled` as examples; labels that they may have are passed over.

    Raises:
        UserError: the file cannot be read, or a record is none of the task's.
    """
    assert table.unlabelled is not None
    kind, columns = table.task.kind, table.columns
    names = {key: getattr(columns, key) for key in kind.fields.keys()}  # noqa: SIM118

    def renamed(record: Record) -> Record:
        return {ours: record[theirs] for ours, theirs in names.items() if theirs in record}

    records = read_labelled(run.base / table.unlabelled)
    return [kind.read(source, renamed(record), None) for source, record in records]
