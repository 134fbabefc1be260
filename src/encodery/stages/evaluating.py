"""`encodery evaluate`: scores as JSON for machines, tables and a page of errors for people."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from encodery.serve.asked import Asked
from encodery.stages.error_page import check_place, write_error_page
from encodery.stages.evaluation import COMPARISON, Evaluation, comparison_rows, evaluate
from encodery.stages.group_table import group_table


def run_evaluation(
    console: Console,
    model: Path,
    data: Sequence[str],
    fields: Sequence[str] = (),
    by: Sequence[str] = (),
    against: Path | None = None,
    errors: Path | None = None,
    asked: Asked | None = None,
) -> str:
    """The scores as one line of JSON; tables go to the console, the page of errors to its file.

    Raises:
        UserError: as `evaluate`; or the page cannot be written.
    """
    if errors:
        check_place(errors)
    evaluation = evaluate(model, data, fields, by, against, asked)
    scores = evaluation.scores
    if "truncated" in scores:
        console.print(
            f"truncated: of {scores['truncated']:,} of {scores['examples']:,} examples something is left out"
        )
    if "languages" in scores:
        console.print(group_table("by language", scores["languages"], evaluation.task.headline))
    for name, slices in evaluation.slices.items():
        console.print(group_table(f"by {name}", slices, _figures(evaluation, name)))
    if evaluation.against:
        console.print(_comparison(evaluation.against))
    if errors:
        write_error_page(evaluation, model, errors)
        console.print(f"errors: {errors.resolve()}", soft_wrap=True, markup=False)
    return json.dumps(scores, ensure_ascii=False)


def _figures(evaluation: Evaluation, name: str) -> Sequence[str]:
    """Those that the slices have."""
    headline = evaluation.task.headline
    known = {figure for scores in evaluation.slices[name].values() for figure in scores}
    return headline if known & {*headline} else ("f1",)


def _comparison(against: Mapping[str, Any]) -> Table:
    table = Table(title=f"against {against['model']}", title_justify="left", box=None, pad_edge=False)
    for column in ("", *COMPARISON):
        table.add_column(column, justify="right" if column else "left")
    for row in comparison_rows(against):
        table.add_row(*row)
    return table
