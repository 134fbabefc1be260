"""`trim` and `extend` as stages: what they write, what reruns them, what is said of bad input."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import encodery
from encodery.artifact import read_manifest
from encodery.errors import UserError
from encodery.recipe import load_recipe
from encodery.stages import run
from encodery.stages.graph import selected, stages_of
from encodery.stages.vocabulary import check_same_tokens
from encodery.text.library import LibraryKind
from encodery.text.revision import Revision
from encodery.text.tokenizer import Tokenizer
from tests.stages.test_families import overrides as overrides_of
from tests.stages.test_run import complete, opened, planned

TRIM = "trim={ inputs = [{ path = 'kept.txt' }] }"
FOUND = "extend={ inputs = [{ path = 'kept.txt' }], num_tokens = 3, min_frequency = 1, from = 'trim' }"
LISTED = "extend={ tokens = ['Encodery', 'trimming'] }"
KEPT = "The happy river finds a city.\nA happy city sees the river.\n\nThe river finds a happy river."


def metrics(project: Path, stage: str) -> dict[str, Any]:
    manifest = read_manifest(project / "runs" / "tiny" / stage)
    assert manifest is not None
    return dict(manifest.metrics)


def only(project: Path, stage: str, *overrides: str) -> Path:
    this = opened(project, *overrides)
    run(this, selected(stages_of(this), [stage]))
    return this.artifact(stage)


@pytest.fixture
def kept(done: Path) -> Path:
    (done / "kept.txt").write_text(KEPT)
    return done


def test_from_trim_and_extend_to_a_classifier(kept: Path) -> None:
    complete(kept, TRIM, FOUND, "finetune.mood.from=extend", "finetune.mood.seeds=[3]", "finetune.mood.epochs=1")
    trim, extend = (metrics(kept, stage) for stage in ("trim", "extend"))
    assert trim["tokens"]["before"] == 90
    assert trim["tokens"]["after"] < 80
    assert trim["parameters"]["before"] - trim["parameters"]["after"] == (90 - trim["tokens"]["after"]) * (32 + 1)
    assert trim["bytes"]["after"] == 4 * trim["parameters"]["after"]
    assert trim["tokens_per_character"]["before"] == trim["tokens_per_character"]["after"]
    assert extend["tokens"] == {"before": trim["tokens"]["after"], "after": trim["tokens"]["after"] + 3}
    assert extend["tokens_per_character"]["after"] < extend["tokens_per_character"]["before"]
    assert extend["new_tokens_that_occur"] == 3
    assert extend["characters"] == trim["characters"] == len(KEPT) - 2
    assert {
        item.state
        for item in planned(
            kept, TRIM, FOUND, "finetune.mood.from=extend", "finetune.mood.seeds=[3]", "finetune.mood.epochs=1"
        ).values()
    } == {"fresh"}
    folder = kept / "runs/tiny/finetune/mood/3"
    assert json.loads((folder / "config.json").read_text())["vocab_size"] == extend["tokens"]["after"]
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    inputs = transformers.AutoTokenizer.from_pretrained(folder)([KEPT], return_tensors="pt")
    with torch.no_grad():
        expected = torch.softmax(theirs(**inputs).logits, -1)[0]
    (found,) = encodery.load(folder).predict([KEPT])
    torch.testing.assert_close(torch.tensor(list(found["scores"].values())), expected, atol=1e-5, rtol=1e-5)
    page = (kept / "runs/tiny/report/report.html").read_text()
    for value in (f"{trim['parameters']['after']:,}", f"{extend['tokens_per_character']['after']:.4f}"):
        assert value in page


def test_an_xlm_is_trimmed_and_extended(project: Path) -> None:
    (project / "kept.txt").write_text(KEPT)
    complete(project, *overrides_of("xlm"), TRIM, FOUND, "finetune.mood.from=extend")
    trim, extend = (metrics(project, stage) for stage in ("trim", "extend"))
    assert trim["tokens"]["after"] < trim["tokens"]["before"] == 90
    assert extend["tokens"]["after"] == trim["tokens"]["after"] + 3
    before, after = (encodery.load(project / "runs/tiny" / stage) for stage in ("pretrain", "trim"))
    for text in KEPT.split("\n\n"):
        (first,), (second,) = before.embed([text]), after.embed([text])
        assert list(first) == list(second)
    folder = project / "runs/tiny/extend"
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    assert theirs(KEPT)["input_ids"] == Tokenizer.load(folder).encode(KEPT).input_ids


def test_a_fine_tuned_model_predicts_the_same_after_trimming(kept: Path) -> None:
    base = kept / "runs/tiny/finetune/mood/3"
    folder = only(kept, "trim", f"trim={{ inputs = [{{ path = 'dev.jsonl' }}], from = '{base}' }}")
    texts = [json.loads(line)["text"] for line in (kept / "dev.jsonl").read_text().splitlines()]
    before, after = (encodery.load(path).predict(texts) for path in (base, folder))
    assert before == after
    info = json.loads((folder / "encodery.json").read_text())
    assert info["task"] == "text-classification"
    assert info["trim"] == json.loads(json.dumps(metrics(kept, "trim")))


def test_listed_words(kept: Path) -> None:
    folder = only(kept, "extend", LISTED)
    tokenizer = Tokenizer.load(folder)
    assert [tokenizer.id_to_token(index) for index in range(90, 92)] == ["encodery", "trimming"]
    assert metrics(kept, "extend").keys() == {"tokens", "parameters", "bytes"}  # no text, no lengths


@pytest.mark.parametrize(
    ("override", "rerun"),
    [
        ("trim.keep_characters=false", ["trim", "extend", "report"]),
        ("extend.num_tokens=2", ["extend", "report"]),
        (
            "pretrain.steps=13",
            ["pretrain", "trim", "extend", "finetune.mood.3", "finetune.mood.5", "report"],
        ),
    ],
)
def test_a_change_reruns_exactly_what_depends_on_it(kept: Path, override: str, rerun: list[str]) -> None:
    complete(kept, TRIM, FOUND)
    states = {name: item.state for name, item in planned(kept, TRIM, FOUND, override).items()}
    assert [name for name, state in states.items() if state != "fresh"] == rerun


def test_changed_text_reruns_what_reads_it(kept: Path) -> None:
    complete(kept, TRIM)
    (kept / "kept.txt").write_text(KEPT + "\nA baker.")
    items = planned(kept, TRIM)
    assert [name for name, item in items.items() if item.state != "fresh"] == ["trim", "report"]
    assert "kept.txt changed" in items["trim"].reason


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([TRIM, "trim.from=extend"], "[trim] starts from extend; pretrain or a model folder is allowed"),
        ([LISTED, "extend.from=trim"], "[extend] starts from trim, but there is no [trim] table"),
        (
            [LISTED, "extend.from=extend"],
            "starts from extend; pretrain or trim or a model folder is allowed",
        ),
        (["finetune.mood.from=trim"], "[finetune.mood] starts from trim, but there is no [trim] table"),
        (["extend={ num_tokens = 3 }"], "extend: num_tokens = 3 are to be found, but there is no text; add inputs"),
    ],
)
def test_bases_that_are_not_there(project: Path, overrides: list[str], expected: str) -> None:
    with pytest.raises(UserError) as error:
        load_recipe(project / "tiny.toml", overrides)
    assert str(error.value).endswith(expected)


@pytest.mark.parametrize(
    ("overrides", "stage", "expected"),
    [
        (
            ["trim={ inputs = [{ path = 'text' }], from = 'nowhere' }"],
            "trim",
            "nowhere is no folder; name a model folder",
        ),
        (
            ["trim={ inputs = [{ path = 'none.txt' }] }"],
            "trim",
            "none.txt: no such file or folder; check path = 'none.txt'",
        ),
        (
            ["trim={ inputs = [{ path = 'blank.txt' }] }"],
            "trim",
            "the corpus is empty: no text in 1 file(s) (blank.txt); add text",
        ),
        (["extend={ inputs = [{ path = 'kept.txt' }], num_tokens = 997 }"], "extend", "lower num_tokens or add text"),
        (
            ["extend={ tokens = ['two words'] }"],
            "extend",
            "'two words' is 2 words to this tokenizer; list single words",
        ),
        (
            ["trim={ inputs = [{ path = 'kept.txt' }], from = 'bare' }"],
            "trim",
            "bare: no tokenizer in it; "
            "tokenizer.json, vocab.txt and tokenizer_config.json, vocab.json and merges.txt, or "
            "sentencepiece.bpe.model is needed",
        ),
    ],
)
def test_bad_input(kept: Path, overrides: list[str], stage: str, expected: str) -> None:
    (kept / "blank.txt").write_text(" \n\n")
    (kept / "bare").mkdir()
    for name in ("config.json", "model.safetensors"):
        (kept / "bare" / name).write_bytes((kept / "runs/tiny/pretrain" / name).read_bytes())
    with pytest.raises(UserError) as error:
        only(kept, stage, *overrides)
    assert str(error.value).endswith(expected)
    assert not (kept / "runs/tiny" / stage).exists()


def test_a_model_that_cuts_otherwise_is_not_saved(kept: Path) -> None:
    tokenizer = Tokenizer.load(kept / "runs/tiny/tokenizer")
    assert isinstance(tokenizer.kind, LibraryKind)
    revision = tokenizer.kind.trim(["The city"], keep_characters=False)
    check_same_tokens(tokenizer, Tokenizer(revision.kind), revision, iter(["city the"]))
    with pytest.raises(AssertionError, match="cut in another way: 'river'"):
        check_same_tokens(tokenizer, Tokenizer(revision.kind), revision, iter(["city", "river"]))
    assert isinstance(revision, Revision)
