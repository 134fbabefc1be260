"""A recipe that learns to translate from text of each language alone: its folder, scores and card; continued after a
kill to the same bits; stopped when it is stuck; and what is refused."""

import hashlib
import json
import random
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from encodery.artifact import read_manifest
from encodery.config import read_json
from encodery.errors import Interrupted, UserError
from encodery.recipe import load_recipe
from encodery.stages import open_run, run
from encodery.stages.engine import Run
from encodery.stages.graph import selected, stages_of
from encodery.train.log import read_log
from tests.conftest import own_copy
from tests.stages.stopping import weights_after_stops

pytest.importorskip("sacrebleu")

RECIPE = """
name = "alone"
[model]
family = "xlm"
preset = "xnli15-1024"
[model.config]
num_hidden_layers = 1
hidden_size = 16
num_attention_heads = 2
max_position_embeddings = 32
num_languages = 2
[corpus]
inputs = [{ path = "en.txt", language = "en" }, { path = "de.txt", language = "de" }]
valid_fraction = 0.2
[tokenizer]
type = "byte-bpe"
vocab_size = 310
[pretrain]
steps = 2
max_seqlen = 16
tokens_per_step = 256
valid_max_tokens = 500
precision = "fp32"
[finetune.text]
task = { type = "translation", max_seqlen = 20, generation = { max_length_a = 1.0, max_length_b = 2 } }
monolingual = { language_pairs = [["en", "de"]], steps = 7, round_trip_sentences = 2, denoise = [[0, 1.0], [6, 0.0]] }
tokens_per_step = 211
evaluate_every = 3
checkpoint_every = 2
keep = "best"
best_metric = "round_trip_bleu"
log_every = 1
precision = "fp32"
optimizer = { lr = 1e-3, warmup_steps = 2 }
[finetune.both]
train = { there = "pairs.{en,de}" }
dev = { there = "dev.{en,de}" }
task = { type = "translation", max_seqlen = 20, generation = { max_length_a = 1.0, max_length_b = 2 } }
monolingual = { language_pairs = [["en", "de"]], steps = 3, round_trip_sentences = 2 }
tokens_per_step = 211
precision = "fp32"
"""
WORDS = {"red": "rot", "dog": "Hund", "cat": "Katze", "runs": "läuft", "big": "groß", "sees": "sieht", "two": "zwei"}


def write_text(folder: Path) -> None:
    """The project: other text in each language, a few pairs, and a recipe."""
    for seed, name, count in ((1, "{}.txt", 47), (2, "pairs.{}", 11), (3, "dev.{}", 5)):
        draw = random.Random(seed)
        texts = [[draw.choice([*WORDS]) for _ in range(draw.randint(2, 4))] for _ in range(2 * count)]
        half = name.endswith("txt")
        english, german = (texts[:count], texts[count:]) if half else (texts[:count], texts[:count])
        sides = {"en": english, "de": [[WORDS[word] for word in words] for words in german]}
        for language, lines in sides.items():
            text = ("\n\n" if half else "\n").join(f"{' '.join(words)}." for words in lines)
            (folder / name.format(language)).write_text(text + "\n", encoding="utf-8")
    (folder / "alone.toml").write_text(RECIPE)


def opened(*changes: str) -> Run:
    return open_run(load_recipe(Path("alone.toml"), changes), Path("alone.toml"), Console(quiet=True))


def metrics_of(folder: Path) -> Mapping[str, Any]:
    manifest = read_manifest(folder)
    assert manifest is not None
    return manifest.metrics


def trained(*changes: str, stage: str = "finetune.text") -> Path:
    some = opened(*changes)
    run(some, selected(stages_of(some), [stage]))
    return some.artifact(f"{stage}.1")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose recipe has run to its end."""
    folder = tmp_path_factory.mktemp("alone")
    write_text(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        some = opened()
        run(some, stages_of(some))
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of one's own, also the current directory."""
    return own_copy(finished, tmp_path / "alone", monkeypatch)


def test_a_model_comes_out_that_translates_both_ways(finished: Path) -> None:
    folder = finished / "runs/alone/finetune/text/1"
    assert read_json(folder / "encodery.json")["directions"] == [["en", "de"], ["de", "en"]]
    metrics = metrics_of(folder)
    assert metrics["steps"] == 7
    facts = {"round_trip_bleu", "round_trip_bleu en-de", "copied en-de", "empty de-en", "repeated en-de"}
    assert facts <= metrics["dev"].keys()
    assert metrics["best"]["metric"] == "round_trip_bleu"
    card = (folder / "README.md").read_text()
    assert "- text: en.txt" in card
    assert "not from labelled examples" in card


