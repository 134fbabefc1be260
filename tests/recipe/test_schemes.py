"""The five papers' schemes as recipes: at every scale the same scheme, and comparable with each other."""

import tomllib
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from encodery.objectives.phases import Stretch
from encodery.recipe import PretrainTable, Recipe, load_recipe

FOLDER = Path(__file__).parents[2] / "recipes"
FAMILIES = {
    "bert": "bert",
    "distilbert": "bert",  # the teacher's, which the recipe pretrains
    "roberta": "roberta",
    "xlm": "xlm",
    "xlm-r": "xlm-roberta",
}
SCALES = ("gpu", "paper")
NAMES = ("name", "preset", "precision", "device")
"""What may differ from scale to scale beside numbers."""


def at(name: str, scale: str = "", *overrides: str) -> Recipe:
    chosen = [f"scale={scale}"] if scale else []
    return load_recipe(FOLDER / f"{name}.toml", [*chosen, *overrides])


def pretraining(name: str, scale: str = "", *overrides: str) -> PretrainTable:
    table = at(name, scale, *overrides).pretrain
    assert table is not None
    return table


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each value of nested tables and lists, with the keys that lead to it; places in lists do not count."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    else:
        yield path, value


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@pytest.mark.parametrize("name", FAMILIES)
def test_scales_differ_in_numbers_alone(name: str) -> None:
    scales = tomllib.loads((FOLDER / f"{name}.toml").read_text())["scales"]
    assert tuple(scales) == SCALES
    for path, value in leaves(scales):
        assert is_number(value) or path[-1] in NAMES, f"{'.'.join(path)} = {value!r} is no number"


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_no_number_is_the_same_at_every_scale(name: str, scale: str) -> None:
    def words(recipe: Recipe) -> dict[tuple[str, ...], Any]:
        values = recipe.model_dump(mode="json", by_alias=True)
        found = {path: value for path, value in leaves(values) if not is_number(value)}
        return {path: value for path, value in found.items() if path[-1] not in (*NAMES, "scale")}

    assert words(at(name, scale)) == words(at(name))


@pytest.mark.parametrize("scale", ["", *SCALES])
@pytest.mark.parametrize(("name", "family"), FAMILIES.items())
def test_every_scheme_has_its_family_and_a_test(name: str, family: str, scale: str) -> None:
    recipe = at(name, scale)
    assert recipe.name == (f"{name}-{scale}" if scale else name)
    assert recipe.model.family == family
    assert recipe.finetune
    assert all(table.test for table in recipe.finetune.values())


def test_the_student_is_a_distilbert_of_half_the_layers() -> None:
    for scale in ("", *SCALES):
        recipe = at("distilbert", scale)
        teacher, student = recipe.model.encoder(8000), recipe.student.encoder(8000)
        assert recipe.student.family == "distilbert"
        assert 2 * student.num_hidden_layers == teacher.num_hidden_layers
        assert student.hidden_size == teacher.hidden_size
        assert student.intermediate_size == teacher.intermediate_size
        assert {table.source for table in recipe.finetune.values()} == {"pretrain", "distill"}


@pytest.mark.parametrize("scale", ["", *SCALES])
def test_the_teacher_is_that_of_the_bert_recipe(scale: str) -> None:
    bert, distilbert = at("bert", scale), at("distilbert", scale)
    assert (distilbert.model, distilbert.tokenizer, distilbert.pretrain) == (
        bert.model,
        bert.tokenizer,
        bert.pretrain,
    )


@pytest.mark.parametrize("group", [("bert", "distilbert", "roberta"), ("xlm", "xlm-r")])
def test_schemes_of_a_kind_read_the_same_text_and_learn_the_same_task(group: tuple[str, ...]) -> None:
    for one, other in combinations(map(at, group), 2):
        assert one.corpus is not None
        assert other.corpus is not None
        assert one.corpus.inputs == other.corpus.inputs
        assert one.corpus.valid_fraction == other.corpus.valid_fraction
        shared = one.finetune.keys() & other.finetune.keys()
        assert shared
        assert all(one.finetune[name].test == other.finetune[name].test for name in shared)


@pytest.mark.parametrize("scale", ["", "gpu"])
@pytest.mark.parametrize("pair", [("bert", "roberta"), ("xlm", "xlm-r")])
def test_pairs_to_compare_read_equally_many_tokens(pair: tuple[str, str], scale: str) -> None:
    one, other = (pretraining(name, scale).total_tokens for name in pair)
    assert one == other


def test_bert_at_the_papers_scale_is_that_of_appendix_a_2() -> None:
    table = pretraining("bert", "paper")
    assert table.stretches == [Stretch(0, 128, 256 * 128), Stretch(900_000, 512, 256 * 512)]
    assert table.total_steps == 1_000_000
    config = at("bert", "paper").model.encoder(30_000)
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (12, 768, 12)
    assert table.objective.mlm.duplication_factor == 10
    assert table.objective.nsp


def test_roberta_at_the_papers_scale_is_that_of_table_9() -> None:
    table = pretraining("roberta", "paper")
    assert table.stretches == [Stretch(0, 512, 8192 * 512)]
    assert (table.total_steps, table.optimizer.lr, table.optimizer.warmup_steps) == (500_000, 6e-4, 24_000)
    assert table.objective.mlm.duplication_factor == 0
    assert (table.objective.nsp, table.objective.inputs) == (False, "full-sentences")


def test_the_students_losses_are_weighted_as_their_authors_did() -> None:
    table = at("distilbert", "paper").distill
    assert table is not None
    objective = table.objective
    assert (objective.temperature, objective.alpha_ce, objective.alpha_mlm, objective.alpha_cos) == (
        2.0,
        5.0,
        2.0,
        1.0,
    )
    assert table.optimizer.max_grad_norm == 5.0


@pytest.mark.parametrize(
    ("weights", "names"),
    [("{ clm = 1.0 }", {"clm"}), ("{ mlm = 1.0 }", {"mlm"}), ("{ mlm = 1.0, tlm = 1.0 }", {"mlm", "tlm"})],
)
def test_xlm_is_three_schemes_by_one_switch(weights: str, names: set[str]) -> None:
    assert set(pretraining("xlm", "", f"pretrain.objective.weights={weights}").objective.names) == names


@pytest.mark.parametrize(("name", "alpha"), [("xlm", 0.7), ("xlm-r", 0.3)])
def test_languages_are_sampled_as_in_the_paper(name: str, alpha: float) -> None:
    assert [pretraining(name, scale).alpha for scale in ("", "paper")] == [alpha, alpha]
