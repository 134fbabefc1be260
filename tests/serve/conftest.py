"""A saved classifier with random weights, as a user would load it."""

import json
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
from tests.tasks.conftest import WORDS, make_model, make_tokenizer

LABELS = ("schlecht", "größer")


def sentence(number: int) -> str:
    """A different text for each number, of 1 to 23 words."""
    draw = random.Random(number)
    return " ".join(draw.choices(WORDS, k=draw.randint(1, 23)))


def write_records(path: Path, records: Iterable[Mapping[str, Any]]) -> Path:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    save_folder(path, ModelFolder(FAMILIES["bert"], make_model(len(LABELS)), make_tokenizer(), LABELS))
    return path
