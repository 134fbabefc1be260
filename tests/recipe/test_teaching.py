"""What a recipe may say of teachers."""

import re
import tomllib
from pathlib import Path

import pytest

from encodery.errors import UserError
from encodery.recipe import Recipe
from encodery.recipe.teaching import DistillTable, TaughtTable, check_teachers, with_seed, without_seed


def test_the_seed_of_a_teacher() -> None:
    seeds = {"large": (3, 5), "v1.2": (7,)}
    assert with_seed("finetune.large", seeds) == "finetune.large.3"
    assert with_seed("finetune.large.5", seeds) == "finetune.large.5"
    assert with_seed("finetune.v1.2", seeds) == "finetune.v1.2.7"
    assert with_seed("finetune.other", seeds) == "finetune.other"


def test_a_teacher_of_any_seed() -> None:
    names = ("large", "v1.2")
    assert without_seed("finetune.large.3", names) == "finetune.large"
    assert without_seed("finetune.v1.2", names) == "finetune.v1.2"
    assert without_seed("finetune.v1.2.7", names) == "finetune.v1.2"
    assert without_seed("models/large.3", ("models/large",)) == "models/large.3"


def test_teachers_stand_above_their_students() -> None:
    check_teachers(
        {"large": (None, (3, 5)), "small": ("finetune.large.5", (1,)), "least": ("finetune.small", (1,))}, ""
    )
    check_teachers({"small": ("folder", (1,))}, "small")


@pytest.mark.parametrize(
    ("teacher", "searched", "message"),
    [
        (
            "finetune.small",
            "",
            "finetune.small.teacher = 'finetune.small': a fine-tuning above it (finetune.large.3, "
            "finetune.large.5) or a model folder is allowed",
        ),
        (
            "finetune.large.4",
            "",
            "finetune.small.teacher = 'finetune.large.4': a fine-tuning above it (finetune.large.3, "
            "finetune.large.5) or a model folder is allowed",
        ),
        (
            "finetune.large",
            "small",
            "search.finetune = 'small': [search] comes before finetune.large, its teacher; name a "
            "model folder as teacher",
        ),
    ],
)
def test_teachers_that_come_too_late(teacher: str, searched: str, message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011
        check_teachers({"large": (None, (3, 5)), "small": (teacher, (1,))}, searched)
    assert str(error.value) == message


def test_the_papers_weights_are_the_defaults() -> None:
    objective = DistillTable.parse({"teacher": "folder", "steps": 1}, "recipe").objective
    assert (objective.alpha_ce, objective.alpha_mlm, objective.alpha_cos) == (5.0, 2.0, 1.0)
    assert (objective.temperature, objective.scored, objective.mlm.mask_probability) == (2.0, "all", 0.15)


def test_recipes_without_teachers_say_what_they_said() -> None:
    """The keys of finished stages stay what they are."""
    assert TaughtTable().model_dump().keys().isdisjoint({"teacher", "distill", "unlabelled"})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"teacher": "pretrain"},
            "teacher = 'pretrain' is of this run, and [model] says its sizes; add [distill.model]",
        ),
        (
            {"teacher": "x", "best_metric": "f1"},
            "best_metric = 'f1'; one of ce_loss, mlm_loss, mlm_accuracy, cos_loss is",
        ),
        (
            {"teacher": "x", "best_metric": "cos_loss", "objective": {"alpha_cos": 0.0}},
            "best_metric = 'cos_loss'; one of ce_loss, mlm_loss, mlm_accuracy is allowed",
        ),
        ({"teacher": "x", "teacher_precision": "fp8"}, "teacher_precision = 'fp8': input should be 'fp32' or 'bf16'"),
        (
            {"teacher": "x", "objective": {"temperature": 0}},
            "objective.temperature = 0: input should be greater than 0",
        ),
        (
            {"teacher": "x", "objective": {"scored": "some"}},
            "objective.scored = 'some': input should be 'all' or 'masked'",
        ),
    ],
)
def test_what_is_not_allowed(values: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as error:
        DistillTable.parse({"steps": 1, **values}, "recipe")
    assert message in str(error.value)


def test_the_recipe_in_the_documentation_is_valid() -> None:
    page = (Path(__file__).parents[2] / "docs" / "distillation.md").read_text()
    blocks = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    recipe = Recipe.parse(tomllib.loads('name = "docs"\n' + "".join(blocks)), "docs/distillation.md")
    assert recipe.student.family == "distilbert"
    assert recipe.artifact_of(recipe.finetune["small"].teacher or "") == "finetune.large.1"
    authors = re.search(r"`(optimizer = \{ lr = 5e-4.*?\})`", page, re.DOTALL)
    assert authors is not None
    optimizer = DistillTable.parse({"teacher": "x", "steps": 1, **tomllib.loads(authors[1])}, "docs").optimizer
    assert (optimizer.lr, optimizer.weight_decay, optimizer.max_grad_norm) == (5e-4, 0.0, 5.0)
