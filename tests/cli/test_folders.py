"""Model folders of someone else: what is wrong with a file is one line, whichever verb reads it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tests.cli.refusals import Command, refused


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def cut(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-7])


def lead_out_by_index(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder.parent / "outside.safetensors")
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../outside.safetensors"}}')


def lead_out_by_link(folder: Path) -> None:
    (folder / "config.json").rename(folder.parent / "elsewhere.json")
    (folder / "config.json").symlink_to(folder.parent / "elsewhere.json")


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def overwrite(name: str, text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_text(text)

    return write


BAD_FOLDERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty": (empty, ""),
    "config": (overwrite("config.json", "{"), "/config.json: not valid JSON ("),
    "tokenizer": (overwrite("tokenizer.json", "{}"), "/tokenizer.json: not a readable tokenizer ("),
    "truncated": (cut, "/model.safetensors: not a whole safetensors file ("),
    "index": (
        lead_out_by_index,
        "/model.safetensors.index.json: names the file '../outside.safetensors', which is not in theirs; ",
    ),
    "link": (
        lead_out_by_link,
        "/config.json: a symbolic link that leads out of the folder; put the file itself there",
    ),
    "pickle": (pickled, "/pytorch_model.bin: a pickle can run code and is never read; save the model again as "),
}


@pytest.mark.parametrize("name", BAD_FOLDERS)
def test_a_bad_folder_of_someone_else(done: Path, encodery: Command, name: str) -> None:
    """What is wrong with a file is one line, whoever reads it."""
    folder = done / "theirs"
    shutil.copytree(done / "runs/tiny/finetune/mood/3", folder)
    (folder / "manifest.json").unlink()
    spoil, expected = BAD_FOLDERS[name]
    spoil(folder)
    for line in (refused(encodery, "predict", "theirs", "The river."), refused(encodery, "inspect", "theirs")):
        assert line.startswith(f"theirs{expected}")


def other_width(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 67}))


def fewer_rows(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 89}))
    name = "bert.embeddings.word_embeddings.weight"
    save_file(weights | {name: weights[name][:89].clone()}, folder / "model.safetensors", {"format": "pt"})


def more_layers(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 97}))


DISAGREEING: dict[str, tuple[Callable[[Path], None], str]] = {
    "weights": (other_width, "/model.safetensors: "),
    "layers": (more_layers, "/config.json: num_hidden_layers = 97, but the weights hold only "),
    "tokenizer": (fewer_rows, ": the tokenizer has 90 tokens, but config.json's vocab_size is 89; the two belong to"),
}


@pytest.mark.parametrize("name", DISAGREEING)
def test_parts_of_a_folder_that_do_not_fit_together(done: Path, encodery: Command, name: str) -> None:
    folder = done / "theirs"
    shutil.copytree(done / "runs/tiny/finetune/mood/3", folder)
    (folder / "manifest.json").unlink()
    spoil, expected = DISAGREEING[name]
    spoil(folder)
    lines = [refused(encodery, *verb) for verb in (("predict", "theirs", "The river."), ("inspect", "theirs"))]
    assert lines[0] == lines[1]
    assert lines[0].startswith(f"theirs{expected}")
