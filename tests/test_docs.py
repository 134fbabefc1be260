"""Documentation that cannot drift: the README's tree, commands and recipe are the real ones."""

import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from encodery.cli import app
from encodery.recipe import Recipe, load_recipe

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
RECIPES = sorted([*(ROOT / "recipes").glob("*.toml"), ROOT / "src/encodery/demo/recipe.toml"])


def block(heading: str, language: str) -> str:
    """The code blocks in that language under a heading of the README."""
    section = README.split(f"## {heading}\n")[1].split("\n## ")[0]
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL))


def test_the_map_names_every_part_and_no_other() -> None:
    tree = README.split("## The map")[1].split("```")[1]
    named = set(re.findall(r"^  (\w+(?:\.py|/))", tree, re.MULTILINE))
    package = ROOT / "src" / "encodery"
    real = {p.name for p in package.glob("*.py")} | {
        f"{p.name}/" for p in package.iterdir() if p.is_dir() and p.name != "__pycache__"
    }
    assert named == real


def test_every_command_in_the_readme_parses() -> None:
    command = get_command(app)
    lines = re.findall(r"^encodery (.*?)(?:\s+#.*)?$", block("Your own text and labels", "console"), re.MULTILINE)
    assert len(lines) == 8
    for line in lines:
        verb, *arguments = re.findall(r'"[^"]*"|\S+', line)
        sub = command.commands[verb]  # type: ignore[attr-defined]
        sub.make_context(verb, list(arguments))


def test_the_recipe_in_the_readme_is_valid() -> None:
    recipe = Recipe.parse(tomllib.loads(block("Your own text and labels", "toml")), "README.md")
    assert recipe.name == "reviews"
    assert list(recipe.finetune) == ["sentiment"]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_every_shipped_recipe_is_valid(path: Path) -> None:
    assert load_recipe(path).finetune


def test_the_two_commands_are_targets() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", block("Start", "console"), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / link).exists(), link


def test_every_dependency_says_why() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    reasons = (ROOT / "docs" / "dependencies.md").read_text()
    extras = project["optional-dependencies"]
    for requirement in [*project["dependencies"], *(line for lines in extras.values() for line in lines)]:
        name = re.split(r"[<>=\[]", requirement)[0]
        assert name == "encodery" or re.search(rf"\b{name}\b", reasons), (
            f"docs/dependencies.md does not mention {name}"
        )


def test_the_version_is_the_newest_in_the_changelog() -> None:
    from encodery import __version__

    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE).group(1) == __version__  # type: ignore[union-attr]


def test_no_behaviour_is_keyed_on_a_family() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        assert not re.search(r"\bif\b.*\b(family|model_type)\b *==", path.read_text()), path


def test_files_stay_small() -> None:
    long = {p.name: n for p in (ROOT / "src").rglob("*.py") if (n := len(p.read_text().splitlines())) > 330}
    assert not long
