"""What a person types and reads: every bad input is one line that helps, exit code 2, and loses nothing."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

Command = Callable[..., tuple[int, str, str]]


def refused(encodery: Command, *arguments: str) -> str:
    """The one line of a refusal, without the program's name."""
    code, out, err = encodery(*arguments)
    assert code == 2, (out, err)
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("encodery: ")
    return lines[0].removeprefix("encodery: ")


def test_help_names_every_verb_and_imports_nothing_heavy() -> None:
    program = (
        "import sys\nsys.argv = ['encodery', '--help']\n"
        "try:\n import encodery.__main__ as m; m.main()\nexcept SystemExit: pass\n"
        "print('heavy:', sorted({'torch', 'numpy', 'pydantic', 'tokenizers', 'transformers'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    for verb in ("demo", "validate", "plan", "run", "predict", "evaluate", "compare", "inspect", "import", "bench"):
        assert re.search(rf"^  {verb}\s", out, re.MULTILINE), out
    assert out.strip().endswith("heavy: []")


def test_version(encodery: Command) -> None:
    import encodery as package

    assert encodery("--version") == (0, f"{package.__version__}\n", "")


def test_predict_a_text_and_a_file(done: Path, encodery: Command) -> None:
    model = "runs/tiny/finetune/mood/3"
    code, out, _ = encodery("predict", model, "The happy river finds a city.")
    assert code == 0
    alone = json.loads(out)
    assert set(alone) == {"label", "score", "scores"}
    assert alone["scores"].keys() == {"good", "bad"}
    assert alone["score"] == max(alone["scores"].values())
    (done / "in.jsonl").write_text(
        '{"text": "The happy river finds a city."}\n{"text": "The dull city.", "text_pair": "It sells."}\n'
    )
    code, out, _ = encodery("predict", model, "--file", "in.jsonl")
    first, second = map(json.loads, out.splitlines())
    assert first["score"] == pytest.approx(alone["score"], abs=1e-6)
    assert second["label"] in ("good", "bad")
    code, out, _ = encodery("predict", model, "--file", "in.jsonl", "--pretty")
    assert code == 0
    assert out.startswith(f"The happy river finds a city.\n  {first['label']:4} █")
    assert "\n\nThe dull city.\nIt sells.\n  " in out
    assert "\x1b" not in out  # no terminal


def test_evaluate_agrees_with_the_run(done: Path, encodery: Command) -> None:
    code, out, _ = encodery("evaluate", "runs/tiny/finetune/mood/3", "--data", "dev.jsonl")
    assert code == 0
    scores = json.loads(out)
    manifest = json.loads((done / "runs/tiny/finetune/mood/3/manifest.json").read_text())
    assert scores["accuracy"] == manifest["metrics"]["test"]["accuracy"]
    assert scores["examples"] == 23


def test_inspect_shows_runs_and_models(done: Path, encodery: Command) -> None:
    code, out, _ = encodery("inspect", "runs/tiny")
    assert code == 0
    for stage in ("tokenizer", "shards", "pretrain", "finetune/mood/3", "report"):
        assert stage in out
    code, out, _ = encodery("inspect", "runs/tiny/pretrain")
    assert code == 0
    assert "BertForPreTraining" in out
    assert "model_type" in out
    assert "nothing known here" in refused(encodery, "inspect", "text")


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


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_a_damaged_weight_file(done: Path, encodery: Command, damage: str) -> None:
    weights = done / "runs/tiny/finetune/mood/3/model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 16
    weights.write_bytes(content if damage == "flipped" else content[:-101])
    line = refused(encodery, "predict", "runs/tiny/finetune/mood/3", "The river.")
    assert line.startswith("runs/tiny/finetune/mood/3/model.safetensors: ")
    assert ("sha256" if damage == "flipped" else f"{len(content) - 101:,} bytes instead of {len(content):,}") in line


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


def test_predict_needs_one_input(done: Path, encodery: Command) -> None:
    line = refused(encodery, "predict", "runs/tiny/finetune/mood/3")
    assert line == "predict needs either a text or --file records.jsonl"


def test_a_pretrained_model_fills_masks(done: Path, encodery: Command) -> None:
    code, out, _ = encodery("predict", "runs/tiny/pretrain", "The [MASK] finds a city.")
    assert code == 0
    words = json.loads(out)["predictions"]
    assert len(words) == 5
    assert words[0]["score"] >= words[1]["score"]
    line = refused(encodery, "predict", "runs/tiny/pretrain", "The river.")
    assert line == "the text: 0 mask tokens [MASK]; exactly one is needed"


def test_no_model_folder(project: Path, encodery: Command) -> None:
    assert refused(encodery, "predict", "nowhere", "x").startswith("nowhere: no such folder")


def test_a_broken_record(done: Path, encodery: Command) -> None:
    Path("in.jsonl").write_text('{"text": "fine"}\n{"txt": "typo"}\n')
    line = refused(encodery, "predict", "runs/tiny/finetune/mood/3", "--file", "in.jsonl")
    assert line == "in.jsonl:2: unknown key 'txt'; allowed: text, text_pair, label, language"


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
