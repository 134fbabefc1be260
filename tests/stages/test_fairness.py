"""What may be compared, and what is refused, with the reason."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from encodery.errors import UserError
from encodery.stages.fairness import budget_gap, check_fair, planned_tokens
from encodery.stages.recipe_differences import recipe_differences
from encodery.stages.schemes import load_schemes

from .conftest import RECIPES


def notes(
    *overrides: str, budget: str = "tokens", unequal: bool = False, recipes: Sequence[str] = RECIPES
) -> list[str]:
    return check_fair(load_schemes([Path(name) for name in recipes], overrides), budget, unequal)


def refusal(*overrides: str) -> str:
    with pytest.raises(UserError) as error:
        notes(*overrides)
    return str(error.value)


def change(recipe: str, old: str, new: str) -> None:
    text = Path(recipe).read_text()
    assert old in text
    Path(recipe).write_text(text.replace(old, new))


def test_equal_schemes_leave_nothing_to_say(schemes: Path) -> None:
    assert notes() == []


def test_the_budget_is_tokens(schemes: Path) -> None:
    assert planned_tokens(load_schemes([Path(name) for name in RECIPES], [])[0]) == 12 * 256
    change("roberta.toml", "steps = 12", "steps = 6")
    change("roberta.toml", "tokens_per_step = 256", "tokens_per_step = 512")
    assert notes() == []


def test_unequal_budgets_are_refused_with_both_numbers(schemes: Path) -> None:
    change("roberta.toml", "steps = 12", "steps = 15")
    assert refusal() == (
        "unequal budgets: bert has 3,072 tokens, roberta 3,840 (25.0% more); change steps or tokens_per_step, give "
        "--budget time, or --unequal if it is what you want"
    )
    assert notes(unequal=True) == [
        "The token budgets are not equal: bert has 3,072 tokens, roberta 3,840 (25.0% more)."
    ]
    assert notes(budget="time") == []


def test_times_are_the_budget_where_they_are_given(schemes: Path) -> None:
    change("bert.toml", "steps = 12", 'time = "2h"')
    assert refusal() == (
        "bert has a time and no steps, so how many tokens it reads is not known beforehand; give --budget time, or "
        "steps, or --unequal if it is what you want"
    )
    assert notes(unequal=True) == ["How many tokens bert would read was not known beforehand: a time ends it."]
    assert notes(budget="time") == []  # how long 12 steps take is known afterwards
    change("roberta.toml", "steps = 12", 'time = "1h"')
    assert refusal().startswith("bert has a time and no steps")
    with pytest.raises(UserError) as refused:
        notes(budget="time")
    assert str(refused.value) == (
        "unequal budgets: roberta has 3,600.0 seconds, bert 7,200.0 (100.0% more); give all the same time, or "
        "--budget tokens, or --unequal if it is what you want"
    )
    assert notes(budget="time", unequal=True) == [
        "The times given are not equal: roberta has 3,600.0 seconds, bert 7,200.0 (100.0% more)."
    ]
    change("roberta.toml", 'time = "1h"', 'time = "121m"')
    assert notes(budget="time") == []


def test_one_percent_is_let_pass() -> None:
    assert budget_gap({"a": 1000, "b": 1010}, "tokens") == ""
    assert budget_gap({"a": 1011, "b": 1000}, "tokens") == "b has 1,000 tokens, a 1,011 (1.1% more)"
    assert budget_gap({"a": 0, "b": 7}, "tokens") == "a has 0 tokens, b 7"
    assert budget_gap({"a": 2.0, "b": 3.0}, "seconds") == "a has 2.0 seconds, b 3.0 (50.0% more)"


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('{ path = "text" }', '{ path = "text/a.txt" }', "inputs"),
        ("valid_fraction = 0.2", 'valid_inputs = [{ path = "text/b.txt" }]', "valid_inputs"),
        ("valid_fraction = 0.2", "valid_fraction = 0.3", "valid_fraction"),
    ],
)
def test_other_text_is_refused(schemes: Path, old: str, new: str, key: str) -> None:
    change("roberta.toml", old, new)
    assert refusal() == (
        f"roberta.toml: corpus.{key} is not that of bert.toml; with other text nobody can tell a better scheme from "
        "better data: give both the same"
    )


def test_another_test_file_is_refused(schemes: Path) -> None:
    change("roberta.toml", 'test = "dev.jsonl"', 'test = "train.jsonl"')
    assert refusal() == (
        "roberta.toml: finetune.mood.test is not the file of bert.toml; scores on different examples cannot be "
        "compared: give both the same file"
    )


def test_a_copy_of_the_test_file_is_the_same_file(schemes: Path) -> None:
    shutil.copy("dev.jsonl", "copy.jsonl")
    change("roberta.toml", 'test = "dev.jsonl"', 'test = "copy.jsonl"')
    assert notes() == []


def test_without_a_test_file_it_is_the_dev_file_that_counts(schemes: Path) -> None:
    for recipe in RECIPES:
        change(recipe, 'test = "dev.jsonl"\n', "")
    assert notes() == []
    change("roberta.toml", 'dev = "dev.jsonl"', 'dev = "train.jsonl"')
    assert "finetune.mood.dev is not the file of bert.toml" in refusal()


def test_a_missing_test_file(schemes: Path) -> None:
    Path("dev.jsonl").unlink()
    assert refusal() == "dev.jsonl: no such file; paths in a recipe are relative to the recipe's folder"


def test_another_kind_of_task_is_refused(schemes: Path) -> None:
    change("roberta.toml", "task = { max_seqlen = 32 }", 'task = { type = "token-classification", max_seqlen = 32 }')
    assert refusal() == (
        "roberta.toml: finetune.mood.task.type = 'token-classification', but 'text-classification' in bert.toml; "
        "give different tasks different names"
    )


def test_a_task_of_one_scheme_alone_is_said(schemes: Path) -> None:
    change("roberta.toml", "[finetune.mood]", "[finetune.temper]")
    assert notes() == [
        "finetune.mood is in bert alone: there is nothing to compare it with.",
        "finetune.temper is in roberta alone: there is nothing to compare it with.",
    ]


def test_recipes_in_two_folders_may_read_one_text(schemes: Path) -> None:
    Path("other").mkdir()
    text = Path("roberta.toml").read_text().replace('"text"', '"../text"')
    for name in ("train", "dev"):
        text = text.replace(f'"{name}.jsonl"', f'"../{name}.jsonl"')
    Path("other/roberta.toml").write_text(text)
    assert notes(recipes=("bert.toml", "other/roberta.toml")) == []


def test_recipes_in_two_folders_may_read_one_address(schemes: Path) -> None:
    for recipe in RECIPES:
        change(recipe, '{ path = "text" }', '{ path = "s3://bucket/text" }')
    Path("other").mkdir()
    text = Path("roberta.toml").read_text()
    for name in ("train", "dev"):
        text = text.replace(f'"{name}.jsonl"', f'"../{name}.jsonl"')
    Path("other/roberta.toml").write_text(text)
    recipes = ("bert.toml", "other/roberta.toml")
    assert notes(recipes=recipes) == []
    differing = recipe_differences(load_schemes([Path(name) for name in recipes], []))
    assert not any(key.startswith("corpus") for key, _ in differing)
    assert differing
    Path("other/roberta.toml").write_text(text.replace("s3://bucket/text", "s3://bucket/other"))
    with pytest.raises(UserError, match=r"corpus.inputs is not that of bert.toml"):
        notes(recipes=recipes)
