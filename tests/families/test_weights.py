"""Weight files from outside: only whole safetensors inside the folder are read."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from encodery.errors import UserError
from encodery.families.weights import WeightFiles

NAMES = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


@pytest.fixture
def single(tmp_path: Path) -> Path:
    save_file({"a": torch.arange(6.0).view(2, 3), "b": torch.arange(5)}, tmp_path / "model.safetensors")
    return tmp_path


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    save_file({"a": torch.arange(6.0).view(2, 3)}, tmp_path / NAMES[0])
    save_file({"b": torch.arange(5), "c": torch.ones(7)}, tmp_path / NAMES[1])
    write_index(tmp_path, {"a": NAMES[0], "b": NAMES[1], "c": NAMES[1]})
    return tmp_path


def write_index(folder: Path, weight_map: object) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def complaint(folder: Path) -> str:
    with pytest.raises(UserError) as error:
        WeightFiles(folder)
    message = str(error.value)
    assert "\n" not in message
    return message.replace(str(folder), "FOLDER")


def test_one_file(single: Path) -> None:
    files = WeightFiles(single)
    assert files.shapes == {"a": (2, 3), "b": (5,)}
    found = files.read(["b"])
    assert list(found) == ["b"]
    assert found["b"].tolist() == [0, 1, 2, 3, 4]


def test_several_files(sharded: Path) -> None:
    files = WeightFiles(sharded)
    assert files.shapes == {"a": (2, 3), "b": (5,), "c": (7,)}
    found = files.read(["c", "a"])
    assert sorted(found) == ["a", "c"]
    assert found["a"].tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


def test_one_whole_file_is_preferred_to_an_index(sharded: Path) -> None:
    save_file({"z": torch.ones(3)}, sharded / "model.safetensors")
    assert WeightFiles(sharded).shapes == {"z": (3,)}


@pytest.mark.parametrize(
    "shard", ["../outside.safetensors", "/etc/passwd", "sub/a.safetensors", "..", "", "none.safetensors"]
)
def test_an_index_that_leads_elsewhere(sharded: Path, shard: str) -> None:
    (sharded / "sub").mkdir()
    shutil.copy(sharded / NAMES[0], sharded / "sub" / "a.safetensors")
    shutil.copy(sharded / NAMES[0], sharded.parent / "outside.safetensors")
    write_index(sharded, {"a": shard, "b": NAMES[1]})
    assert complaint(sharded) == (
        f"FOLDER/model.safetensors.index.json: names the file {shard!r}, which is not in FOLDER; "
        "fetch the folder again"
    )


@pytest.mark.parametrize("weight_map", [None, [], "a", 7, [NAMES[0]]])
def test_an_index_without_a_table(sharded: Path, weight_map: object) -> None:
    write_index(sharded, weight_map)
    assert complaint(sharded) == (
        "FOLDER/model.safetensors.index.json: weight_map is not a table of file names; fetch the folder again"
    )


def test_an_index_that_is_not_json(sharded: Path) -> None:
    (sharded / "model.safetensors.index.json").write_text("{")
    assert complaint(sharded).startswith("FOLDER/model.safetensors.index.json: not valid JSON (")


@pytest.mark.parametrize("keep", [0, 7, 8, 40, -1])
def test_a_truncated_file(single: Path, keep: int) -> None:
    path = single / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    message = complaint(single)
    assert message.startswith("FOLDER/model.safetensors: not a whole safetensors file (")
    assert message.endswith("); fetch or write it again")


def test_a_header_with_a_flipped_bit(single: Path) -> None:
    path = single / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[7] ^= 0x40  # the header's length
    path.write_bytes(content)
    assert "not a whole safetensors file" in complaint(single)


def test_a_file_of_something_else(single: Path) -> None:
    (single / "model.safetensors").write_bytes(b"PK\x03\x04" + bytes(range(256)) * 5)
    assert "not a whole safetensors file" in complaint(single)


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.pt", "checkpoint.pth", "model.ckpt"]
)
def test_a_pickle_is_never_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    assert complaint(tmp_path) == (
        f"FOLDER/{name}: a pickle can run code and is never read; save the model again as model.safetensors "
        "(save_pretrained does), or try encodery import if it is an original checkpoint"
    )
    assert not Path("ran").exists()


def test_a_tensor_in_two_files(sharded: Path) -> None:
    save_file({"a": torch.zeros(2, 3), "b": torch.arange(5)}, sharded / NAMES[1])
    assert complaint(sharded) == f"FOLDER/{NAMES[1]}: a is in {NAMES[0]} as well; fetch the folder again"


def test_no_weights(tmp_path: Path) -> None:
    assert complaint(tmp_path) == (
        "FOLDER/model.safetensors: no such file; a model folder has config.json, model.safetensors and a tokenizer"
    )
