"""A whole run as one call: what the command line, `torchrun` and Ray call."""

from pathlib import Path

import pytest
from rich.console import Console

from encodery.errors import UserError
from encodery.stages.launching import run_recipe
from encodery.train.distributed import ALONE


def test_it_runs_what_is_asked_for_and_says_where(project: Path) -> None:
    quiet = Console(quiet=True)
    done = run_recipe(Path("tiny.toml"), ["output=there"], ["tokenizer"], console=quiet)
    assert done.folder == Path("there/tiny")
    assert done.ranks is ALONE
    made = {path.name for path in done.folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert made == {"tokenizer"}
    written = (done.folder / "tokenizer" / "manifest.json").stat().st_mtime_ns
    run_recipe(Path("tiny.toml"), ["output=there"], ["tokenizer"], console=quiet)
    assert (done.folder / "tokenizer" / "manifest.json").stat().st_mtime_ns == written
    run_recipe(Path("tiny.toml"), ["output=there"], ["tokenizer"], ["tokenizer"], quiet)
    assert (done.folder / "tokenizer" / "manifest.json").stat().st_mtime_ns > written


def test_a_stage_that_is_none_is_named(project: Path) -> None:
    with pytest.raises(UserError, match="no stage is called 'pretrian'"):
        run_recipe(Path("tiny.toml"), only=["pretrian"], console=Console(quiet=True))
