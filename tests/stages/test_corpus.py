"""From a recipe with `[corpus.clean]` to documents, a vocabulary and shards by language; what makes it stale."""

import gzip
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from encodery.artifact import read_manifest
from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.recipe import load_recipe
from encodery.report.amounts import human_bytes
from encodery.stages import open_run, plan, run
from encodery.stages.corpus import planned_corpus
from encodery.stages.engine import Run
from encodery.stages.graph import stages_of
from encodery.stages.inspect import describe
from tests.corpus.phases.conftest import write_crawl

RECIPE = """
name = "web"
[model]
family = "xlm-roberta"
[model.config]
hidden_size = 8
num_hidden_layers = 1
num_attention_heads = 1
intermediate_size = 8
[corpus]
valid_fraction = 0.2
[[corpus.inputs]]
path = "crawl/*.jsonl.gz"
language_field = "language"
license = "CC0"
[[corpus.inputs]]
path = "crawl/de.txt"
language = "de"
[corpus.clean]
task_bytes = 1000
language = false
repetition = false
gopher = false
fineweb = false
launch = { type = "local", workers = 1 }
[tokenizer]
vocab_size = 45
[pretrain]
steps = 2
tokens_per_step = 64
max_seqlen = 16
precision = "fp32"
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    write_crawl(tmp_path / "crawl")
    path = tmp_path / "web.toml"
    path.write_text(RECIPE)
    return path


def opened(path: Path, *overrides: str) -> tuple[Run, io.StringIO]:
    said = io.StringIO()
    recipe = load_recipe(path, [f"output={path.parent / 'runs'}", *overrides])
    return open_run(recipe, path, Console(file=said, width=200)), said


def states(path: Path, *overrides: str) -> dict[str, str]:
    """What `plan` says of each stage."""
    begun, _ = opened(path, *overrides)
    return {item.stage.name: item.state for item in plan(begun, stages_of(begun))}


def build(path: Path, *overrides: str, last: str = "shards") -> tuple[Run, str]:
    """Run the stages up to one of them; what is said meanwhile."""
    begun, said = opened(path, *overrides)
    stages = stages_of(begun)
    run(begun, stages[: [stage.name for stage in stages].index(last) + 1])
    return begun, said.getvalue()


def test_the_corpus_comes_first_and_is_learned_from(recipe: Path) -> None:
    begun, said = build(recipe)
    folder = begun.artifact("corpus")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "card.md",
        "documents/de/00000.jsonl.zst",
        "documents/en/00000.jsonl.zst",
        "ledger.json",
        "manifest.json",
        "report.html",
    }
    phases = dict(re.findall(r"^  (\w+) +(\d+/\d+) tasks, \d+s$", said, re.MULTILINE))  # of each the last line
    expected = [("extract", 4), ("paragraphs", 1), ("filter", 4), ("near", 1), ("clusters", 1), ("write", 1)]
    assert [*phases.items()] == [(name, f"{tasks}/{tasks}") for name, tasks in expected]
    for split in ("train", "valid"):
        assert Shards.open(begun.artifact("shards") / split).languages == ("de", "en")
    documents = sum(Shards.open(begun.artifact("shards") / split).num_documents for split in ("train", "valid"))
    manifest = read_manifest(folder)
    assert manifest is not None
    assert documents == manifest.metrics["documents"] == 3 * 13 + 1 + 13
    assert not list((begun.folder / ".work").glob("corpus-*")), "what the phases left is gone"
    assert states(recipe) == {
        "corpus": "fresh", "tokenizer": "fresh", "shards": "fresh", "pretrain": "run", "report": "run"
    }  # fmt: skip
    assert re.sub(r"\s+", " ", build(recipe)[1]) == "fresh corpus fresh tokenizer fresh shards "


def test_the_card_and_the_manifest_say_what_it_is(recipe: Path) -> None:
    begun, _ = build(recipe, last="corpus")
    card = (begun.artifact("corpus") / "card.md").read_text()
    for part in ("crawl/\\*.jsonl.gz", "CC0", "documents/de/00000.jsonl.zst", "datatrove", "near"):
        assert part in card
    console = Console(file=io.StringIO(), width=120, record=True)
    console.print(describe(begun.artifact("corpus")))
    shown = console.export_text()
    assert re.search(r"^near +53 +262 ", shown, re.MULTILINE)
    assert re.search(r"^near/copy +1 +1 ", shown, re.MULTILINE)
    assert re.search(r"^en +40 +197 ", shown, re.MULTILINE)


def test_what_steps_read_is_in_the_lineage(recipe: Path) -> None:
    tests = recipe.parent / "test.jsonl"
    tests.write_text('{"text": "Nine rivers of the old county run west all year"}\n')
    begun, _ = build(
        recipe, 'corpus.clean.decontaminate={against=[{path="test.jsonl", name="rivers"}]}', last="corpus"
    )
    card = (begun.artifact("corpus") / "card.md").read_text()
    row = rf"^\| test set rivers \| test\.jsonl \| 1 \| {tests.stat().st_size} \|  \|  \| [0-9a-f]{{16}} \|$"
    assert re.search(row, card, re.MULTILINE), card
    assert "| xxhash |" in card


@pytest.mark.parametrize(
    ("overrides", "changed"),
    [
        (["corpus.clean.launch.workers=7"], []),
        (["corpus.clean.near=false"], ["corpus", "tokenizer", "shards"]),
        (["corpus.clean.format=parquet"], ["corpus", "tokenizer", "shards"]),
        (["corpus.valid_fraction=0.3"], ["tokenizer", "shards"]),
    ],
)
def test_what_makes_it_stale(recipe: Path, overrides: list[str], changed: list[str]) -> None:
    build(recipe)
    now = states(recipe, *overrides)
    assert [name for name in ("corpus", "tokenizer", "shards") if now[name] != "fresh"] == changed


def test_the_plan_says_what_would_be_read(recipe: Path) -> None:
    begun, _ = opened(recipe)
    stages = stages_of(begun)
    size = sum(path.stat().st_size for path in (recipe.parent / "crawl").iterdir())
    assert planned_corpus(begun, plan(begun, stages)) == (
        f"corpus: files 4 ({human_bytes(size)}), tasks 4; 1 at a time on this machine"
    )
    build(recipe, last="corpus")
    assert planned_corpus(begun, plan(begun, stages)) is None


def test_the_plan_says_what_would_not_be_read(recipe: Path) -> None:
    for name in ("a.wat.gz", "b.wat.gz", "photo.PNG"):
        (recipe.parent / "crawl" / name).touch()
    recipe.write_text(RECIPE.replace("crawl/*.jsonl.gz", "crawl"))
    begun, _ = opened(recipe)
    said = planned_corpus(begun, plan(begun, stages_of(begun)))
    assert said is not None
    assert re.match(r"corpus: files 4 \(.*B\), not read 2 \.wat\.gz, 1 \.png, tasks 4; ", said), said


def test_the_plan_says_which_tests_may_be_in_it(recipe: Path, encodery: Callable[..., tuple[int, str, str]]) -> None:
    (recipe.parent / "test.jsonl").write_text(
        '{"text": "Nine rivers of the old county run west all year", "label": "a"}\n'
    )
    finetune = '[finetune.topics]\ntrain = "test.jsonl"\ntest = "test.jsonl"\n'
    recipe.write_text(RECIPE + finetune)
    begun, _ = opened(recipe)
    said = planned_corpus(begun, plan(begun, stages_of(begun)))
    words = "; may hold dev and test of [finetune.topics] (corpus.clean.decontaminate = true)"
    assert str(said).endswith(words)
    assert f"{words}\n" in encodery("plan", str(recipe))[1]
    recipe.write_text(RECIPE.replace("[corpus.clean]", "[corpus.clean]\ndecontaminate = true") + finetune)
    begun, _ = opened(recipe)
    said = planned_corpus(begun, plan(begun, stages_of(begun)))
    assert str(said).endswith("; 1 at a time on this machine")


FINETUNE = """
[finetune.topics]
train = "topics.jsonl"
test = "topics.jsonl"
[finetune.ner]
task = { type = "token-classification", max_seqlen = 64 }
train = "ner.txt"
dev = "ner.txt"
"""
TOPIC = "Seven harbours of the old northern county close early all year"
ENTITIES = "Nine rivers of the old northern county run west to Rome"


def test_tests_are_kept_out_whatever_their_format(recipe: Path) -> None:
    folder = recipe.parent
    (folder / "topics.jsonl").write_text(json.dumps({"text": TOPIC, "label": "a"}) + "\n")
    (folder / "ner.txt").write_text(
        "".join(f"{word} {'B-LOC' if word == 'Rome' else 'O'}\n" for word in ENTITIES.split()) + "\nHere O\n"
    )
    records = [json.dumps({"text": f"{text}.", "language": "en"}) + "\n" for text in (TOPIC, ENTITIES)]
    (folder / "crawl" / "en8.jsonl.gz").write_bytes(gzip.compress("".join(records).encode()))
    recipe.write_text(RECIPE.replace("[corpus.clean]", "[corpus.clean]\ndecontaminate = true") + FINETUNE)
    begun, _ = build(recipe, last="corpus")
    manifest = read_manifest(begun.artifact("corpus"))
    assert manifest is not None
    lost = {name: what for name, what in manifest.metrics["lost"].items() if name.startswith("decontaminate")}
    assert {name: re.findall(r"\d+ documents", what) for name, what in lost.items()} == {
        "decontaminate/topics test": ["1 documents"],
        "decontaminate/ner dev": ["1 documents"],
    }
    assert "| test set ner dev | ner.txt |" in (begun.artifact("corpus") / "card.md").read_text()


def test_a_new_file_makes_it_stale(recipe: Path) -> None:
    build(recipe)
    (recipe.parent / "crawl" / "en7.jsonl.gz").write_bytes((recipe.parent / "crawl" / "en0.jsonl.gz").read_bytes())
    assert states(recipe)["corpus"] == "run"


def test_stopped_it_continues(recipe: Path) -> None:
    for path in (recipe.parent / "crawl").glob("*.gz"):
        path.write_bytes(gzip.compress(b'{"body": "no text", "language": "en"}\n'))
    with pytest.raises(
        UserError, match=r"every record lacks a field; crawl/en0\.jsonl\.gz:1: no field 'text'; it has: b"
    ):
        build(recipe)
    assert states(recipe)["corpus"] == "continue"
    (recipe.parent / "crawl" / "en2.jsonl.gz").unlink()
    assert states(recipe)["corpus"] == "run", "another input is another corpus"


def test_without_a_document_left_it_says_so(recipe: Path) -> None:
    for path in (recipe.parent / "crawl").iterdir():
        path.unlink()
    (recipe.parent / "crawl" / "en0.jsonl").write_text(json.dumps({"text": " ", "language": "en"}) + "\n")
    recipe.write_text(RECIPE.replace("*.jsonl.gz", "*.jsonl").replace('path = "crawl/de.txt"', 'path = "crawl"'))
    with pytest.raises(UserError) as refused:
        build(recipe)
    assert str(refused.value).startswith(
        "corpus: no document is left of crawl/*.jsonl, crawl: there is no text in it; add text, or "
    )


def test_a_recipe_without_it_is_as_before(recipe: Path) -> None:
    before = RECIPE[: RECIPE.index("[corpus.clean]")] + RECIPE[RECIPE.index("[tokenizer]") :]
    recipe.write_text(before)
    begun, _ = opened(recipe)
    stages = {stage.name: stage for stage in stages_of(begun)}
    assert list(stages) == ["tokenizer", "shards", "pretrain", "report"]
    assert "clean" not in stages["shards"].config["corpus"]
    assert stages["shards"].parents == ("tokenizer",)
    assert len(stages["shards"].inputs) == 4


def test_it_says_what_took_the_last_document(recipe: Path) -> None:
    (recipe.parent / "crawl" / "de.txt").write_bytes(b"K\xe4se\n")
    with pytest.raises(UserError) as refused:
        build(recipe, "corpus.clean.gopher={min_words=1000000}")
    said = str(refused.value)
    assert re.search("crawl/de.txt: gopher/short took [0-9]+, ", said)
    assert re.search(r"crawl/de\.txt\S* is damaged", said)
    assert "UTF-8" in said


def test_languages_of_the_text_are_sampled_as_in_the_paper(recipe: Path) -> None:
    table = load_recipe(recipe).pretrain
    assert table is not None
    assert table.alpha == 0.3
    recipe.write_text(RECIPE.replace("[tokenizer]\n", "[tokenizer]\nalpha = 0.5\n"))
    tokenizer = load_recipe(recipe).tokenizer
    assert tokenizer is not None
    assert tokenizer.alpha == 0.5
