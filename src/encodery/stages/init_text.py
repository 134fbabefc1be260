"""Parts of a first recipe that every task has."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch

from encodery.families.folder import read_sizes
from encodery.stages.looking import Look

_LARGEST = 512


def head(to: Path, look: Look, train: Path | None) -> list[str]:
    """What was looked at, and the name of the run."""
    return [
        f"# {look.records:,} records of {train} were looked at: {look.kind}, format {look.file_format}.",
        "# `encodery validate` says what is wrong with them, `encodery plan` what would run, `encodery run` runs it.",
        f"name = {quoted(to.stem.replace(' ', '-'))}",
        "seed = 1",
        "",
    ]


def positions(model: str | None) -> int:
    """So many tokens a model can read at once; without one as many as anybody needs.

    Raises:
        UserError: as `read_sizes`.
    """
    return _LARGEST if model is None else read_sizes(Path(model)).num_positions


def relative(path: Path | None, to: Path) -> str:
    """A path as the recipe has it: seen from its folder."""
    assert path is not None
    return os.path.relpath(path, to.parent).replace(os.sep, "/")


def quoted(text: str) -> str:
    """A string of TOML."""
    return json.dumps(text, ensure_ascii=False)


def table(values: Mapping[str, str]) -> str:
    """A table in one line; the values are TOML already."""
    return "{ " + ", ".join(f"{key} = {value}" for key, value in values.items()) + " }"


def machine() -> str:
    """What it has, in words."""
    device = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ", no GPU"
    return f"{os.cpu_count()} cores{device}"
