"""Token shards in the layout of other tools, and back. Nothing heavy is imported before a command runs."""

from pathlib import Path
from typing import Annotated

import typer

shards = typer.Typer(no_args_is_help=True, help="Token shards to and from the layouts of Megatron-LM and datatrove.")


@shards.command("export")
def export_(
    folder: Annotated[Path, typer.Argument(help="token shards: runs/NAME/shards/train", show_default=False)],
    to: Annotated[
        Path, typer.Option(help="PREFIX of Megatron's .bin and .idx, or datatrove's NAME.ds", show_default=False)
    ],
) -> None:
    """Write token shards for another tool; each language as a data set of its own, PREFIX.LANGUAGE."""
    from encodery.stages.exchange import export_shards

    print(export_shards(folder, to))


@shards.command("import")
def import_(
    prefixes: Annotated[
        list[str],
        typer.Argument(
            metavar="[LANGUAGE=]NAME...", help="data sets: PREFIX of .bin and .idx, or NAME.ds", show_default=False
        ),
    ],
    to: Annotated[Path, typer.Option(help="the folder to write", show_default=False)],
    tokenizer: Annotated[
        Path, typer.Option(help="the tokenizer's folder with which the text was written", show_default=False)
    ],
    whole: Annotated[
        bool, typer.Option("--whole", help="keep sequences above 64 tokens whole: for aligned sentences")
    ] = False,
) -> None:
    """Write the data sets of another tool as token shards."""
    from encodery.stages.exchange import import_shards

    print(import_shards(prefixes, to, tokenizer, whole))
