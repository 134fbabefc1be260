"""The verbs: parse, call, print. No logic lives here, and nothing heavy is imported before a command runs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from encodery import __version__
from encodery.errors import Interrupted, UserError

if TYPE_CHECKING:
    from rich.console import Console

    from encodery.stages import Run, Stage

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Raw text in any languages in, a small, fast, good encoder in production out.",
)
RecipePath = Annotated[Path, typer.Argument(help="a recipe, TOML", show_default=False)]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="A.B=C", help="change one key of the recipe; may be repeated")
]


def main() -> None:
    """Run the command line; a message to a person is one line on standard error."""
    try:
        app()
    except (UserError, Interrupted) as error:
        print(f"encodery: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("encodery: stopped; nothing half-written is left, the same command starts again", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output (`| head`) has seen enough
        sys.stderr.close()
        sys.exit(141)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="print the version and exit")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="where the run's folder goes")] = Path("runs"),
) -> None:
    """The whole path on embedded data, a few minutes on 2 CPU cores."""
    from encodery.stages.demo import prepare

    _run(prepare(output), [], [f"output={output}"], [])


@app.command()
def init(
    train: Annotated[Path, typer.Option(help="labelled training file", show_default=False)],
    dev: Annotated[Path | None, typer.Option(help="labelled file to judge by", show_default=False)] = None,
    test: Annotated[Path | None, typer.Option(help="labelled file for the end", show_default=False)] = None,
    task: Annotated[
        str | None,
        typer.Option(help="classification, ner, qa, multiple-choice; what the records look like, if not given"),
    ] = None,
    model: Annotated[str | None, typer.Option(help="a model folder to start from", show_default=False)] = None,
    to: Annotated[Path, typer.Option(help="the recipe to write")] = Path("recipe.toml"),
) -> None:
    """Look at labelled files and the machine, and write a commented recipe."""
    from encodery.stages.init import write_recipe

    print(write_recipe(to, train, dev, test, task, model), end="")
    print(f"encodery: wrote {to}; next: encodery validate {to}", file=sys.stderr)


@app.command()
def validate(
    inputs: Annotated[
        list[str], typer.Argument(metavar="RECIPE|FILE...", help="SPLIT=FILE too; the first is train, then dev, test")
    ],
    field: Annotated[
        list[str] | None, typer.Option(metavar="OURS=THEIRS", help="a column's name in the files: text=sentence")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="a model folder: are texts longer than it reads?")] = None,
    fix: Annotated[bool, typer.Option("--fix", help="write corrected copies (NAME.fixed.jsonl)")] = False,
    to: Annotated[Path | None, typer.Option(help="the folder for the copies; beside the files, if not given")] = None,
    json: Annotated[bool, typer.Option("--json", help="every finding as a JSON line")] = False,
    show_all: Annotated[bool, typer.Option("--all", help="every finding, not the first five of each code")] = False,
) -> None:
    """What is wrong with labelled data, by file and line; exit code 1 where there are errors."""
    from encodery.stages.validation import run_validation

    code = run_validation(inputs, field or [], model, fix=fix, to=to, as_json=json, show_all=show_all)
    raise typer.Exit(code)


@app.command()
def plan(recipe: RecipePath, overrides: Overrides = None) -> None:
    """What would run, what is fresh and why; tokens, FLOPs, memory, time."""
    from encodery.stages import plan as plan_stages
    from encodery.stages.estimate import plan_table
    from encodery.stages.exposure import planned_exposure

    console, opened, stages = _open(recipe, overrides or [])
    planned = plan_stages(opened, stages)
    console.print(plan_table(opened, planned))
    if (languages := planned_exposure(opened, planned)) is not None:
        console.print(languages)


@app.command()
def run(
    recipe: RecipePath,
    stages: Annotated[list[str] | None, typer.Argument(help="only these and what they need")] = None,
    overrides: Overrides = None,
    force: Annotated[list[str] | None, typer.Option(help="run this stage though it is fresh")] = None,
) -> None:
    """Run a recipe; the same command again resumes or skips."""
    _run(recipe, stages or [], overrides or [], force or [])


@app.command()
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


@app.command()
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


@app.command()
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


@app.command("import")
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


@app.command()
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


bench = typer.Typer(no_args_is_help=True, help="Side by side with the peers installed here; a JSON line per case.")
app.add_typer(bench, name="bench")


@bench.command("train")
def bench_train(
    quick: Annotated[bool, typer.Option(help="fewer repetitions")] = False,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    json: Annotated[bool, typer.Option("--json", help="only the JSON lines")] = False,
    case: Annotated[list[str] | None, typer.Option(help="only these cases")] = None,
) -> None:
    """Pretraining tokens/s and memory against the trainer of transformers."""
    from encodery.bench.train import run_bench

    run_bench(quick=quick, device=device, only_json=json, cases=case or [])


@bench.command("load")
def bench_load(
    quick: Annotated[bool, typer.Option(help="fewer repetitions")] = False,
    json: Annotated[bool, typer.Option("--json", help="only the JSON lines")] = False,
) -> None:
    """Time and memory from a BERT-base folder to its first prediction, against transformers."""
    from encodery.bench.load import run_bench

    run_bench(quick=quick, only_json=json)


@bench.command("encode")
def bench_encode(
    quick: Annotated[bool, typer.Option(help="less text and fewer repetitions")] = False,
    json: Annotated[bool, typer.Option("--json", help="only the JSON lines")] = False,
    case: Annotated[list[str] | None, typer.Option(help="only these cases")] = None,
    text: Annotated[Path | None, typer.Option(help="a text file, instead of invented words")] = None,
) -> None:
    """Text to ids: MB/s of batches and the time of one text, against tokenizers, sentencepiece and transformers."""
    from encodery.bench.encode import run_bench

    run_bench(quick=quick, only_json=json, cases=case or [], text=text)


@bench.command("predict")
def bench_predict(
    quick: Annotated[bool, typer.Option(help="fewer repetitions")] = False,
    json: Annotated[bool, typer.Option("--json", help="only the JSON lines")] = False,
    case: Annotated[list[str] | None, typer.Option(help="only these cases: minilm, bert/one-16")] = None,
    folder: Annotated[Path | None, typer.Option(help="keep models and exports here for the next time")] = None,
    peers: Annotated[
        Path | None, typer.Option(help="the Python of another environment, which has ctranslate2")
    ] = None,
) -> None:
    """Latency, throughput, memory and size of exported models against the CPU engines installed here."""
    from encodery.bench.predict import run_bench

    run_bench(quick=quick, only_json=json, cases=case or [], folder=folder, peers=peers)


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
