"""Translate-train in a recipe: a translator of the run makes the training text of a classifier in its language."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from encodery.artifact import read_manifest, verify
from encodery.artifact.disk import sha256
from encodery.errors import UserError
from encodery.recipe import load_recipe
from encodery.serve.files import Outcome
from encodery.stages import open_run, run, translating
from encodery.stages.engine import Run, plan
from encodery.stages.graph import stages_of
from encodery.stages.translate_train import translate_train
from tests.conftest import own_copy
from tests.stages.test_translations import WORDS, pairs

pytest.importorskip("sacrebleu")

RECIPE = """
name = "over"
[model]
family = "xlm"
preset = "xnli15-1024"
[model.config]
num_hidden_layers = 1
hidden_size = 64
num_attention_heads = 2
initializer_range = 0.1
embed_init_std = 0.1
max_position_embeddings = 32
num_languages = 2
[corpus]
inputs = [{ path = "en.txt", language = "en" }, { path = "de.txt", language = "de" }]
valid_fraction = 0.2
[tokenizer]
type = "byte-bpe"
vocab_size = 292
[pretrain]
steps = 2
max_seqlen = 16
tokens_per_step = 256
valid_max_tokens = 500
precision = "fp32"
[finetune.there]
train = "train.{en,de}"
test = "dev.{en,de}"
task = { type = "translation", max_seqlen = 24, dropout = 0.0, generation = { num_beams = 2 } }
epochs = 29
tokens_per_step = 350
evaluate_every = 999
precision = "fp32"
optimizer = { lr = 6e-3, warmup_steps = 5 }
[translate.animals]
from = "finetune.there"
files = ["first.jsonl", "second.jsonl"]
source_language = "en"
target_language = "de"
fields = { text = "sentence" }
[finetune.animals]
train = { de = "translate.animals" }
test = "test.jsonl"
task = { type = "text-classification", max_seqlen = 24 }
fields = { text = "sentence" }
epochs = 13
tokens_per_step = 250
precision = "fp32"
optimizer = { lr = 3e-3, warmup_steps = 5 }
"""
ANIMALS = {"dog": "Hund", "cat": "Katze"}


def labelled(count: int, seed: int, german: bool = False) -> list[dict[str, Any]]:
    """Sentences of which an animal decides the label, the same in both languages."""
    draw = random.Random(seed)
    others = [word for word in WORDS if word not in ANIMALS]
    records = []
    for number in range(count):
        animal = [*ANIMALS][number % 2]
        words = [draw.choice(others), animal, draw.choice(others)]
        sentence = " ".join(WORDS[word] if german else word for word in words)
        records.append({"sentence": f"{sentence}.", "label": animal, "id": number})
    return records


def write_lines(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_animals(folder: Path) -> None:
    for name, size, seed in (("dev", 13, 2), ("train", 167, 1)):
        for side, language in enumerate(("en", "de")):
            lines = [pair[side] for pair in pairs(size, seed)]
            (folder / f"{name}.{language}").write_text("\n".join(lines) + "\n", encoding="utf-8")
            (folder / f"{language}.txt").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    write_lines(folder / "first.jsonl", labelled(31, 5))
    write_lines(folder / "second.jsonl", labelled(17, 6))
    write_lines(folder / "test.jsonl", labelled(23, 7, german=True))
    (folder / "over.toml").write_text(RECIPE)


def opened(*changes: str) -> Run:
    return open_run(load_recipe(Path("over.toml"), changes), Path("over.toml"), Console(quiet=True))


def metrics_of(folder: Path) -> Any:
    manifest = read_manifest(folder)
    assert manifest is not None
    return manifest.metrics


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose recipe has run to its end."""
    folder = tmp_path_factory.mktemp("over")
    write_animals(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        some = opened()
        run(some, stages_of(some))
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of one's own, also the current directory."""
    return own_copy(finished, tmp_path / "over", monkeypatch)


def test_a_classifier_learns_another_language_by_translation(finished: Path) -> None:
    """Of German it has seen nothing but what the run's own translator wrote."""
    scores = metrics_of(finished / "runs/over/finetune/animals/1")["test"]
    assert scores["accuracy"] >= 0.8


def test_texts_are_the_models_and_all_else_is_as_it_was(finished: Path) -> None:
    folder = finished / "runs/over/translate/animals"
    verify(folder)
    records, given = read_lines(folder / "records.jsonl"), [*labelled(31, 5), *labelled(17, 6)]
    assert [(r["label"], r["id"], r["language"]) for r in records] == [(g["label"], g["id"], "de") for g in given]
    words = [word for record in records for word in record["sentence"].rstrip(".").split()]
    assert sum(word in WORDS.values() for word in words) > 0.8 * len(words)
    assert not {*words} & {*WORDS}


def test_the_manifest_says_what_was_translated_by_whom(finished: Path) -> None:
    manifest = read_manifest(finished / "runs/over/translate/animals")
    assert manifest is not None
    assert [*manifest.parents] == ["finetune.there.1"]
    assert manifest.metrics == {
        "model": "finetune.there.1",
        "source_language": "en",
        "target_language": "de",
        "records": 48,
        "files": [
            {"file": name, "sha256": sha256(finished / name), "records": count}
            for name, count in (("first.jsonl", 31), ("second.jsonl", 17))
        ],
    }


def test_card_and_report_say_that_the_text_is_a_machines(finished: Path) -> None:
    folder = finished / "runs/over/finetune/animals/1"
    records = finished / "runs/over/translate/animals/records.jsonl"
    assert metrics_of(folder)["data"]["train.de"] == {
        "file": "translate.animals",
        "sha256": sha256(records),
        "origin": "machine-translated from en to de by finetune.there.1, of first.jsonl (sha256 "
        f"{sha256(finished / 'first.jsonl')}), second.jsonl (sha256 {sha256(finished / 'second.jsonl')})",
    }
    card = (folder / "README.md").read_text()
    assert f"- train.de: translate.animals, sha256 {sha256(records)}, machine-translated from en to de by" in card
    assert "machine-translated" not in card.split("- test: test.jsonl")[1]
    page = (finished / "runs/over/report/report.html").read_text()
    assert "Machine-translated training data" in page
    assert "first.jsonl, second.jsonl" in page


def stale(*changes: str) -> list[str]:
    some = opened(*changes)
    return [step.stage.name for step in plan(some, stages_of(some)) if step.state != "fresh"]


def test_what_changes_makes_those_stale_that_depend_on_it(project: Path) -> None:
    assert stale() == []
    assert stale("finetune.animals.epochs=2") == ["finetune.animals.1", "report"]
    below = ["translate.animals", "finetune.animals.1", "report"]
    assert stale("translate.animals.files=second.jsonl") == below
    assert stale("finetune.there.epochs=2") == ["finetune.there.1", *below]
    write_lines(project / "second.jsonl", labelled(17, 8))
    assert stale() == below


def test_a_translation_that_nobody_had_changes_no_other_stage(project: Path) -> None:
    more = "translate.more={ from = 'finetune.there', files = 'test.jsonl', source_language = 'en', "
    assert stale(f"{more}target_language = 'de' }}") == ["translate.more", "report"]


def test_files_that_are_done_are_not_translated_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[str, int]] = []

    def stopped(model: Path, file: Path, *rest: Any, **named: Any) -> Outcome:
        if file.name == "second.jsonl" and len(begun) == 1:
            raise UserError("killed")
        outcome = translate_train(model, file, *rest, **named)
        begun.append((file.name, outcome.predicted))
        return outcome

    monkeypatch.setattr(translating, "translate_train", stopped)
    another = project / "runs/over/.work/translate.animals-too-0123456789ab"
    another.mkdir(parents=True)
    before = (project / "runs/over/translate/animals/records.jsonl").read_bytes()
    shutil.rmtree(project / "runs/over/translate")
    some = opened()
    with pytest.raises(UserError, match="killed"):
        run(some, stages_of(some))
    run(some, stages_of(some))
    (first, found), *others = begun
    assert (first, found > 0) == ("first.jsonl", True)
    assert [(name, predicted > 0) for name, predicted in others] == [("first.jsonl", False), ("second.jsonl", True)]
    assert (project / "runs/over/translate/animals/records.jsonl").read_bytes() == before
    assert stale() == []
    assert another.is_dir()  # what another translation has begun, whose name begins alike


