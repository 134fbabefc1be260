"""Recipes as schemes: which are refused, and where their artifacts lie."""

import tomllib
from pathlib import Path

import pytest
from rich.console import Console

from encodery.errors import UserError
from encodery.recipe import Recipe
from encodery.stages.schemes import Scheme, Seeded, common_exam, load_schemes, seeded

from .conftest import RECIPES

PATHS = [Path(name) for name in RECIPES]
OF_ONE_SEED = """
[finetune.there]
train = "pairs.{en,de}"
task = { type = "translation", max_seqlen = 24 }
[translate.de]
from = "finetune.there.1"
files = "dev.jsonl"
source_language = "en"
target_language = "de"
[finetune.taught]
task = { type = "text-classification", max_seqlen = 24 }
teacher = "finetune.mood.5"
train = { en = "train.jsonl", de = "translate.de" }
dev = "dev.jsonl"
[export.small]
from = "finetune.taught.1"
"""


def refusal(*paths: str, overrides: tuple[str, ...] = ()) -> str:
    with pytest.raises(UserError) as error:
        load_schemes([Path(path) for path in paths], overrides)
    return str(error.value)


def opened(*overrides: str, seeds: range = range(1, 3)) -> list[Seeded]:
    return seeded(load_schemes(PATHS, overrides), seeds, Path("result"), Console(quiet=True))


def places(run: Seeded) -> dict[str, str]:
    return {stage: path.name for stage, path in run.run.places.items()}


def test_one_recipe_is_no_comparison(schemes: Path) -> None:
    assert refusal("bert.toml") == (
        "bert.toml is one recipe; a comparison needs two or more, the first is what the others are compared with"
    )


def test_the_same_recipe_twice(schemes: Path) -> None:
    assert refusal("bert.toml", "roberta.toml", f"../{schemes.name}/bert.toml") == (
        "bert.toml: the same recipe twice; copy it and change what you want to compare, and its `name`"
    )


def test_two_recipes_of_one_name(schemes: Path) -> None:
    assert refusal(*RECIPES, overrides=("name=same",)) == (
        "roberta.toml: name = 'same' is the name of bert.toml, too; change one of them: results are shown by name"
    )


def test_a_typo_in_a_recipe(schemes: Path) -> None:
    assert refusal(*RECIPES, overrides=("pretrain.step=3",)).startswith("bert.toml: unknown key 'pretrain.step'")


def test_a_seed_is_that_of_everything(schemes: Path) -> None:
    recipe = load_schemes(PATHS, [])[0].with_seed(13)
    assert (recipe.seed, recipe.finetune["mood"].seeds) == (13, (13,))


def test_models_that_are_named_by_a_seed_are_of_the_seed_in_hand(schemes: Path) -> None:
    (schemes / "pairs.en").write_text("A dog.\nA cat.\n")
    (schemes / "pairs.de").write_text("Ein Hund.\nEine Katze.\n")
    for path in PATHS:
        path.write_text(path.read_text() + OF_ONE_SEED)
    for run in opened():
        parents = {stage.name: stage.parents for stage in run.stages}
        translator = f"finetune.there.{run.seed}"
        assert translator in parents["translate.de"]
        assert "translate.de" in parents[f"finetune.taught.{run.seed}"]
        assert f"finetune.mood.{run.seed}" in parents[f"finetune.taught.{run.seed}"]
        assert parents["export.small"] == (f"finetune.taught.{run.seed}",)


def test_what_does_not_depend_on_the_seed_lies_in_one_place(schemes: Path) -> None:
    first, other, second, _ = opened()
    assert [(run.scheme.name, run.seed) for run in (first, other, second)] == [
        ("bert", 1),
        ("roberta", 1),
        ("bert", 2),
    ]
    assert places(first)["tokenizer"] == places(second)["tokenizer"] == places(other)["tokenizer"]
    assert places(first)["shards"] == places(second)["shards"] == places(other)["shards"]
    assert len({places(run)["pretrain"] for run in (first, other, second)}) == 3
    assert not Path("result").exists()  # nothing is written yet


def test_schemes_share_a_model_that_they_fine_tune_differently(schemes: Path) -> None:
    text = Path("bert.toml").read_text()
    Path("roberta.toml").write_text(text.replace('"bert"', '"longer"').replace("epochs = 2", "epochs = 3"))
    first, other = opened(seeds=range(1, 2))
    assert places(first)["pretrain"] == places(other)["pretrain"]
    assert places(first)["exam"] == places(other)["exam"]
    assert places(first)["finetune.mood.1"] != places(other)["finetune.mood.1"]


def test_reports_and_searches_are_left_out(schemes: Path) -> None:
    assert [stage.name for stage in opened()[0].stages] == [
        "tokenizer",
        "shards",
        "pretrain",
        "finetune.mood.1",
        "exam",
    ]


def test_the_exam_is_as_long_as_the_shortest_reads(schemes: Path) -> None:
    text = Path("roberta.toml").read_text()
    Path("roberta.toml").write_text(
        text.replace("max_seqlen = 32\ntokens", "max_seqlen = 17\ntokens").replace("1000", "1500")
    )
    exam = common_exam(load_schemes(PATHS, []))
    assert exam is not None
    assert (exam.max_seqlen, exam.max_tokens, exam.seed) == (17, 1500, 1)


def test_nothing_is_examined_where_nothing_is_pretrained(schemes: Path) -> None:
    for recipe in PATHS:
        text = recipe.read_text()
        start, stop = text.index("[pretrain]"), text.index("[finetune.mood]")
        recipe.write_text(text[:start] + text[stop:].replace("[finetune.mood]", '[finetune.mood]\nfrom = "scratch"'))
    runs = opened()
    assert common_exam([run.scheme for run in runs]) is None
    assert all(run.pretraining == [] for run in runs)
    first, other = runs[:2]
    assert places(first)["finetune.mood.1"] == places(other)["finetune.mood.1"]  # the very same training


def test_the_recipe_of_the_docs_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "comparing.md").read_text()
    recipe = Recipe.parse(tomllib.loads(page.split("```toml\n")[1].split("```")[0]), "docs/comparing.md")
    assert (recipe.name, list(recipe.finetune)) == ("bert", ["sentiment"])


def test_paths_start_at_the_recipe(schemes: Path) -> None:
    scheme = load_schemes(PATHS, [])[0]
    moved = Scheme(scheme.recipe, Path("deep/down/bert.toml"))
    assert moved.resolved("text") == str(schemes / "deep/down/text")
