"""The verb that serves models. Nothing heavy is imported before it runs."""

from pathlib import Path
from typing import Annotated

import typer


def serve(
    models: Annotated[
        list[str],
        typer.Argument(metavar="[NAME=]MODEL...", help="model folders or bundles; their names are the folders'"),
    ],
    host: Annotated[str, typer.Option(help="the address to listen at; 0.0.0.0 lets others in")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any that is free")] = 8080,
    keys: Annotated[
        Path | None,
        typer.Option(
            help="a file with the SHA-256 of an API key on each line; ENCODERY_API_KEYS has keys themselves"
        ),
    ] = None,
    no_keys: Annotated[bool, typer.Option("--no-keys", help="let others call without a key")] = False,
    origin: Annotated[
        list[str] | None, typer.Option(metavar="ORIGIN", help="pages of https://app.example.org may call; repeated")
    ] = None,
    open_path: Annotated[
        list[str] | None, typer.Option("--open", metavar="PATH", help="a path that needs no key: /metrics; repeated")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="A=B", help="any other setting: max_inputs=100, worker.threads=2; repeated"),
    ] = None,
) -> None:
    """HTTP for every task: predictions, embeddings, metrics, a playground; docs/serving.md has it all."""
    from encodery.serve.command import serve_folders

    values = {
        "host": host,
        "port": port,
        "keys": keys,
        "no_keys": no_keys,
        "origins": origin or [],
        "open_paths": open_path or [],
    }
    serve_folders(models, values, overrides or [])
