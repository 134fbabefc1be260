"""All verbs, in the order in which `encodery --help` shows them; and the way a message reaches a person."""

import sys
from typing import Annotated

import typer

from encodery import __version__
from encodery.cli import labelled, models, recipes, serving
from encodery.cli.bench import bench
from encodery.cli.shards import shards
from encodery.errors import Interrupted, UserError

_INTERRUPTED = 130
_STOPPED = "encodery: stopped; nothing half-written is left, the same command starts again"
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Raw text in any languages in, a small, fast, good encoder in production out.",
)
app.command()(recipes.demo)
app.command()(recipes.init)
app.command()(labelled.validate)
app.command()(recipes.plan)
app.command()(recipes.run)
app.command()(models.predict)
app.command()(models.translate)
app.command()(models.evaluate)
app.command()(recipes.compare)
app.command()(models.export)
app.command("import")(models.import_)
app.command()(serving.serve)
app.command()(models.inspect)
app.add_typer(shards, name="shards")
app.add_typer(bench, name="bench")


def main() -> None:
    """Run the command line; a message to a person is one line on standard error."""
    try:
        app()
    except (UserError, Interrupted) as error:
        print(f"encodery: {_line(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print(_STOPPED, file=sys.stderr)
        sys.exit(_INTERRUPTED)
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:  # what Typer makes of the same, without a word
            print(_STOPPED, file=sys.stderr)
        raise
    except BrokenPipeError:  # the reader of our output (`| head`) has seen enough
        sys.stderr.close()
        sys.exit(141)


def _line(message: str) -> str:
    """A message as one line. What files call their members and fields may be in it: nothing of that steers the
    terminal."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in " ".join(message.split()))


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="print the version and exit")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit
