"""Verbs over recipes: make one, plan it, run it, compare several. Nothing heavy is imported before a command runs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from encodery.stages import Run, Stage

RecipePath = Annotated[Path, typer.Argument(help="a recipe, TOML", show_default=False)]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="A.B=C", help="change one key of the recipe; may be repeated")
]


def demo(
    output: Annotated[Path, typer.Option(help="where the run's folder goes")] = Path("runs"),
) -> None:
    """The whole path on embedded data, a few minutes on 2 CPU cores."""
    from encodery.stages.demo import prepare

    _run(prepare(output), [], [f"output={output}"], [])


def init(
    train: Annotated[Path, typer.Option(help="labelled training file", show_default=False)],
    dev: Annotated[Path | None, typer.Option(help="labelled file to judge by", show_default=False)] = None,
    test: Annotated[Path | None, typer.Option(help="labelled file for the end", show_default=False)] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="classification, ner, qa, multiple-choice, translation; what the records look like, if not given"
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="a model folder to start from", show_default=False)] = None,
    to: Annotated[Path, typer.Option(help="the recipe to write")] = Path("recipe.toml"),
) -> None:
    """Look at labelled files and the machine, and write a commented recipe."""
    from encodery.stages.init import write_recipe

    print(write_recipe(to, train, dev, test, task, model), end="")
    print(f"encodery: wrote {to}; next: encodery validate {to}", file=sys.stderr)


def plan(recipe: RecipePath, overrides: Overrides = None) -> None:
    """What would run, what is fresh and why; tokens, FLOPs, memory, time."""
    from encodery.stages import plan as plan_stages
    from encodery.stages.corpus import planned_corpus
    from encodery.stages.estimate import plan_table
    from encodery.stages.exposure import planned_exposure
    from encodery.stages.unreached import planned_phases

    console, opened, stages = _open(recipe, overrides or [])
    planned = plan_stages(opened, stages)
    console.print(plan_table(opened, planned))
    if (corpus := planned_corpus(opened, planned)) is not None:
        console.print(corpus, soft_wrap=True, markup=False)
    for languages in planned_exposure(opened, planned):
        console.print(languages)
    for line in planned_phases(opened, planned):
        console.print(line, soft_wrap=True, markup=False)


def run(
    recipe: RecipePath,
    stages: Annotated[list[str] | None, typer.Argument(help="only these and what they need")] = None,
    overrides: Overrides = None,
    force: Annotated[list[str] | None, typer.Option(help="run this stage though it is fresh")] = None,
) -> None:
    """Run a recipe; the same command again resumes or skips."""
    _run(recipe, stages or [], overrides or [], force or [])


def compare(
    recipes: Annotated[
        list[Path], typer.Argument(help="recipes, TOML; the first is the yardstick", show_default=False)
    ],
    seeds: Annotated[int, typer.Option(help="how often each is run: with the seeds 1 to this")] = 3,
    overrides: Overrides = None,
    output: Annotated[Path | None, typer.Option(help="the comparison's folder")] = None,
    budget: Annotated[
        str, typer.Option(metavar="tokens|time", help="what must be equal between the recipes")
    ] = "tokens",
    unequal: Annotated[bool, typer.Option("--unequal", help="compare though the budgets differ")] = False,
) -> None:
    """Schemes at equal budget: one table, curves, intervals; the same command again continues."""
    from rich.console import Console

    from encodery.stages.comparing import run_comparison

    console = Console(highlight=False)
    run_comparison(console, recipes, seeds, overrides or [], output, budget, unequal)


def _open(recipe_path: Path, overrides: list[str]) -> "tuple[Console, Run, list[Stage]]":
    from rich.console import Console

    from encodery.recipe import load_recipe
    from encodery.stages import open_run
    from encodery.stages.graph import stages_of

    console = Console(highlight=False)
    opened = open_run(load_recipe(recipe_path, overrides), recipe_path, console)
    return console, opened, stages_of(opened)


def _run(recipe_path: Path, only: list[str], overrides: list[str], force: list[str]) -> None:
    from encodery.stages.launching import run_recipe

    done = run_recipe(recipe_path, overrides, only, force)
    report = done.folder / "report" / "report.html"
    if report.exists() and done.ranks.is_first:
        done.console.print(f"[bold]report[/] {report.resolve()}", soft_wrap=True)
