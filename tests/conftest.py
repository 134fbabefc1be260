"""A small project on disk, as a user would have it: raw text, labelled files and a recipe of one-minute size."""

import gc
import os
import random
import shutil
from collections.abc import Callable, Generator
from contextlib import chdir
from pathlib import Path

import pytest
from hypothesis import settings

from tests.checking import check_without_shapes

check_without_shapes()
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# one thread: the models of the tests are tiny, and two threads that wait for each other suffer from any neighbour
os.environ.setdefault("OMP_NUM_THREADS", "1")
# a deadline tests the machine: a neighbour may take it for a second
settings.register_profile("encodery", deadline=None, max_examples=37)
settings.register_profile("thorough", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "encodery"))
# nobody cuts the power: the disk is not waited for, which is a tenth of a small run, but a wrong descriptor still
# fails. What has to be durable, and when, is checked by tests/faults.py, which cuts it.
os.fsync = os.fstat  # type: ignore[assignment]
gc.disable()  # until all is imported
ROOT = Path(__file__).parents[1]
SUBJECTS = ["river", "city", "farmer", "baker", "teacher", "mountain", "forest", "market"]
VERBS = ["finds", "sees", "carries", "sells", "paints", "follows", "crosses", "admires"]
GOOD, BAD = ["bright", "happy", "lovely", "splendid"], ["dull", "broken", "gloomy", "awful"]

MOOD = """\
train = "train.jsonl"
dev = "dev.jsonl"
task = { max_seqlen = 32 }
tokens_per_step = 128
precision = "fp32"
"""
"""A fine-tuning on the files of the project; what it starts from and how long it takes is left to say."""

RECIPE = (
    """
name = "tiny"
seed = 7
[model]
preset = "tiny"
[model.config]
num_hidden_layers = 1
hidden_size = 32
num_attention_heads = 2
intermediate_size = 64
max_position_embeddings = 48
[corpus]
inputs = [{ path = "text" }]
valid_fraction = 0.2
[tokenizer]
vocab_size = 90
min_frequency = 1
[pretrain]
max_seqlen = 32
tokens_per_step = 256
valid_max_tokens = 1000
steps = 12
checkpoint_every = 3
evaluate_every = 5
log_every = 2
precision = "fp32"
optimizer = { lr = 1e-3, warmup_steps = 2 }
[finetune.mood]
test = "dev.jsonl"
epochs = 2
seeds = [3, 5]
"""
    + MOOD
)


def sentence(draw: random.Random, words: list[str]) -> str:
    return f"The {draw.choice(words)} {draw.choice(SUBJECTS)} {draw.choice(VERBS)} a {draw.choice(SUBJECTS)}."


def write_project(folder: Path) -> None:
    """Text, labels and `tiny.toml`."""
    draw = random.Random(11)
    (folder / "text").mkdir()
    for name in ("a", "b"):
        documents = ["\n".join(sentence(draw, GOOD + BAD) for _ in range(7)) for _ in range(41)]
        (folder / "text" / f"{name}.txt").write_text("\n\n".join(documents) + "\n")
    for name, size in (("train", 53), ("dev", 23)):
        rows = []
        for i in range(size):
            label = ("good", "bad")[i % 2]
            text = sentence(draw, GOOD if label == "good" else BAD)
            rows.append(f'{{"text": "{text}", "label": "{label}"}}\n')
        (folder / f"{name}.jsonl").write_text("".join(rows))
    (folder / "tiny.toml").write_text(RECIPE)


LONG = ("stages", "train", "serve", "text")
"""Packages of tests that begin first, so that no worker is left with a long file at the end."""


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Every other worker reads the tests from the end: where all is compiled for the first time, each then finds half
    of it done by another."""
    report = yield
    if isinstance(collector, pytest.Directory) and os.environ.get("PYTEST_XDIST_WORKER", "")[-1:] in tuple("13579"):
        report.result.reverse()
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One order for all workers."""
    items.sort(key=lambda item: (item.path.parent.name not in LONG, str(item.path)))


def pytest_collection_finish() -> None:
    """What was imported stays: it need not be looked through each time that garbage is collected."""
    gc.enable()
    gc.freeze()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh project; also the current directory."""
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose recipe has run to its end; for copying, not for changing."""
    from rich.console import Console

    from encodery.recipe import load_recipe
    from encodery.stages import open_run, run
    from encodery.stages.graph import stages_of

    folder = tmp_path_factory.mktemp("finished")
    write_project(folder)
    with chdir(folder):
        opened = open_run(load_recipe(Path("tiny.toml")), Path("tiny.toml"), Console(quiet=True))
        run(opened, stages_of(opened))
    return folder


def own_copy(source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to change, which is also the current directory."""
    shutil.copytree(source, folder)  # with the times of the files: a run moved with its inputs stays fresh
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def done(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one's own whose recipe has run to its end; also the current directory."""
    return own_copy(finished, tmp_path / "done", monkeypatch)


@pytest.fixture
def encodery(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command line in this process: exit code, standard output, standard error."""
    from encodery.cli import main

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", ["encodery", *arguments])
            with pytest.raises(SystemExit) as stop:
                main()
        captured = capsys.readouterr()
        code = stop.value.code
        return (code if isinstance(code, int) else 0 if code is None else 1), captured.out, captured.err

    return call