def test_a_folder_translates_for_a_search_too(project: Path) -> None:
    """It is there before [search], which looks into one fine-tuning before all others."""
    shutil.copytree("runs/over/finetune/there/1", "translator")
    changes = ["translate.animals.from=translator", "finetune.animals.dev=test.jsonl"]
    search = 'search={ finetune = "animals", trials = 1, space = { epochs = [2, 3] } }'
    some = opened(*changes, search)
    stages = [stage.name for stage in stages_of(some)]
    assert stages.index("translate.animals") < stages.index("search") < stages.index("finetune.there.1")
    by_name = {stage.name: stage for stage in stages_of(some)}
    assert by_name["translate.animals"].parents == ()
    assert any(name.endswith("translator/model.safetensors") for name in by_name["translate.animals"].inputs)
    assert "translate.animals" in by_name["search"].parents
    with pytest.raises(
        UserError, match=r"\[search\] comes before finetune.there.1, which makes translate.animals; give"
    ):
        opened(*changes[1:], search)


def test_a_bundle_is_calibrated_by_what_its_model_learned_from(project: Path) -> None:
    some = opened('finetune.animals.train="translate.animals"', 'export={ small = { from = "finetune.animals" } }')
    (stage,) = [stage for stage in stages_of(some) if stage.name == "export.small"]
    assert stage.parents == ("finetune.animals.1", "translate.animals")
    assert stage.inputs == {}


