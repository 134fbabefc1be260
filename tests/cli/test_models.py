"""Model folders from the command line: predictions, scores, and one line where something is wrong."""

import json
from pathlib import Path

import pytest

from tests.cli.refusals import Command, refused


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
    (done / "begun").mkdir()
    (done / "begun" / "run.json").write_text("{}")
    assert "a run of which no stage is done yet" in refused(encodery, "inspect", "begun")


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_a_damaged_weight_file(done: Path, encodery: Command, damage: str) -> None:
    weights = done / "runs/tiny/finetune/mood/3/model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 16
    weights.write_bytes(content if damage == "flipped" else content[:-101])
    line = refused(encodery, "predict", "runs/tiny/finetune/mood/3", "The river.")
    assert line.startswith("runs/tiny/finetune/mood/3/model.safetensors: ")
    assert ("sha256" if damage == "flipped" else f"{len(content) - 101:,} bytes instead of {len(content):,}") in line


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


def test_predict_a_file_into_a_file(done: Path, encodery: Command) -> None:
    model = "runs/tiny/finetune/mood/3"
    (done / "in.jsonl").write_text('{"text": "The happy river."}\n{"txt": "A typo."}\n{"text": "The dull city."}\n')
    line = refused(encodery, "predict", model, "--file", "in.jsonl", "--to", "out/moods.jsonl")
    assert line == "in.jsonl:2: unknown key 'txt'; allowed: text, text_pair, label, language"
    assert not (done / "out/moods.jsonl").exists()
    arguments = ("predict", model, "--file", "in.jsonl", "--to", "out/moods.jsonl", "--on-error", "skip")
    code, out, err = encodery(*arguments)
    assert (code, out) == (0, "")
    assert err.startswith("encodery: out/moods.jsonl: 3 records; ")
    assert err.endswith(f'; 1 without a prediction (they have an "error"); the first: {line}\n')
    written = [json.loads(line) for line in (done / "out/moods.jsonl").read_text().splitlines()]
    assert ["error" in prediction for prediction in written] == [False, True, False]
    code, _, err = encodery(*arguments)
    assert (code, err) == (0, "encodery: out/moods.jsonl: finished already, 3 records; nothing to do\n")


def test_predict_to_a_file_needs_a_file(done: Path, encodery: Command) -> None:
    model = "runs/tiny/finetune/mood/3"
    for arguments in (["The river."], ["--file", "in.jsonl", "--pretty"]):
        line = refused(encodery, "predict", model, *arguments, "--to", "out.jsonl")
        assert line == "--to goes with --file: encodery predict MODEL --file in.jsonl --to out.jsonl"
