"""Verbs over model folders: predict, evaluate, import, inspect. Nothing heavy is imported before a command runs."""

from pathlib import Path
from typing import Annotated

import typer


def predict(
    model: Annotated[Path, typer.Argument(help="a model folder", show_default=False)],
    text: Annotated[str | None, typer.Argument(help="one text", show_default=False)] = None,
    file: Annotated[
        Path | None, typer.Option(help="records, one JSON object a line (.gz and .zst too); - reads standard input")
    ] = None,
    pretty: Annotated[
        bool, typer.Option("--pretty", help="for the eye: entities in colour, bars for labels")
    ] = False,
) -> None:
    """Predictions as JSON Lines on standard output."""
    from encodery.serve.lines import predict_lines, predict_records

    if pretty:
        from rich.console import Console

        from encodery.report.terminal import print_shown

        print_shown(Console(), predict_records(model, text, file))
        return
    for line in predict_lines(model, text, file):
        print(line)


def evaluate(
    model: Annotated[Path, typer.Argument(help="a model folder", show_default=False)],
    data: Annotated[
        list[str],
        typer.Option(
            metavar="[LANGUAGE=]FILE",
            help="labelled records: jsonl, csv, tsv, parquet; repeated, a file for each language",
            show_default=False,
        ),
    ],
    field: Annotated[
        list[str] | None, typer.Option(metavar="OURS=THEIRS", help="a column's name in the file: text=sentence")
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="length|label|language|source|COLUMN", help="scores of slices; may be repeated"),
    ] = None,
    against: Annotated[Path | None, typer.Option(help="another model: is the difference more than luck?")] = None,
    errors: Annotated[Path | None, typer.Option(help="a page of errors to write, HTML")] = None,
) -> None:
    """The task's metrics over labelled files with intervals, as one JSON object; tables on standard error."""
    from rich.console import Console

    from encodery.stages.evaluating import run_evaluation

    console = Console(stderr=True, highlight=False)
    print(run_evaluation(console, model, data, field or [], by or [], against, errors))


def import_(
    file: Annotated[Path, typer.Argument(help="the checkpoint's file or folder", show_default=False)],
    family: Annotated[str, typer.Option(help="whose original it is: bert, roberta, xlm-roberta", show_default=False)],
    to: Annotated[Path, typer.Option(help="the model folder to write", show_default=False)],
) -> None:
    """An original checkpoint, as its authors published it, as a model folder."""
    from rich.console import Console

    from encodery.originals.importing import import_original
    from encodery.stages.inspect import describe

    import_original(file, family, to)
    Console().print(describe(to))


def inspect(
    path: Annotated[Path, typer.Argument(help="a model, run, shards or tokenizer folder")],
    text: Annotated[
        list[str] | None,
        typer.Option(metavar="[LANG=]PATH", help="how the tokenizer cuts this text; may be repeated"),
    ] = None,
    language_field: Annotated[str | None, typer.Option(help="the field of a record that names its language")] = None,
) -> None:
    """Any artifact, in one screen; with --text, what its tokenizer makes of a text, per language."""
    from rich.console import Console

    if text:
        from encodery.stages.cutting import cutting_table

        Console().print(cutting_table(path, text, language_field))
        return
    from encodery.stages.inspect import describe

    Console().print(describe(path))
