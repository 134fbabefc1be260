"""Saved classifiers with random weights, and files of records."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
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
