"""Predictions on a terminal, by rich: entities in colour with their labels, bars for probabilities.

What it says can be read without colours. Control characters of a text do not reach the terminal.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from encodery.report.shown import Colors, Shown, pieces, show

WIDTH = 24
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def block(shown: Shown, colors: Mapping[str, str]) -> Text:
    """One record with its prediction, on lines of its own."""
    lines = [_marked(shown, colors)]
    if shown.before:
        lines.insert(0, Text(plain(shown.before), "bold"))
    if shown.after:
        lines.append(Text(plain(shown.after)))
    margin = max((len(plain(bar.label)) for bar in shown.bars), default=0)
    for bar in shown.bars:
        full = round(WIDTH * min(max(bar.score, 0.0), 1.0))
        style = "bold" if bar.chosen else ""
        lines.append(
            Text.assemble(
                (f"  {plain(bar.label):{margin}} ", style),
                ("█" * full, "blue"),
                ("░" * (WIDTH - full), "dim"),
                (f" {bar.score:.3f}", style),
            )
        )
    if shown.words:
        lines.append(Text(f"  {plain(shown.words)}", "dim"))
    return Text("\n").join(lines)


def print_shown(console: Console, predicted: Iterable[tuple[str | Mapping[str, Any], Mapping[str, Any]]]) -> None:
    """Records with their predictions, one after the other, as they come; a blank line between them."""
    colors = Colors()
    for number, (record, prediction) in enumerate(predicted):
        if number:
            console.print()
        console.print(block(show(record, prediction), colors), highlight=False, soft_wrap=True)


def _marked(shown: Shown, colors: Mapping[str, str]) -> Text:
    """The text; what is marked in brackets, its label behind it."""
    text = Text()
    for part, span in pieces(shown):
        if span is None:
            text.append(plain(part))
            continue
        said = span.label if span.score is None else f"{span.label} {span.score:.2f}"
        color = colors[span.label]
        text.append(f"[{plain(part)}", f"bold white on {color}").append(f" {plain(said)}]", f"white on {color}")
    return text


def plain(text: str) -> str:
    """Text without what would move the cursor or change the terminal."""
    return _CONTROL.sub("\ufffd", text)
