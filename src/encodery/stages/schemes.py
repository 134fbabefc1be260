"""The schemes of a comparison: recipes, each run with several seeds, whose equal stages are trained once.

Artifacts lie in the comparison's folder by the key of their stage: what two runs have in common (the vocabulary of
all seeds, a model that two schemes fine-tune differently) is there once, and settings that come back find their
models.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from encodery.errors import UserError
from encodery.files.stores import is_remote
from encodery.recipe import FinetuneTable, Recipe, load_recipe
from encodery.recipe.exporting import ExportTable
from encodery.recipe.teaching import without_seed
from encodery.recipe.translating import TranslateTable
from encodery.stages.engine import Planned, Run, Stage, plan
from encodery.stages.exam import Exam, exam_stage
from encodery.stages.graph import stages_of
from encodery.train.distributed import ALONE, Ranks

STAGES, WORK = "stages", ".work"
KEY_LENGTH = 12
FINETUNE = "finetune"
NOT_COMPARED = ("report", "search")
"""Stages that leave nothing to compare."""
FromModel = TypeVar("FromModel", ExportTable, TranslateTable)


@dataclass(frozen=True)
class Scheme:
    """A recipe that takes part, under the name it has there."""

    recipe: Recipe
    path: Path

    @property
    def name(self) -> str:
        return self.recipe.name

    @property
    def base(self) -> Path:
        """Where relative paths start."""
        return self.path.parent

    def resolved(self, path: str) -> str:
        """A path of the recipe, such that two recipes in different folders can be compared; addresses are whole."""
        if is_remote(path):
            return path.rstrip("/")
        return str((self.base / path).resolve())

    def with_seed(self, seed: int) -> Recipe:
        """The recipe with this seed alone, for pretraining and fine-tuning, and where it names a model by another."""
        recipe = self.recipe
        finetune = {
            name: table.model_copy(update={"seeds": (seed,), "teacher": self._of_any_seed(table.teacher)})
            for name, table in recipe.finetune.items()
        }
        translate = {name: self._from_any_seed(table) for name, table in recipe.translate.items()}
        export = {name: self._from_any_seed(table) for name, table in recipe.export.items()}
        return recipe.model_copy(
            update={"seed": seed, "finetune": finetune, "translate": translate, "export": export}
        )

    def _of_any_seed(self, model: str | None) -> str | None:
        return model and without_seed(model, self.recipe.finetune)

    def _from_any_seed(self, table: FromModel) -> FromModel:
        return table.model_copy(update={"source": self._of_any_seed(table.source)})


@dataclass(frozen=True)
class Seeded:
    """A scheme under one seed: its run, its stages, and what of them is done."""

    scheme: Scheme
    seed: int
    run: Run
    stages: Sequence[Stage]
    planned: Sequence[Planned]

    @property
    def pretraining(self) -> list[Stage]:
        """The stages that train on text, the last one with the model that comes out."""
        return text_training(self.stages)


def load_schemes(paths: Sequence[Path], overrides: Sequence[str]) -> list[Scheme]:
    """The recipes with the same changes to all.

    Raises:
        UserError: as `load_recipe`; or there are fewer than two, one is there twice, or two have the same name.
    """
    if len(paths) < 2:
        given = f"{paths[0]} is one recipe" if paths else "no recipe is given"
        raise UserError(f"{given}; a comparison needs two or more, the first is what the others are compared with")
    files = Counter(path.resolve() for path in paths)
    if twice := next((path for path in paths if files[path.resolve()] > 1), None):
        raise UserError(
            f"{twice}: the same recipe twice; copy it and change what you want to compare, and its `name`"
        )
    schemes = [Scheme(load_recipe(path, overrides), path) for path in paths]
    names: dict[str, Path] = {}
    for scheme in schemes:
        if scheme.name in names:
            raise UserError(
                f"{scheme.path}: name = {scheme.name!r:.80} is the name of {names[scheme.name]}, too; change one of "
                "them: results are shown by name"
            )
        names[scheme.name] = scheme.path
    return schemes


def seeded(
    schemes: Sequence[Scheme], seeds: Sequence[int], folder: Path, console: Console, ranks: Ranks = ALONE
) -> list[Seeded]:
    """Every scheme under every seed, all schemes of a seed before the next one; nothing is written yet.

    Raises:
        UserError: an input is missing.
    """
    exam = common_exam(schemes)
    return [_seeded(scheme, seed, folder, console, ranks, exam) for seed in seeds for scheme in schemes]


def _seeded(scheme: Scheme, seed: int, folder: Path, console: Console, ranks: Ranks, exam: Exam | None) -> Seeded:
    work = folder / WORK / scheme.name / f"seed-{seed}"
    run = Run(scheme.with_seed(seed), scheme.path, work, console, ranks)
    stages = [stage for stage in stages_of(run) if stage.name not in NOT_COMPARED]
    if exam and (trained := text_training(stages)):
        stages.append(exam_stage(trained[-1], exam))
    # the key of a stage says where it lies, so it is asked for before the places are known
    places = {p.stage.name: folder / STAGES / f"{p.stage.name}-{p.key[:KEY_LENGTH]}" for p in plan(run, stages)}
    run = replace(run, places=places)
    return Seeded(scheme, seed, run, stages, plan(run, stages))


def text_training(stages: Sequence[Stage]) -> list[Stage]:
    """Those that train on text without labels, in order."""
    return [stage for stage in stages if stage.training and not stage.training.startswith(f"{FINETUNE}.")]


def training_tables(scheme: Scheme) -> list[Any]:
    """The tables of a recipe that say how long and how to train on text: those that have `max_seqlen` and `steps`."""
    tables = (getattr(scheme.recipe, name) for name in type(scheme.recipe).model_fields)
    return [table for table in tables if hasattr(table, "max_seqlen") and hasattr(table, "steps")]


def common_exam(schemes: Sequence[Scheme]) -> Exam | None:
    """The same held-out question for all models: as long as the shortest of them reads, and over as much text as the
    schemes themselves measure on. None where nothing is trained on text."""
    tables = [table for scheme in schemes for table in training_tables(scheme)]
    if not tables:
        return None
    return Exam(
        max_seqlen=min(table.max_seqlen for table in tables),
        max_tokens=max(table.valid_max_tokens for table in tables),
    )


def tasks_of(schemes: Sequence[Scheme]) -> dict[str, Mapping[str, FinetuneTable]]:
    """Each task with its table by scheme."""
    names = dict.fromkeys(name for scheme in schemes for name in scheme.recipe.finetune)
    return {name: {s.name: s.recipe.finetune[name] for s in schemes if name in s.recipe.finetune} for name in names}
