"""A hash of a model folder: another one as soon as it may predict something else."""

import json
import re
import shutil
from pathlib import Path

import pytest

from encodery.errors import UserError
from encodery.families import adapter as adapters
from encodery.serve.folder_hash import ADAPTER_CONFIG, folder_hash, version_of


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(model_folder, tmp_path / "model")


def test_copies_are_equal_and_changes_are_seen(model_folder: Path, folder: Path) -> None:
    assert folder_hash(folder) == folder_hash(model_folder)
    seen = {folder_hash(folder)}
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        content = bytearray((folder / name).read_bytes())
        content[-2] ^= 1
        (folder / name).write_bytes(content)
        seen.add(folder_hash(folder))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text("{}")
    seen.add(folder_hash(folder))
    (folder / "1_Pooling" / "config.json").rename(folder / "1_Pooling" / "other.json")
    seen.add(folder_hash(folder))
    assert len(seen) == 6


def test_dates_and_texts_for_people_do_not_count(model_folder: Path, folder: Path) -> None:
    (folder / "manifest.json").write_text('{"created": "today"}')
    (folder / "README.md").write_text("# A model\n")
    assert folder_hash(folder) == folder_hash(model_folder)


def test_the_base_of_an_adapter_counts(folder: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(folder)}))
    (adapter / "adapter_model.safetensors").write_bytes(b"")
    before = folder_hash(adapter)
    (folder / "vocab.txt").write_text("changed\n")
    assert folder_hash(adapter) != before
    shutil.rmtree(folder)
    assert folder_hash(adapter) not in (before, "")  # opening it says what is missing


def test_what_makes_an_adapter_is_known_without_torch() -> None:
    assert ADAPTER_CONFIG == adapters.ADAPTER_CONFIG


def test_the_version_of_a_served_model_is_this_hash(folder: Path) -> None:
    """The same weights that were published again, with another date and card, are no other version."""
    version = version_of(folder)
    assert re.fullmatch("[0-9a-f]{16}", version)
    (folder / "manifest.json").write_text('{"created": "today"}')
    (folder / "README.md").write_text("# A model\n")
    assert version_of(folder) == version
    (folder / "note.txt").write_text("a file")
    assert version_of(folder) != version


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        folder_hash(tmp_path / "none")
    assert str(error.value) == f"{tmp_path / 'none'}: no such folder; a model folder is needed"
