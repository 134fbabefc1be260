"""Pretraining on token shards that were written elsewhere, and in blocks."""

import hashlib
import shutil
from pathlib import Path

import fsspec
import pytest
from rich.console import Console

from encodery.artifact import read_manifest
from encodery.errors import UserError
from encodery.recipe import load_recipe
from encodery.stages import Run, open_run, plan, run
from encodery.stages.estimate import plan_table
from encodery.stages.graph import stages_of
from tests.stages.stopping import weights_after_stops

ADDRESS = "memory://given-shards/of a run"


@pytest.fixture
def given(done: Path) -> Path:
    """A finished run, and a recipe that reads its shards in place of its text."""
    text = (done / "tiny.toml").read_text()
    start, end = text.index("[corpus]"), text.index("[pretrain]")
    end_of_pretrain = text.index("[finetune")
    table = '[corpus]\nshards = { path = "runs/tiny/shards", tokenizer = "runs/tiny/tokenizer" }\n'
    (done / "given.toml").write_text(
        (text[:start] + table + text[end:end_of_pretrain]).replace('"tiny"', '"given"', 1)
    )
    return done


def opened(folder: Path, *overrides: str) -> Run:
    recipe = folder / "given.toml"
    return open_run(load_recipe(recipe, overrides), recipe, Console(quiet=True))


def trained(folder: Path, *overrides: str) -> Run:
    this = opened(folder, *overrides)
    run(this, stages_of(this))
    return this


def weights(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def in_memory(folder: Path) -> str:
    """The shards of the finished run behind an address."""
    system = fsspec.filesystem("memory")
    source = folder / "runs/tiny/shards"
    for file in source.rglob("*"):
        if file.is_file():
            system.pipe(f"{ADDRESS}/{file.relative_to(source)}", file.read_bytes())
    return f'corpus.shards.path="{ADDRESS}"'


def test_the_same_model_comes_of_shards_under_a_path_and_behind_an_address(given: Path) -> None:
    expected = weights(given / "runs/tiny/pretrain")
    this = trained(given)
    assert [stage.name for stage in stages_of(this)] == ["tokenizer", "shards", "pretrain", "report"]
    assert weights(this.artifact("pretrain")) == expected
    assert not list(this.artifact("shards").rglob("*.bin"))
    theirs, ours = (read_manifest(folder / "shards") for folder in (given / "runs/tiny", this.folder))
    assert theirs is not None
    assert ours is not None
    assert ours.metrics == theirs.metrics
    assert "unigram entropy" in (this.artifact("report") / "report.html").read_text()

    behind = trained(given, in_memory(given), 'corpus.shards.cache="cache"', "output=behind")
    assert weights(behind.artifact("pretrain")) == expected
    files = [path for path in (given / "cache").iterdir() if len(path.name) == 64]
    assert {hashlib.sha256(path.read_bytes()).hexdigest() for path in files} == {path.name for path in files}


def test_nothing_runs_twice_and_other_shards_do(given: Path) -> None:
    trained(given)
    states = {item.stage.name: item.state for item in plan(opened(given), stages_of(opened(given)))}
    assert set(states.values()) == {"fresh"}
    cached = opened(given, 'corpus.shards.cache="cache"', "corpus.shards.cache_bytes=1_000_000")
    assert {item.state for item in plan(cached, stages_of(cached))} == {"fresh", "run"}  # the report shows the recipe
    assert {item.stage.name for item in plan(cached, stages_of(cached)) if item.state == "run"} == {"report"}
    table = given / "runs/tiny/shards/train/shards.json"
    table.write_text(table.read_text() + "\n")
    states = {item.stage.name: item.state for item in plan(opened(given), stages_of(opened(given)))}
    assert states == {"tokenizer": "fresh", "shards": "run", "pretrain": "run", "report": "run"}


def test_what_is_known_of_the_text_may_be_missing(given: Path) -> None:
    (given / "runs/tiny/shards/manifest.json").unlink()
    this = trained(given, "pretrain.steps=2")
    manifest = read_manifest(this.artifact("shards"))
    assert manifest is not None
    assert "unigram_entropy" not in manifest.metrics["train"]
    assert manifest.metrics["valid"]["unigram_entropy"] > 1
    assert "not counted" in (this.artifact("report") / "report.html").read_text()


BLOCKS = "pretrain.shuffle={ block_tokens = 200, blocks = 2 }"


def test_blocks_are_another_order_and_stop_anywhere(given: Path) -> None:
    folders: list[str] = []

    def train() -> Path:
        return trained(given, BLOCKS, f"output={folders[-1]}", "pretrain.checkpoint_every=1").artifact("pretrain")

    folders.append("whole")
    whole = weights_after_stops(train, ())
    assert whole != weights(given / "runs/tiny/pretrain")
    folders.append("stopped")
    assert weights_after_stops(train, (3, 7, 8)) == whole


def test_a_cache_without_room_for_any_order(given: Path) -> None:
    address, small = in_memory(given), "corpus.shards.cache_bytes=14_000"
    with pytest.raises(UserError) as error:
        trained(given, address, 'corpus.shards.cache="cache"', small)
    assert "the cache holds 14,000, and a step reads from anywhere in them; set pretrain.shuffle = {} to" in str(
        error.value
    )
    with pytest.raises(UserError, match="and next sentence prediction draws from anywhere in them; set"):
        trained(given, address, 'corpus.shards.cache="cache"', small, BLOCKS)
    no_pairs = "pretrain.objective.nsp=false"
    trained(given, address, 'corpus.shards.cache="cache"', small, BLOCKS, no_pairs, "pretrain.steps=2")


def test_the_plan_knows_the_vocabulary(given: Path) -> None:
    this = opened(given)
    console = Console(width=200)
    with console.capture() as captured:
        console.print(plan_table(this, plan(this, stages_of(this))))
    assert "pretrain" in captured.get()


def test_shards_that_are_not_there(given: Path) -> None:
    with pytest.raises(UserError, match=r"none/train/shards.json: no such file; paths in a recipe are relative to"):
        trained(given, 'corpus.shards.path="none"')
    with pytest.raises(UserError, match=r"memory://none/train/shards.json: no such file or folder"):
        trained(given, 'corpus.shards.path="memory://none"')
    shutil.rmtree(given / "runs/tiny/tokenizer")
    with pytest.raises(UserError, match=r"corpus.shards.tokenizer = 'runs/tiny/tokenizer': .* is no folder"):
        trained(given)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            ['corpus.inputs=[{ path = "text" }]'],
            "corpus: shards = 'runs/tiny/shards' stands in place of inputs, valid_inputs, probe_inputs and clean; "
            "give the one or the other",
        ),
        (
            ["tokenizer={ vocab_size = 90 }"],
            "[tokenizer] learns from corpus.inputs; with corpus.shards give corpus.shards.tokenizer",
        ),
        (['corpus.shards={ path = "x" }'], "[pretrain] needs a vocabulary: give corpus.shards.tokenizer"),
        (
            ['pretrain.from="model"', "model={}"],
            "[pretrain] has from, which brings its tokenizer; drop corpus.shards.tokenizer",
        ),
        (
            ["corpus.clean_parallel={}"],
            "corpus: clean_parallel has nothing to clean: add a [[corpus.parallel]] table",
        ),
        (["corpus={}"], 'corpus: inputs are missing: give inputs = [{ path = "text" }]'),
    ],
)
def test_recipes_that_cannot_work(given: Path, changes: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        opened(given, *changes)
    assert str(error.value).endswith(message)
