"""The tables of a comparison: the same rows on the terminal, in Markdown and on the page."""

from collections.abc import Sequence

from encodery.report.page import Table
from encodery.report.tables import markdown_table, markdown_text
from encodery.stages.comparison import Comparison
from encodery.stages.figures import COST, PRETRAINING, SEEDS, TASKS, Figure
from encodery.stages.recipe_differences import recipe_differences
from encodery.tasks.metrics import Estimate

TITLES = {TASKS: "Downstream", PRETRAINING: "Held-out text", COST: "Cost"}
ABSENT = "–"


def tables(comparison: Comparison) -> list[Table]:
    """Everything in numbers, in the order in which it is shown; tables without rows are left out."""
    found = [
        _figures(comparison, TASKS),
        _figures(comparison, PRETRAINING),
        _differences(comparison),
        _figures(comparison, COST),
        Table(
            "Keys of the recipes that differ (values as TOML has them)", ("key", *comparison.names), _keys(comparison)
        ),
    ]
    return [table for table in found if table.rows]


def values_table(comparison: Comparison) -> Table:
    """Every value behind the means."""
    header = ("figure", "scheme", *(f"seed {seed}" for seed in comparison.seeds))
    rows = [
        (figure.name, name, *(f"{value:.4f}" for value in figure.values[name]))
        for figure in comparison.shown(TASKS, PRETRAINING)
        for name in comparison.names
        if name in figure.values
    ]
    return Table("Seed by seed (every value behind the means)", header, rows)


def _figures(comparison: Comparison, group: str) -> Table:
    """A row for each figure, a column for each scheme."""
    rows = [(figure.name, *(_cell(figure, name) for name in comparison.names)) for figure in comparison.shown(group)]
    return Table(f"{TITLES[group]} ({_meaning(comparison, group)})", ("figure", *comparison.names), rows)


def _meaning(comparison: Comparison, group: str) -> str:
    """How to read the numbers."""
    if len(comparison.seeds) == 1:
        return "one seed" if group != TASKS else "one seed; 95 % over test examples"
    mean = f"mean of {len(comparison.seeds)} seeds"
    return mean if group == COST else f"{mean} ± 95 % over seeds"


def _cell(figure: Figure, scheme: str) -> str:
    if scheme not in figure.values:
        return ABSENT
    found = figure.estimate(scheme)
    if figure.group == COST:
        return f"{found.mean:,.0f}" if found.mean >= 100 or found.mean.is_integer() else f"{found.mean:.3g}"
    return f"{found.mean:.4f}{_reach(found, figure.interval_over(scheme) == SEEDS)}"


def _reach(found: Estimate, is_symmetric: bool = True) -> str:
    if found.interval is None:
        return ""
    low, high = found.interval
    return f" ± {high - found.mean:.4f}" if is_symmetric else f" ({low:.4f} to {high:.4f})"


def _differences(comparison: Comparison) -> Table:
    """How much higher each scheme is than the first, seed by seed."""
    rows = [
        (figure.name, scheme, f"{found.mean:+.4f}{_reach(found)}", verdict(figure, found))
        for figure in comparison.shown(TASKS, PRETRAINING)
        for scheme, found in comparison.differences(figure).items()
    ]
    title = f"Difference to {comparison.first} (paired by seed ± 95 %)"
    return Table(title, ("figure", "scheme", "difference", "which is"), rows)


def verdict(figure: Figure, found: Estimate) -> str:
    """What a difference says, in words."""
    if found.excludes_zero is None:
        return "unknown: one seed"
    if not found.excludes_zero:
        return "unclear: 0 is inside"
    return "better" if (found.mean > 0) == figure.is_score else "worse"


def _keys(comparison: Comparison) -> Sequence[Sequence[str]]:
    return [(key, *values) for key, values in recipe_differences(comparison.schemes)]


def to_markdown(comparison: Comparison, title: str) -> str:
    """The tables for a README or an issue."""
    notes = [f"- {markdown_text(note)}" for note in comparison.notes]
    drawn = map(markdown_table, (*tables(comparison), values_table(comparison)))
    parts = [f"# {markdown_text(title)}", "\n".join(notes), *drawn]
    return "\n\n".join(part for part in parts if part) + "\n"
