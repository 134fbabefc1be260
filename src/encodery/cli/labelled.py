"""The verb over labelled files: what is wrong with them. Nothing heavy is imported before it runs."""

from pathlib import Path
from typing import Annotated

import typer


def validate(
    inputs: Annotated[
        list[str], typer.Argument(metavar="RECIPE|FILE...", help="SPLIT=FILE too; the first is train, then dev, test")
    ],
    field: Annotated[
        list[str] | None, typer.Option(metavar="OURS=THEIRS", help="a column's name in the files: text=sentence")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="a model folder: are texts too long, labels new to it?")] = None,
    fix: Annotated[bool, typer.Option("--fix", help="write corrected copies (NAME.fixed.jsonl)")] = False,
    to: Annotated[Path | None, typer.Option(help="the folder for the copies; beside the files, if not given")] = None,
    json: Annotated[bool, typer.Option("--json", help="every finding as a JSON line")] = False,
    show_all: Annotated[bool, typer.Option("--all", help="every finding, not the first five of each code")] = False,
) -> None:
    """What is wrong with labelled data, by file and line; exit code 1 where there are errors."""
    from encodery.stages.validation import run_validation

    code = run_validation(inputs, field or [], model, fix=fix, to=to, as_json=json, show_all=show_all)
    raise typer.Exit(code)
