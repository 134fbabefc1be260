"""Figures by language on a terminal."""

import io

from rich.console import Console

from encodery.stages.group_table import held_out_table


def test_losses_and_perplexities_by_language() -> None:
    console = Console(file=io.StringIO(), width=60, record=True)
    console.print(held_out_table({"sw": {"mlm_loss": 3.0, "perplexity": 20.0855}, "[b]": {"clm_loss": 7.25}}))
    lines = [line.split() for line in console.export_text().splitlines()]
    assert lines == [
        ["held-out", "text,", "by", "language"],
        ["mlm_loss", "perplexity", "clm_loss"],
        ["[b]", "–", "–", "7.250"],
        ["sw", "3.000", "20.085", "–"],
    ]
