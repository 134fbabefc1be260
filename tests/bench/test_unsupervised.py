"""`benchmarks/unsupervised.py`: its halves, its baselines, and the lines that it prints of a finished run."""

import gzip
import importlib.util
import json
import random
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from encodery.recipe import load_recipe
from encodery.stages import open_run, run
from encodery.stages.graph import selected, stages_of

pytest.importorskip("sacrebleu")

ENGLISH = ["red", "dog", "cat", "runs", "big", "sees", "two", "bird", "small", "old", "jumps", "green", "car"]
GERMAN = [
    "rot",
    "Hund",
    "Katze",
    "läuft",
    "groß",
    "sieht",
    "zwei",
    "Vogel",
    "klein",
    "alt",
    "springt",
    "grün",
    "Auto",
]
RECIPE = """
name = "tiny"
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
inputs = [{ path = "halves/first.en.txt", language = "en" }, { path = "halves/second.de.txt", language = "de" }]
valid_fraction = 0.2
[tokenizer]
type = "byte-bpe"
vocab_size = 310
[pretrain]
steps = 1
max_seqlen = 16
tokens_per_step = 256
valid_max_tokens = 500
precision = "fp32"
[finetune.en-de]
task = { type = "translation", max_seqlen = 20, generation = { max_length_a = 1.0, max_length_b = 2 } }
monolingual = { language_pairs = [["en", "de"]], steps = 2, round_trip_sentences = 2 }
tokens_per_step = 211
evaluate_every = 1
keep = "best"
best_metric = "round_trip_bleu"
precision = "fp32"
"""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks/unsupervised.py"
    spec = importlib.util.spec_from_file_location("benchmark_unsupervised", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sentences(count: int, seed: int) -> list[tuple[str, str]]:
    draw = random.Random(seed)
    places = [draw.choices(range(len(ENGLISH)), k=draw.randint(2, 5)) for _ in range(count)]
    return [(f"{' '.join(ENGLISH[n] for n in some)}.", f"{' '.join(GERMAN[n] for n in some)}.") for some in places]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The files of Multi30k that are read, with a few lines."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, count, seed in (("train", 95, 1), ("test_2016_flickr", 7, 2)):
        for side, language in enumerate(("en", "de")):
            lines = "".join(f"{pair[side]}\n" for pair in sentences(count, seed))
            with gzip.open(folder / f"{name}.{language}.gz", "wt", encoding="utf-8") as file:
                file.write(lines)
    return folder


def test_the_halves_have_no_caption_in_common(script: ModuleType, data: Path, tmp_path: Path) -> None:
    script.split(data, tmp_path / "halves")
    english, german = (
        (tmp_path / "halves" / name).read_text().strip().split("\n\n") for name in ("first.en.txt", "second.de.txt")
    )
    train = sentences(95, 1)
    assert english == [pair[0] for pair in train[:47]]
    assert german == [pair[1] for pair in train[47:]]


def test_words_and_marks(script: ModuleType) -> None:
    assert script.words("Zwei Hunde, einer läuft.") == ["Zwei", "Hunde", ",", "einer", "läuft", "."]
    assert script.written(["Zwei", "Hunde", ",", "einer", "läuft", "."]) == "Zwei Hunde, einer läuft."
    assert script.counted(["b a b", "a c b"]) == ["b", "a"]
    assert script.by_frequency(["a", "b", "c"], ["x", "y"]) == {"a": "x", "b": "y"}


def test_a_finished_run_is_scored(
    script: ModuleType,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From the captions to the lines: split, train, score."""
    monkeypatch.chdir(tmp_path)
    script.split(data, Path("halves"))
    Path("tiny.toml").write_text(RECIPE)
    some = open_run(load_recipe(Path("tiny.toml")), Path("tiny.toml"), Console(quiet=True))
    run(some, selected(stages_of(some), ["finetune.en-de"]))
    capsys.readouterr()
    script.score(data, Path("runs/tiny"), Path("halves"))
    lines: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    *told, last = lines
    scored = [line for line in told if "system" in line]
    systems = ["copying", "word-by-word/frequency", "word-by-word/vectors", "model"]
    assert [(line["way"], line["system"]) for line in scored] == [(w, s) for w in ("en-de", "de-en") for s in systems]
    assert all({"bleu", "chrf"} <= line.keys() for line in scored)
    copied, frequent, near = scored[:3]
    assert copied["said"] == sentences(7, 2)[0][0]
    for line in (frequent, near):
        assert {*script.words(line["said"])} <= {*GERMAN, "."}
    assert scored[0]["bleu"] < 10
    assert [line["step"] for line in told if line.get("event") == "eval"] == [1, 2]
    assert last["signature"]["bleu"].startswith("nrefs:1|case:mixed|")
    assert last["best"]["metric"] == "round_trip_bleu"
