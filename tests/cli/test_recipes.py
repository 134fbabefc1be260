"""Recipes run from the command line: every bad input is one line that helps, exit code 2, and loses nothing."""

import shutil
from pathlib import Path

import pytest

from tests.cli.refusals import Command, refused


def test_init_writes_a_recipe_and_says_what_comes_next(project: Path, encodery: Command) -> None:
    code, out, err = encodery("init", "--train", "train.jsonl", "--dev", "dev.jsonl", "--to", "first.toml")
    assert code == 0
    assert out == (project / "first.toml").read_text()
    assert err == "encodery: wrote first.toml; next: encodery validate first.toml\n"


def test_plan_tells_cost_and_reason(project: Path, encodery: Command) -> None:
    code, out, _ = encodery("plan", "tiny.toml")
    assert code == 0
    assert "not there yet" in out
    assert "3,072" in out  # 12 steps of 256 tokens
    assert not (project / "runs").exists()  # planning writes nothing


def test_no_such_recipe(project: Path, encodery: Command) -> None:
    assert refused(encodery, "run", "nowhere.toml").startswith(
        "nowhere.toml: no such recipe; a recipe is a TOML file"
    )


def test_a_typo_in_a_recipe(project: Path, encodery: Command) -> None:
    text = (project / "tiny.toml").read_text().replace("tokens_per_step = 256", "token_per_step = 256")
    (project / "tiny.toml").write_text(text)
    line = refused(encodery, "run", "tiny.toml")
    assert line == "tiny.toml: unknown key 'pretrain.token_per_step'; did you mean 'tokens_per_step'?"


def test_empty_corpus(project: Path, encodery: Command) -> None:
    for path in (project / "text").iterdir():
        path.write_text("\n \n\n")
    line = refused(encodery, "run", "tiny.toml")
    assert line == "the corpus is empty: no text in 2 file(s) (text); add text"


def test_missing_file(project: Path, encodery: Command) -> None:
    line = refused(encodery, "run", "tiny.toml", "--set", 'corpus.inputs=[{path="texts"}]')
    assert "texts" in line
    assert "no such file" in line


def test_missing_labelled_file(project: Path, encodery: Command) -> None:
    line = refused(encodery, "run", "tiny.toml", "--set", "finetune.mood.train=trian.jsonl")
    assert line == "trian.jsonl: no such file; paths in a recipe are relative to the recipe's folder"


def test_a_directory_of_images(project: Path, encodery: Command) -> None:
    (project / "photos").mkdir()
    for i in range(3):
        (project / "photos" / f"{i}.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    line = refused(encodery, "run", "tiny.toml", "--set", 'corpus.inputs=[{path="photos"}]')
    assert "photos" in line
    assert ".png" in line
    assert ".txt" in line


def test_invalid_utf8_and_the_way_out(project: Path, encodery: Command) -> None:
    path = project / "text" / "b.txt"
    path.write_bytes(path.read_bytes() + b"\nA caf\xe9 in the city.\n")
    number = path.read_bytes().count(b"\n")
    line = refused(encodery, "run", "tiny.toml")
    assert f"text/b.txt:{number}" in line
    assert "UTF-8" in line
    assert 'encoding_errors = "replace"' in line
    replacing = 'corpus.inputs=[{path="text", encoding_errors="replace"}]'
    code, _, err = encodery("run", "tiny.toml", "tokenizer", "--set", replacing)
    assert code == 0, err


def test_a_label_in_dev_that_train_lacks(project: Path, encodery: Command) -> None:
    with (project / "dev.jsonl").open("a") as file:
        file.write('{"text": "The river.", "label": "neutral"}\n')
    line = refused(encodery, "run", "tiny.toml")
    assert "dev.jsonl:24: label 'neutral' is not among the labels of the training data ('bad', 'good')" in line
    assert not (project / "runs/tiny/finetune/mood/3").exists()
    assert (project / "runs/tiny/pretrain/manifest.json").exists()  # what was done stays done


def test_a_vocabulary_larger_than_the_text_supports(project: Path, encodery: Command) -> None:
    line = refused(encodery, "run", "tiny.toml", "--set", "tokenizer.vocab_size=30000")
    assert "30000" in line.replace(",", "")
    assert "more than the text supports" in line


def test_sequences_longer_than_the_positions(project: Path, encodery: Command) -> None:
    line = refused(encodery, "run", "tiny.toml", "--set", "pretrain.max_seqlen=49")
    assert "pretrain.max_seqlen = 49 is longer than the model's 48 positions" in line
    assert "or raise model.config.max_position_embeddings" in line


def test_a_truncated_weight_file_of_someone_else(done: Path, encodery: Command) -> None:
    shutil.copytree("runs/tiny/pretrain", "theirs")
    Path("theirs/manifest.json").unlink()
    weights = Path("theirs/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-101])
    line = refused(encodery, "run", "tiny.toml", "finetune.mood", "--set", "finetune.mood.from=theirs")
    assert "theirs/model.safetensors: not a whole safetensors file" in line


def test_a_read_only_output_folder(project: Path, encodery: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    mkdir = Path.mkdir

    def refuse(path: Path, *arguments: object, **keywords: object) -> None:
        if "locked" in path.parts:
            raise PermissionError(13, "Permission denied", str(path))
        mkdir(path, *arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", refuse)  # root may write anywhere, so the refusal is made
    line = refused(encodery, "run", "tiny.toml", "--set", "output=locked")
    assert line == "locked/tiny: cannot be written (Permission denied); choose another `output` in tiny.toml"
