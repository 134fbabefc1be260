"""Verbs over model folders: predict, translate, evaluate, export, import, inspect. Nothing heavy is imported before
one runs."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from encodery.errors import UserError


class OnError(StrEnum):
    """What to do about a record that is none of the task's."""

    STOP = "stop"
    SKIP = "skip"


NumBeams = Annotated[
    int | None, typer.Option(help="a model that translates: how many beams are looked along; 1 is greedy")
]
LengthPenalty = Annotated[
    float | None, typer.Option(help="a model that translates: above 0 longer translations are favoured")
]


def predict(
    model: Annotated[Path, typer.Argument(help="a model folder or bundle", show_default=False)],
    text: Annotated[str | None, typer.Argument(help="one text", show_default=False)] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            help="records: jsonl, csv, tsv, parquet (.gz and .zst too); - reads JSON Lines from standard input"
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="the file to write (.gz and .zst are compressed); the same command again goes on with it"),
    ] = None,
    on_error: Annotated[
        OnError, typer.Option(help='a record that is none: end there, or write {"error": ...} for it and go on')
    ] = OnError.STOP,
    pretty: Annotated[
        bool, typer.Option("--pretty", help="for the eye: entities in colour, bars for labels")
    ] = False,
    source_language: Annotated[
        str | None,
        typer.Option("--from", help="a model that translates: the language of texts that do not say theirs"),
    ] = None,
    target_language: Annotated[
        str | None, typer.Option("--into", help="a model that translates: the language to write, likewise")
    ] = None,
    num_beams: NumBeams = None,
    n_best: Annotated[
        int | None, typer.Option(help="a model that translates: how many translations of each text, best first")
    ] = None,
    length_penalty: LengthPenalty = None,
) -> None:
    """Predictions as JSON Lines on standard output, or in a file."""
    from rich.console import Console

    from encodery.serve.asked import Asked
    from encodery.serve.lines import predict_lines, predict_records

    asked = Asked.of(num_beams, n_best, length_penalty, source_language, target_language)
    skip = on_error is OnError.SKIP
    progress = Console(stderr=True, highlight=False, quiet=sys.stdout.isatty() and to is None)
    if to is not None:
        from encodery.serve.files import predict_file

        if file is None or text is not None or pretty:
            raise UserError("--to goes with --file: encodery predict MODEL --file in.jsonl --to out.jsonl")
        outcome = predict_file(model, file, to, progress, skip, asked)
        print(f"encodery: {outcome}", file=sys.stderr)
    elif pretty:
        from encodery.report.terminal import print_shown

        print_shown(Console(), predict_records(model, text, file, asked))
    else:
        for line in predict_lines(model, text, file, progress, skip, asked):
            print(line)


def translate(
    model: Annotated[Path, typer.Argument(help="a model folder or bundle that translates", show_default=False)],
    file: Annotated[Path, typer.Argument(help="labelled records in one language", show_default=False)],
    to: Annotated[
        Path,
        typer.Option(
            help="the file to write, JSON Lines (.gz, .zst: compressed); the same command again goes on with it",
            show_default=False,
        ),
    ],
    source_language: Annotated[str, typer.Option("--from", help="the language of the records", show_default=False)],
    target_language: Annotated[str, typer.Option("--into", help="the language to write", show_default=False)],
    field: Annotated[
        list[str] | None, typer.Option(metavar="OURS=THEIRS", help="a column's name in the file: text=sentence")
    ] = None,
    on_error: Annotated[
        OnError, typer.Option(help="a record that cannot be translated: end there, or leave it out and go on")
    ] = OnError.STOP,
    drop_truncated: Annotated[
        bool,
        typer.Option(
            "--drop-truncated",
            help='leave records out with a translation that did not come to its end (else "truncated": true)',
        ),
    ] = False,
    num_beams: NumBeams = None,
    length_penalty: LengthPenalty = None,
) -> None:
    """A labelled training set in another language (translate-train): texts translated, labels kept."""
    from rich.console import Console

    from encodery.serve.asked import Asked
    from encodery.stages.translate_train import Wanted, translate_train

    skip, asked = on_error is OnError.SKIP, Asked.of(num_beams, None, length_penalty)
    wanted = Wanted(source_language, target_language, field or [], skip, drop_truncated, asked)
    translate_train(model, file, to, wanted, Console(stderr=True, highlight=False))


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
    num_beams: NumBeams = None,
    length_penalty: LengthPenalty = None,
) -> None:
    """The task's metrics over labelled files with intervals, as one JSON object; tables on standard error."""
    from rich.console import Console

    from encodery.serve.asked import Asked
    from encodery.stages.evaluating import run_evaluation

    console = Console(stderr=True, highlight=False)
    asked = Asked.of(num_beams, None, length_penalty)
    print(run_evaluation(console, model, data, field or [], by or [], against, errors, asked))


def export(
    model: Annotated[Path, typer.Argument(help="a model folder", show_default=False)],
    to: Annotated[Path, typer.Option(help="the bundle to write", show_default=False)],
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="fp32|bf16|int8", help="what it computes in: int8 if not given, fp32 where it translates"
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(metavar="auto|openvino|onnxruntime", help="what computes it; auto: the fastest here")
    ] = "auto",
    data: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[LANGUAGE=]FILE", help="labelled records that it must score on: the dev data", show_default=False
        ),
    ] = None,
    calibrate: Annotated[
        Path | None, typer.Option(help="records to calibrate int8 by, as those that will come: the training data")
    ] = None,
    field: Annotated[
        list[str] | None, typer.Option(metavar="OURS=THEIRS", help="a column's name in the files: text=sentence")
    ] = None,
    max_metric_drop: Annotated[
        float, typer.Option(help="points of the task's first metric that may be lost on --data")
    ] = 0.5,
    min_cosine: Annotated[
        float, typer.Option(help="of the hidden states with the model's; lower is faster where --data vouches")
    ] = 0.999,
    task: Annotated[
        str | None, typer.Option(metavar="feature-extraction", help="vectors in the place of the head's answers")
    ] = None,
) -> None:
    """A model folder as a bundle for production: verified against the model, the fastest way to compute it here."""
    from rich.console import Console

    from encodery.deploy.settings import ExportSettings
    from encodery.stages.export_stage import run_export

    stated = {"engine": engine, "task": task, "max_metric_drop": max_metric_drop, "min_cosine": min_cosine}
    stated |= {"dtype": dtype} if dtype else {}
    settings = ExportSettings.parse(stated, "export")
    run_export(Console(highlight=False), model, to, settings, data or [], field or [], calibrate)


def import_(
    file: Annotated[Path, typer.Argument(help="the checkpoint's file or folder", show_default=False)],
    family: Annotated[
        str,
        typer.Option(
            help="whose original it is: bert, roberta, xlm, xlm-roberta, xlm-roberta-xl", show_default=False
        ),
    ],
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
