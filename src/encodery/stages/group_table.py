"""Scores of groups on a terminal: languages with their average, slices."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text


def group_table(title: str, groups: Mapping[str, Mapping[str, Any]], headline: Sequence[str]) -> Table:
    """A row for each group; the first figure with its interval."""
    names = [name for name in headline if any(name in group for group in groups.values())]
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for name in ("examples", *names):
        table.add_column(Text(name), justify="right", no_wrap=True)
    for group, scores in groups.items():
        table.add_row(Text(group), f"{scores['examples']:,}", *cells(scores, names))
    return table


def held_out_table(languages: Mapping[str, Mapping[str, float]]) -> Table:
    """What a pretrained model makes of held-out text, by language: losses, and e to them."""
    names = list(dict.fromkeys(name for values in languages.values() for name in values))
    table = Table(title=Text("held-out text, by language"), title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for name in names:
        table.add_column(Text(name), justify="right", no_wrap=True)
    for language, values in sorted(languages.items()):
        table.add_row(Text(language), *(f"{values[name]:,.3f}" if name in values else "–" for name in names))
    return table


def cells(scores: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """The figures, a dash for one that there is not; the first with its interval."""
    shown = [f"{scores[name]:.3f}" if name in scores else "–" for name in names]
    for ends in (scores.get("intervals", {}).get(name) for name in names[:1]):
        shown[0] += f" [{ends[0]:.3f}, {ends[1]:.3f}]" if ends else ""
    return shown
