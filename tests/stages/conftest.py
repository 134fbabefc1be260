"""Saved classifiers with random weights, and files of records."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
from encodery.stages.comparing import run_comparison
from tests.conftest import own_copy, write_project
from tests.serve.conftest import LABELS
from tests.tasks.conftest import make_model, make_tokenizer

Write = Callable[[str, Sequence[Mapping[str, Any]]], Path]


def save_model(path: Path, labels: tuple[str, ...] = LABELS, seed: int | None = None) -> Path:
    """A classifier; another one for another seed."""
    model = make_model(len(labels))
    if seed is not None:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(0.0, 0.5, generator=torch.Generator().manual_seed(seed))
    path.mkdir(exist_ok=True)
    save_folder(path, ModelFolder(FAMILIES["bert"], model, make_tokenizer(), labels))
    return path


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes records as JSON Lines."""

    def written(name: str, records: Sequence[Mapping[str, Any]]) -> Path:
        path = tmp_path / name
        path.write_text(
            "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8"
        )
        return path

    return written


RECIPES = ("bert.toml", "roberta.toml")


def write_schemes(folder: Path) -> None:
    """The tiny project with two recipes that differ in one key."""
    write_project(folder)
    text = (folder / "tiny.toml").read_text().replace("checkpoint_every = 3", "checkpoint_every = 6")
    text += "checkpoint_every = 99\nevaluate_every = 99\n"  # of fine-tuning: most of its time would be fsync
    for name, nsp in (("bert", "true"), ("roberta", "false")):
        objective = f"[pretrain]\nobjective = {{ nsp = {nsp} }}"
        (folder / f"{name}.toml").write_text(
            text.replace('name = "tiny"', f'name = "{name}"').replace("[pretrain]", objective)
        )


@pytest.fixture
def schemes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two recipes; also the current directory."""
    write_schemes(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def compared_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose two recipes were compared under two seeds, in `result`; for copying, not for changing."""
    folder = tmp_path_factory.mktemp("compared")
    write_schemes(folder)
    with chdir(folder):
        run_comparison(Console(quiet=True), [Path(name) for name in RECIPES], 2, output=Path("result"))
    return folder


@pytest.fixture
def compared(compared_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One's own copy of it; also the current directory."""
    return own_copy(compared_once, tmp_path / "compared", monkeypatch)