def test_the_terms_are_logged_and_denoising_fades(finished: Path) -> None:
    lines = read_log(finished / "runs/alone/finetune/text/1/log.jsonl")
    steps = [line for line in lines if line["event"] == "step"]
    assert all(line["back_translation_loss"] > 0 for line in steps)
    assert ["denoise_loss" in line for line in steps] == [True] * 6 + [False]
    assert not any("pairs_loss" in line for line in steps)
    assert [line["step"] for line in lines if line["event"] == "eval"] == [3, 6, 7]


def test_pairs_are_learned_beside_the_text_and_dev_pairs_decide(finished: Path) -> None:
    folder = finished / "runs/alone/finetune/both/1"
    steps = [line for line in read_log(folder / "log.jsonl") if line["event"] == "step"]
    assert {"denoise_loss", "back_translation_loss", "pairs_loss"} <= steps[-1].keys()
    metrics = metrics_of(folder)
    assert {"bleu", "chrf", "round_trip_bleu", "intervals"} <= metrics["dev"].keys()
    assert "- text: de.txt" in (folder / "README.md").read_text()
    page = (finished / "runs/alone/report/report.html").read_text()
    assert "3 steps over text of each language of en-de alone, with the pairs of pairs.{en,de}." in page


def test_a_killed_run_ends_with_the_same_bits(project: Path) -> None:
    whole = hashlib.sha256((project / "runs/alone/finetune/text/1/model.safetensors").read_bytes()).hexdigest()
    shutil.rmtree(project / "runs/alone/finetune/text")
    assert weights_after_stops(trained, [1, 5]) == whole


def test_a_stuck_run_stops_saves_and_says_what_to_try(project: Path) -> None:
    changes = ["finetune.text.stuck={ patience = 2, after = 3 }", "finetune.text.optimizer.lr=1e-9"]
    with pytest.raises(
        Interrupted, match=r"stopped at step 6 of 7, state saved in .*finetune\.text is stuck: "
    ) as stop:
        trained(*changes)
    assert stop.value.exit_code == 75
    assert "2 evaluations in a row" in str(stop.value)
    assert "; try: " in str(stop.value)
    (work,) = (project / "runs/alone/.work").glob("finetune.text.1-*")
    assert sorted((work / "checkpoints").iterdir())[-1].name.endswith("6")
    assert trained(*changes).is_dir()  # the same command goes on: only the last step was left


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("finetune.text.monolingual.language_pairs=[['en', 'en']]", "'en' with itself; a pair is of two languages"),
        ("finetune.text.epochs=3", "epochs: text without pairs has no end; give monolingual.steps in its place"),
        ("finetune.text.task={ type = 'text-classification' }", "teaches translation, not text-classification"),
        ("finetune.text.parallel='fsdp'", 'set parallel = "ddp"'),
        ("finetune.text.max_train_samples=3", "there is no train to take samples of"),
        ("finetune.text.monolingual.denoise=2.0", "less than or equal to 1"),
        ("corpus.inputs=[{ path = 'en.txt' }, { path = 'de.txt' }]", "a language for each of its inputs"),
        ("finetune.text.best_metric='bleurt'", "'bleurt'; one of bleu, chrf, round_trip_bleu, loss is allowed"),
        ("finetune.text.monolingual.language_pairs=[['en', 'fr']]", "'fr' is not one of the model's languages"),
    ],
)
def test_what_cannot_be_learned_so_is_refused(project: Path, change: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        trained(change)


def test_without_train_there_must_be_text(project: Path) -> None:
    text = Path("alone.toml").read_text()
    Path("alone.toml").write_text(text.replace('\nmonolingual = { language_pairs = [["en", "de"]], steps = 7', "\n#"))
    with pytest.raises(UserError, match="missing key 'train'"):
        opened()


def test_the_text_must_be_cut_by_the_models_vocabulary(project: Path) -> None:
    other = project / "other"
    shutil.copytree(project / "runs/alone/pretrain", other)
    for name in ("manifest.json", "tokenizer_config.json"):
        (other / name).unlink(missing_ok=True)
    broken = json.loads((other / "tokenizer.json").read_text())
    vocabulary = broken["model"]["vocab"]
    first, second = [*vocabulary][-2:]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    (other / "tokenizer.json").write_text(json.dumps(broken))
    with pytest.raises(UserError, match="tokens of another vocabulary than that of other"):
        trained("finetune.text.from='other'")
