"""Pretraining over languages: what is planned, what is measured, what is reported, what may be missing."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from encodery.artifact import read_manifest
from encodery.errors import UserError
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.mixing import build_objective
from encodery.objectives.objective import Pretraining
from encodery.recipe import load_recipe
from encodery.stages import run
from encodery.stages.exposure import exposure_rows
from encodery.stages.graph import selected, stages_of
from encodery.stages.held_out import HeldOut, by_language
from encodery.train.log import read_log
from tests.conftest import write_project
from tests.data.synthetic import documents, stored
from tests.objectives.corpora import MAX_SEQLEN, tiny_model
from tests.objectives.pairs import pairs, stored_pairs
from tests.objectives.vocabularies import vocabulary
from tests.stages.splitting import lose_a_shard
from tests.stages.test_report import Text
from tests.stages.test_run import opened

Command = Callable[..., tuple[int, str, str]]
INPUTS = "[{ path = 'text/a.txt', language = 'en' }, { path = 'small.jsonl', language_field = 'lang' }]"
CHANGES = (f"corpus.inputs={INPUTS}", "pretrain.alpha={ start = 1.0, end = 0.3 }", "finetune={}")


def write_texts(project: Path) -> None:
    """A part of the project's text as records of two languages."""
    texts = (project / "text" / "b.txt").read_text().split("\n\n")[:23]
    rows = [{"text": text, "lang": ("sw", "de")[number % 2]} for number, text in enumerate(texts)]
    (project / "small.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was pretrained on three languages; for copying."""
    folder = tmp_path_factory.mktemp("languages")
    write_project(folder)
    write_texts(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        this = opened(folder, *CHANGES)
        run(this, stages_of(this))
    return folder


@pytest.fixture
def here(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of one's own; also the current directory."""
    folder = tmp_path / "here"
    shutil.copytree(trained, folder)
    monkeypatch.chdir(folder)
    return folder


def test_the_loss_of_each_language_is_that_of_a_direct_computation(tmp_path: Path) -> None:
    shards = stored(tmp_path / "shards", documents(61, 7), languages=["de", "sw", "ur", "sw"] * 15 + ["de"])
    objective = Pretraining(ObjectiveConfig(nsp=False), shards, vocabulary(), MAX_SEQLEN, 199, 7)
    model = tiny_model(nsp=False)
    with torch.inference_mode():
        found = HeldOut(objective, model, 1500).measure()
        sums: dict[str, tuple[float, int]] = {}
        for name, batches in objective.validation_batches_by_language(1500).items():
            loss, count = 0.0, 0
            for batch in batches:
                assert batch.labels is not None
                logits = model.heads["mlm"](model.encoder(batch)[batch.label_index])
                loss += float(F.cross_entropy(logits.double(), batch.labels, reduction="sum"))
                count += len(batch.labels)
            sums[name] = loss, count
            assert found[f"{name}/mlm_loss"] == pytest.approx(loss / count, rel=1e-6)
            assert found[f"{name}/perplexity"] == pytest.approx(math.exp(loss / count), rel=1e-5)
    assert set(sums) == {"de", "sw", "ur"}
    mean = sum(loss for loss, _ in sums.values()) / sum(count for _, count in sums.values())
    assert found["mlm_loss"] == pytest.approx(mean, rel=1e-6)
    assert next(iter(found)) == "mlm_loss"  # what decides where nothing is named


def test_the_loss_of_each_objective_is_that_of_a_direct_computation(tmp_path: Path) -> None:
    named = ["de", "sw", "ur", "sw"] * 15 + ["de"]
    shards = stored(tmp_path / "shards", documents(61, 7), languages=named)
    parallel = stored_pairs(tmp_path / "pairs", pairs(53))
    config = ObjectiveConfig(nsp=False, weights={"mlm": 1.0, "clm": 1.0, "tlm": 1.0})
    objective = build_objective(config, shards, parallel, vocabulary(), MAX_SEQLEN, 199, 7)
    model = tiny_model(nsp=False)
    sums: dict[tuple[str, str], list[float]] = {}
    with torch.inference_mode():
        found = HeldOut(objective, model, 900).measure()
        for language, batches in objective.validation_batches_by_language(900).items():
            for batch in batches:
                assert batch.labels is not None
                logits = model.heads["mlm"](model.encoder(batch)[batch.label_index])
                loss = float(F.cross_entropy(logits.double(), batch.labels, reduction="sum"))
                entry = sums.setdefault((language, batch.objective), [0.0, 0.0])
                entry[:] = entry[0] + loss, entry[1] + len(batch.labels)
    texts = {(language, name) for language in ("de", "sw", "ur") for name in ("mlm", "clm")}
    assert set(sums) == {*texts, ("pairs", "tlm")}
    for (language, name), (loss, count) in sums.items():
        assert found[f"{language}/{name}_loss"] == pytest.approx(loss / count, rel=1e-6)
        perplexity = "perplexity" if name == "mlm" else f"{name}_perplexity"
        assert found[f"{language}/{perplexity}"] == pytest.approx(math.exp(loss / count), rel=1e-5)
    for name in ("mlm", "clm", "tlm"):
        parts = [entry for (_, which), entry in sums.items() if which == name]
        mean = sum(loss for loss, _ in parts) / sum(count for _, count in parts)
        assert found[f"{name}_loss"] == pytest.approx(mean, rel=1e-6)
    assert next(iter(found)) == "mlm_loss"


def test_pairs_beside_text_that_names_no_language_are_one_text(tmp_path: Path) -> None:
    shards = stored(tmp_path / "shards", documents(31, 7))
    parallel = stored_pairs(tmp_path / "pairs", pairs(29))
    config = ObjectiveConfig(nsp=False, weights={"mlm": 1.0, "tlm": 1.0})
    objective = build_objective(config, shards, parallel, vocabulary(), MAX_SEQLEN, 199, 7)
    with torch.inference_mode():
        found = HeldOut(objective, tiny_model(nsp=False), 900).measure()
    assert set(found) == {"mlm_loss", "mlm_accuracy", "tlm_loss", "tlm_accuracy"}


def test_one_language_is_measured_as_text_without(tmp_path: Path) -> None:
    corpus = documents(31, 7)
    named = stored(tmp_path / "named", corpus, languages=["sw"] * 31)
    plain = stored(tmp_path / "plain", corpus)
    model = tiny_model(nsp=False)
    with torch.inference_mode():
        one, other = (
            HeldOut(Pretraining(ObjectiveConfig(nsp=False), shards, vocabulary(), MAX_SEQLEN, 199, 7), model, 900)
            for shards in (named, plain)
        )
        measured = one.measure()
        assert measured == other.measure()
    assert set(measured) == {"mlm_loss", "mlm_accuracy"}


def test_metrics_of_a_language_stand_under_its_name() -> None:
    flat = {"mlm_loss": 2.0, "sw/mlm_loss": 3.0, "sw/perplexity": 20.1, "zh/Hant/mlm_loss": 4.0}
    assert by_language(flat) == {
        "mlm_loss": 2.0,
        "languages": {"sw": {"mlm_loss": 3.0, "perplexity": 20.1}, "zh/Hant": {"mlm_loss": 4.0}},
    }
    assert by_language({"mlm_loss": 2.0}) == {"mlm_loss": 2.0}


def test_log_metrics_card_and_report_name_each_language(here: Path) -> None:
    pretrain = here / "runs/tiny/pretrain"
    manifest, shards = read_manifest(pretrain), read_manifest(here / "runs/tiny/shards")
    assert manifest is not None
    assert shards is not None
    metrics = manifest.metrics
    assert set(metrics["valid"]["languages"]) == set(metrics["languages"]) == {"en", "sw", "de"}
    tokens = {name: row["tokens"] for name, row in metrics["languages"].items()}
    assert tokens == {name: row["tokens"] for name, row in shards.metrics["train"]["languages"].items()}
    assert sum(row["share"] for row in metrics["languages"].values()) == pytest.approx(1)
    assert metrics["languages"]["sw"]["sampled_share"] > 1.2 * metrics["languages"]["sw"]["share"]
    assert metrics["languages"]["en"]["epochs"] < metrics["languages"]["sw"]["epochs"]
    last = [record for record in read_log(pretrain / "log.jsonl") if record["event"] == "eval"][-1]
    card, page = (pretrain / "README.md").read_text(), Text((here / "runs/tiny/report/report.html").read_text()).text
    for language, scores in metrics["valid"]["languages"].items():
        assert last[f"{language}/mlm_loss"] == scores["mlm_loss"]
        assert scores["perplexity"] == pytest.approx(math.exp(scores["mlm_loss"]))
        assert f"| valid, {language} | perplexity | {scores['perplexity']:.4f} |" in card
        row = " ".join(next(cells for cells in exposure_rows(metrics["languages"]) if cells[0] == language))
        assert f"{row} {scores['mlm_loss']:.3f} {scores['perplexity']:.3f}" in page


def test_the_plan_says_how_often_each_language_is_read(here: Path, encodery: Command) -> None:
    changes = [word for change in CHANGES for word in ("--set", change)]
    code, out, _ = encodery("plan", "tiny.toml", *changes)
    assert code == 0
    assert "How often pretraining reads each language" in out
    manifest = read_manifest(here / "runs/tiny/pretrain")
    assert manifest is not None
    lines = [" ".join(line.replace("│", " ").split()) for line in out.splitlines()]
    for row in exposure_rows(manifest.metrics["languages"]):
        assert " ".join(row) in lines
    code, out, _ = encodery("plan", "tiny.toml", *changes, "--set", "tokenizer.vocab_size=89")
    assert code == 0
    assert (
        "languages: sampled with alpha = {'start': 1.0, 'end': 0.3}; how often the text of each is read is known "
        "when the shards are written: encodery run RECIPE shards"
    ) in " ".join(out.split())


def test_the_plan_is_silent_where_no_language_is_named(done: Path, encodery: Command) -> None:
    code, out, _ = encodery("plan", "tiny.toml")
    assert code == 0
    assert "language" not in out


def test_a_language_without_text_is_named(project: Path) -> None:
    (project / "none.txt").write_text("\n\n")
    inputs = "[{ path = 'text', language = 'en' }, { path = 'none.txt', language = 'yo' }]"
    this = opened(project, f"corpus.inputs={inputs}")
    with pytest.raises(UserError) as error:
        run(this, selected(stages_of(this), ["shards"]))
    assert str(error.value) == (
        "corpus.inputs: there is no text to learn from in the language 'yo' (none.txt); add text, or remove the input"
    )


def test_a_shard_that_vanished_stops_or_is_counted(project: Path) -> None:
    write_texts(project)
    this = opened(project, *CHANGES, "pretrain.steps=3", "pretrain.seqlen_warmup={max_seqlen=13, steps=1}")
    run(this, selected(stages_of(this), ["shards"]))
    folder = this.artifact("shards") / "train"
    lose_a_shard(folder)
    with pytest.raises(
        UserError, match=r"ids-00001.bin: missing, though shards.json lists it; write the token shards"
    ):
        run(this, selected(stages_of(this), ["pretrain"]))
    skipping = opened(project, *CHANGES, "pretrain.steps=3", "pretrain.on_missing_shard=skip")
    run(skipping, selected(stages_of(skipping), ["pretrain"]))
    manifest = read_manifest(skipping.artifact("pretrain"))
    assert manifest is not None
    entry = manifest.metrics["skipped_shards"]["train"]
    assert entry["count"] == 1
    assert "ids-00001.bin: missing" in entry["why"][0]
    events = [
        record for record in read_log(skipping.artifact("pretrain") / "log.jsonl") if record["event"] == "shards"
    ]
    assert [event["skipped_shards"] for event in events] == [manifest.metrics["skipped_shards"]]
    assert "valid" not in manifest.metrics["skipped_shards"]


@pytest.mark.parametrize(
    ("family", "preset", "alpha"), [("bert", "tiny", 1.0), ("xlm", "en-2048", 0.7), ("xlm-roberta", "base", 0.3)]
)
def test_alpha_is_the_familys_where_languages_are_named(
    project: Path, family: str, preset: str, alpha: float
) -> None:
    recipe = project / "tiny.toml"
    text = recipe.read_text().replace('preset = "tiny"', f'family = "{family}"\npreset = "{preset}"')
    text = text.replace("intermediate_size = 64", "intermediate_size = 128")  # XLM has no other
    recipe.write_text(text.replace("min_frequency = 1", "").split("[finetune")[0])
    named = load_recipe(recipe, [f"corpus.inputs={INPUTS}"])
    assert named.pretrain is not None
    assert named.pretrain.alpha == alpha
    chosen = load_recipe(recipe, [f"corpus.inputs={INPUTS}", "pretrain.alpha=0.9"])
    assert chosen.pretrain is not None
    assert chosen.pretrain.alpha == 0.9
    plain = load_recipe(recipe)
    assert plain.pretrain is not None
    assert plain.pretrain.alpha == 1.0


def test_sampling_needs_languages(project: Path) -> None:
    with pytest.raises(UserError) as error:
        load_recipe(project / "tiny.toml", ["pretrain.alpha=0.5"])
    assert str(error.value).endswith(
        "pretrain.alpha = 0.5 samples languages, but corpus.inputs name none; give each input a language or a "
        "language_field"
    )


def test_what_is_not_used_makes_nothing_stale(done: Path) -> None:
    from tests.stages.test_run import planned

    changes = ("pretrain.alpha=1.0", "pretrain.on_missing_shard=skip")
    items = planned(done, *changes)
    assert [name for name, item in items.items() if item.state != "fresh"] == ["report"]  # which shows the recipe