def test_validation_reads_what_was_translated(project: Path, encodery: Any) -> None:
    _, out, _ = encodery("validate", "over.toml")
    assert "(train.de 48, test 23)" in out
    shutil.rmtree(project / "runs/over/translate")
    _, out, _ = encodery("validate", "over.toml")
    assert "records (test 23)" in out
    assert "train.de is not checked: translate.animals is not there yet" in out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            ["translate.animals.from=finetune.animals"],
            "translate.animals.from = 'finetune.animals': no fine-tuning of that name translates; finetune.there, a "
            "model folder is allowed",
        ),
        (["translate.animals.from=pretrain"], "translate.animals.from = 'pretrain': no fine-tuning of that name"),
        (
            ["finetune.animals.train=translate.animal"],
            "finetune.animals.train = 'translate.animal': there is translate.animals; write a file of that name as "
            "'./translate.animal'",
        ),
        (
            ["finetune.animals.dev=translate.animals"],
            "finetune.animals.dev = 'translate.animals': scores on what a machine translated say little; only train",
        ),
        (["translate.animals.files=[]"], "translate.animals.files = []: at least 1 is needed"),
        (["translate.animals.fields.texts=a"], "unknown key 'translate.animals.fields.texts'; did you mean 'text'?"),
        (["translate.animals.target_language="], "translate.animals.target_language = ''"),
        (
            ["finetune.there.train=translate.animals"],
            "finetune.there.train = 'translate.animals': finetune.there.1, which translates it, must stand above "
            "[finetune.there]",
        ),
    ],
)
def test_what_cannot_be_translated_is_told_when_the_recipe_is_read(
    project: Path, changes: list[str], message: str
) -> None:
    with pytest.raises(UserError) as error:
        opened(*changes)
    assert message in str(error.value)


def test_a_direction_that_was_not_trained_is_told_by_the_table(project: Path) -> None:
    some = opened("translate.animals.target_language=en", "translate.animals.source_language=de")
    with pytest.raises(UserError, match=r"translate\.animals: the direction de-en was not trained; this model"):
        run(some, stages_of(some))
