"""What a recipe says of teachers: the `[distill]` table, and fine-tunings that learn from another one."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from pydantic import Field, NonNegativeInt, model_validator

from encodery.data.schedule import changes
from encodery.families.model_table import ModelTable
from encodery.objectives.distill import DistillConfig
from encodery.recipe.reading_table import ReadingTable
from encodery.tasks.distill import TaskDistillConfig
from encodery.train.config import TrainerConfig

DISTILL = "distill"
TOKENIZER = "tokenizer"
FINETUNE = "finetune."
OF_THIS_RUN = ("pretrain", "trim", "extend")
"""Stages that can teach."""


class DistillTable(ReadingTable):
    """`[distill]`: a student that learns from a teacher on the text of `[corpus]`, how long, and how."""

    teacher: str = "pretrain"
    """`pretrain`, `trim`, `extend`, or a model folder; `package:NAME/FOLDER` looks in an installed Python package."""
    teacher_precision: Literal["fp32", "bf16"] = "bf16"
    """Of the teacher's weights and products."""
    model: ModelTable | None = None
    """The student; `[model]` if not given, which is the teacher where this run pretrains that."""
    layers: tuple[NonNegativeInt, ...] | None = None
    """The teacher's layers that the student begins with; evenly spaced ones if not given, where they are of the same
    shape. None at all: a fresh student."""
    tokenizer: str | None = None
    """Where the student's tokenizer is from: `tokenizer` is the one that this run trains, else as `teacher`, which it
    is if not given. Each of its tokens must be one of the teacher's."""
    objective: DistillConfig = DistillConfig()

    @property
    def _schedules(self) -> Mapping[str, bool]:
        """What may change over the steps, and whether it does."""
        masks = changes(self.objective.mlm.mask_probability)
        return {**super()._schedules, "objective.mlm.mask_probability": masks}

    @property
    def vocabulary(self) -> str:
        """Where the student's tokenizer is from."""
        return self.tokenizer or self.teacher

    @model_validator(mode="after")
    def _the_student_is_known(self) -> "DistillTable":
        if self.model is None and self.teacher in OF_THIS_RUN:
            raise ValueError(
                f"teacher = {self.teacher!r} is of this run, and [model] says its sizes; add [distill.model], the "
                "student's"
            )
        return self

    @model_validator(mode="after")
    def _best_is_measured(self) -> "DistillTable":
        metrics = ("ce_loss", "mlm_loss", "mlm_accuracy", *(("cos_loss",) if self.objective.alpha_cos else ()))
        if self.best_metric not in (None, *metrics):
            raise ValueError(f"best_metric = {self.best_metric!r:.80}; one of {', '.join(metrics)} is allowed")
        return self


class TaughtTable(TrainerConfig):
    """What `[finetune.NAME]` says of a teacher."""

    teacher: str | None = Field(default=None, exclude_if=lambda teacher: teacher is None)
    """A fine-tuned model to learn from beside the labels: `finetune.NAME` (its first seed, or `finetune.NAME.SEED`),
    or a model folder."""
    distill: TaskDistillConfig | None = Field(default=None, exclude_if=lambda table: table is None)
    """What the teacher's word and the labels weigh."""
    unlabelled: str | None = Field(default=None, exclude_if=lambda file: file is None)
    """A file of records without labels, which the teacher gives."""

    @model_validator(mode="after")
    def _there_is_a_teacher(self) -> "TaughtTable":
        if self.teacher is None and (self.distill or self.unlabelled):
            what = "distill weighs" if self.distill else "unlabelled records are labelled by"
            raise ValueError(f'{what} a teacher, and there is none; give teacher = "finetune.NAME" or a model folder')
        return self


def with_seed(stage: str, seeds: Mapping[str, Sequence[int]]) -> str:
    """`finetune.NAME.SEED`, of `finetune.NAME` the first seed; `seeds` are those of each table."""
    name = stage.removeprefix(FINETUNE)
    return f"{stage}.{seeds[name][0]}" if name in seeds else stage


def without_seed(stage: str, names: Collection[str]) -> str:
    """`finetune.NAME` of `finetune.NAME.SEED`; all else as it is. `names` are those of the tables."""
    name = stage.removeprefix(FINETUNE)
    above = name.rpartition(".")[0]
    seeded = stage.startswith(FINETUNE) and name not in names and above in names
    return f"{FINETUNE}{above}" if seeded else stage


def check_teachers(tables: Mapping[str, tuple[str | None, Sequence[int]]], searched: str) -> None:
    """Raises `ValueError` if a teacher of this run does not stand above its student, or the student is the one that
    `[search]` looks into, which comes first; `tables` are the teacher and the seeds of each, in their order."""
    all_seeds = {name: seeds for name, (_, seeds) in tables.items()}
    above: list[str] = []
    for name, (teacher, seeds) in tables.items():
        of_this_run = teacher is not None and teacher.startswith(FINETUNE)
        if of_this_run and name == searched:
            raise ValueError(
                f"search.finetune = {searched!r:.80}: [search] comes before {teacher}, its teacher; name a model "
                "folder as teacher"
            )
        if of_this_run and with_seed(str(teacher), all_seeds) not in above:
            there = ", ".join(above) or "none"
            raise ValueError(
                f"finetune.{name}.teacher = {teacher!r:.80}: a fine-tuning above it ({there}) or a model folder is "
                "allowed"
            )
        above += [f"{FINETUNE}{name}.{seed}" for seed in seeds]
