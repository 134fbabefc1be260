"""Masked, causal and translation LM in one recipe: from files to a folder for `transformers`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from rich.console import Console

from encodery.artifact import read_manifest, verify
from encodery.batch import Sequence, pack
from encodery.data.pairs import Pairs
from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.families.folder import load_folder
from encodery.objectives.mixing import Mixed
from encodery.recipe import load_recipe
from encodery.stages import open_run, run
from encodery.stages.exposure import exposure_rows
from encodery.stages.graph import selected, stages_of
from encodery.train.log import read_log
from tests.stages.splitting import lose_a_shard
from tests.stages.stopping import weights_after_stops
from tests.stages.test_run import complete, opened, planned

WORDS = {"river": "Fluss", "city": "Stadt", "farmer": "Bauer", "baker": "Bäcker", "forest": "Wald", "market": "Markt"}
CONFIG = (
    "{ num_hidden_layers = 1, hidden_size = 32, num_attention_heads = 2, max_position_embeddings = 48, "
    "num_languages = 2 }"
)
MIXED = [
    "model.family=xlm",
    'model.preset="en-2048"',
    f"model.config={CONFIG}",
    "tokenizer={ vocab_size = 90 }",
    'corpus.inputs=[{ path = "text", language = "en" }, { path = "de.txt", language = "de" }]',
    'corpus.parallel=[{ source = { path = "p.en", language = "en" }, target = { path = "p.de", language = "de" } }]',
    "pretrain.objective.weights={ mlm = 1.0, clm = 1.0, tlm = 1.0 }",
    "finetune={}",
]


@pytest.fixture
def mixed(project: Path) -> Path:
    """The small project with German text and 47 pairs, two of them with an empty side."""
    names = [(one, other) for one in WORDS for other in WORDS if one != other]
    english = [f"The {one} sees a {other}." for one, other in names]
    german = [f"{WORDS[one]} sieht {WORDS[other]}." for one, other in names]
    (project / "p.en").write_text("\n".join([*english, "", *english[:16]]) + "\n")
    (project / "p.de").write_text("\n".join([*german, "Leer", *german[:15], ""]) + "\n")
    (project / "de.txt").write_text("\n\n".join(german) + "\n")
    return project


def test_a_recipe_of_three_objectives(mixed: Path) -> None:
    this = complete(mixed, *MIXED)
    assert [stage.name for stage in stages_of(this)] == ["tokenizer", "shards", "parallel", "pretrain", "report"]
    manifest = read_manifest(this.artifact("pretrain"))
    assert manifest is not None
    valid = manifest.metrics["valid"]
    for name in ("mlm", "clm", "tlm"):
        assert {f"{name}_{what}" for what in ("loss", "accuracy", "perplexity")} <= set(valid)
        assert valid[f"{name}_perplexity"] == pytest.approx(2.718281828 ** valid[f"{name}_loss"])
    log = read_log(this.artifact("pretrain") / "log.jsonl")
    assert all({"mlm_loss", "clm_loss", "tlm_loss"} <= set(line) for line in log if line["event"] == "eval")
    for line in log:
        if line["event"] == "step":  # whichever objective came first
            terms = [name for name in line if name.endswith("_loss")]
            assert terms == sorted(terms)
    report = (this.artifact("report") / "report.html").read_text()
    assert "Translation LM loss" in report
    assert "Causal LM loss" in report
    assert "causal perplexity" in report
    assert "tlm perplexity" not in report  # no language's: pairs are of two

    folder = this.artifact("pretrain")
    settings = json.loads((folder / "config.json").read_text())
    assert (settings["causal"], settings["lang2id"]) == (False, {"de": 0, "en": 1})
    theirs = transformers.XLMWithLMHeadModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ours = load_folder(folder)
    inputs = tokenizer("The river sees a city.", return_tensors="pt")
    ids = inputs["input_ids"][0].tolist()
    assert ids[1:-1] == ours.tokenizer.encode_batch(["The river sees a city."])[0].tolist()
    batch = pack([Sequence(ids, language_ids=[1] * len(ids))])
    with torch.no_grad():
        expected = theirs(inputs["input_ids"], langs=torch.ones_like(inputs["input_ids"])).logits[0]
        torch.testing.assert_close(ours.model.eval().logits("mlm", batch), expected, atol=1e-4, rtol=1e-4)


def test_pairs_become_shards_and_what_is_left_out_is_counted(mixed: Path) -> None:
    recipe = mixed / "tiny.toml"
    console = Console(width=300)
    this = open_run(load_recipe(recipe, MIXED), recipe, console)
    with console.capture() as captured:
        run(this, selected(stages_of(this), ["parallel"]))
    assert verify(this.artifact("parallel")).stage == "parallel"
    manifest = read_manifest(this.artifact("parallel"))
    assert manifest is not None
    facts = manifest.metrics
    assert facts["train"]["pairs"] + facts["valid"]["pairs"] == 45
    assert facts["train"]["dropped_pairs"] + facts["valid"]["dropped_pairs"] == 2
    assert "1 left out: 1 empty (the first:" in captured.get()
    assert "p.en:31" in captured.get()
    sources: dict[str, set[bytes]] = {}
    for split in ("train", "valid"):
        shards = Shards.open(this.artifact("parallel") / split, verify=True)
        assert shards.languages == ("en/de",)
        pairs = Pairs(shards)
        sides = pairs.sides(torch.arange(len(pairs)).numpy())
        sources[split] = {
            shards.take_ranges(start[:1], length[:1]).tobytes()
            for start, length in zip(sides.starts, sides.lengths, strict=True)
        }
    assert not sources["train"] & sources["valid"]  # 15 sentences come twice, and always on one side


def test_pairs_are_cleaned_and_the_report_shows_what_went(mixed: Path) -> None:
    table = "corpus.clean_parallel={ max_length_ratio = 2.9, language = { threshold = 1.0 } }"
    report = complete(mixed, *MIXED, table, "pretrain.steps=2").artifact("report") / "report.html"
    facts = read_manifest(report.parents[1] / "parallel")
    assert facts is not None
    reasons: dict[str, int] = {}
    for part in ("train", "valid"):
        metrics = facts.metrics[part]
        assert sum(found["pairs"] for found in metrics["dropped"].values()) == metrics["dropped_pairs"]
        for reason, found in metrics["dropped"].items():
            reasons[reason] = reasons.get(reason, 0) + found["pairs"]
    assert reasons["empty"] == 2
    assert reasons["duplicate"] == 15 - reasons.get("ratio", 0) - reasons.get("language", 0) > 7
    html = report.read_text()
    for shown in ("Aligned sentences", "Pairs that were left out", "duplicate", "p.en:"):
        assert shown in html


def test_shards_of_text_and_pairs_that_vanished_are_left_out(mixed: Path) -> None:
    """Languages are numbered by what is named, so that a model with vectors of them has all; the log says it once."""
    this = opened(mixed, *MIXED)
    run(this, selected(stages_of(this), ["shards", "parallel"]))
    folders = [this.artifact(stage) / "train" for stage in ("parallel", "shards")]
    for folder in folders:
        name = lose_a_shard(folder)
        with pytest.raises(UserError, match=rf"{folder.parent.name}/train/{name}: missing, though shards.json lists"):
            run(this, selected(stages_of(this), ["pretrain"]))

    def train() -> Path:
        skipping = opened(mixed, *MIXED, "pretrain.on_missing_shard=skip")
        run(skipping, selected(stages_of(skipping), ["pretrain"]))
        return skipping.artifact("pretrain")

    weights_after_stops(train, [5, 8])
    folder = this.artifact("pretrain")
    manifest = read_manifest(folder)
    assert manifest is not None
    left_out = manifest.metrics["skipped_shards"]
    assert {split: entry["count"] for split, entry in left_out.items()} == {"train": 1, "parallel/train": 1}
    assert json.loads((folder / "config.json").read_text())["lang2id"] == {"de": 0, "en": 1}
    events = [record for record in read_log(folder / "log.jsonl") if record["event"] == "shards"]
    assert [event["skipped_shards"] for event in events] == [left_out]


def test_plan_and_report_say_how_often_pairs_are_read(
    mixed: Path, encodery: Callable[..., tuple[int, str, str]]
) -> None:
    swahili = "{ source = { path = 's.en', language = 'en' }, target = { path = 's.sw', language = 'sw' } }"
    (mixed / "s.en").write_text("\n".join((mixed / "p.en").read_text().split("\n")[:11]) + "\n")
    (mixed / "s.sw").write_text("\n".join(f"mto {number}" for number in range(11)) + "\n")
    given = next(change for change in MIXED if change.startswith("corpus.parallel"))
    changes = [change for change in MIXED if change != given]
    changes += [f"{given[:-1]}, {swahili}]", "model.config.num_languages=3", "pretrain.objective.pair_alpha=0.5"]
    this = complete(mixed, *changes)
    manifest = read_manifest(this.artifact("pretrain"))
    assert manifest is not None
    rows = manifest.metrics["parallel"]["languages"]
    assert set(rows) == {"en/de", "en/sw"}
    assert rows["en/sw"]["epochs"] > 1.2 * rows["en/de"]["epochs"] > 0
    assert "Aligned sentences: how they were read" in (this.artifact("report") / "report.html").read_text()
    words = [word for change in changes for word in ("--set", change)]
    code, out, _ = encodery("plan", "tiny.toml", *words)
    assert code == 0
    lines = [" ".join(line.replace("│", " ").split()) for line in out.splitlines()]
    assert "The same, of aligned sentences" in lines
    for row in exposure_rows(rows):
        assert " ".join(row) in lines
    with pytest.raises(UserError, match=r"pair_alpha = 0.5 samples aligned sentences, but tlm has no weight"):
        opened(mixed, *changes, "pretrain.objective.weights={ mlm = 1.0 }")


def test_cleaning_concerns_the_pairs_alone(mixed: Path) -> None:
    complete(mixed, *MIXED)
    states = {name: item.state for name, item in planned(mixed, *MIXED, "corpus.clean_parallel={}").items()}
    assert states == {"tokenizer": "fresh", "shards": "fresh", "parallel": "run", "pretrain": "run", "report": "run"}


def test_parallel_text_concerns_its_own_stages_alone(mixed: Path) -> None:
    complete(mixed, *MIXED)
    with (mixed / "p.en").open("a") as file:
        file.write("A new river.\n")
    states = {name: item.state for name, item in planned(mixed, *MIXED).items()}
    assert states == {"tokenizer": "fresh", "shards": "fresh", "parallel": "run", "pretrain": "run", "report": "run"}
    without = {name: item.state for name, item in planned(mixed, *MIXED, "corpus.parallel=[]", *NO_PAIRS).items()}
    assert without["tokenizer"] == without["shards"] == "fresh"
    unused = planned(mixed, *MIXED, *NO_PAIRS)["pretrain"]
    assert "parallel" not in unused.stage.parents


NO_PAIRS = ["pretrain.objective.weights={ mlm = 1.0, clm = 1.0 }"]


def weights_of(mixed: Path, output: str, stop_at: tuple[int, ...] = ()) -> str:
    """The hash of the pretrained weights of a run that is stopped at some steps and continued."""
    overrides = [*MIXED, f"output={output}", "pretrain.checkpoint_every=1"]
    overrides += [
        "pretrain.objective.schedule=[{ steps = 3, weights = { clm = 1.0 } }, { steps = 2, weights = { tlm = 1.0 } }]"
    ]

    def train() -> Path:
        this = opened(mixed, *overrides)
        run(this, selected(stages_of(this), ["pretrain"]))
        return this.artifact("pretrain")

    return weights_after_stops(train, stop_at)


def test_a_run_stopped_between_objectives_ends_in_the_same_bits(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    loss = Mixed.loss

    def watched(self: Mixed, model: torch.nn.Module, batch: object) -> object:
        if model.training:
            seen.append(batch.objective)  # type: ignore[attr-defined]
        return loss(self, model, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(Mixed, "loss", watched)
    whole = weights_of(mixed, "whole")
    assert seen[:5] == ["clm"] * 3 + ["tlm"] * 2
    assert len(seen) == 12
    assert {"mlm", "clm", "tlm"} == set(seen[5:])
    assert weights_of(mixed, "stopped", (3, 5, 7)) == whole
    assert seen[12:] == seen[:12]


def test_cut_pairs_are_counted(mixed: Path) -> None:
    (mixed / "p.en").write_text("\n".join(["The river sees a city. " * 9] * 7 + ["The city sees a river."] * 7))
    (mixed / "p.de").write_text("\n".join(["Fluss sieht Stadt. " * 9] * 7 + ["Stadt sieht Fluss."] * 7))
    this = opened(mixed, *MIXED, "pretrain.steps=2", "corpus.valid_parallel=" + MIXED[5].partition("=")[2])
    run(this, selected(stages_of(this), ["pretrain"]))
    manifest = read_manifest(this.artifact("pretrain"))
    assert manifest is not None
    facts = manifest.metrics["parallel"]
    assert (facts["pairs"], facts["cut_pairs"]) == (14, 7)
    assert facts["languages"]["en/de"]["epochs"] > 0


def test_causal_lm_alone(mixed: Path) -> None:
    this = opened(mixed, *MIXED, "pretrain.objective.weights={ clm = 1.0 }", "pretrain.steps=2")
    run(this, stages_of(this))
    manifest = read_manifest(this.artifact("pretrain"))
    assert manifest is not None
    measured = manifest.metrics["valid"]
    assert set(measured) == {"clm_loss", "clm_accuracy", "clm_perplexity", "languages"}
    assert all(set(found) == {"clm_loss", "clm_perplexity"} for found in measured["languages"].values())


def test_short_sequences_come_first_for_all(mixed: Path) -> None:
    this = opened(mixed, *MIXED, "pretrain.seqlen_warmup={ max_seqlen = 13, steps = 4 }", "pretrain.steps=6")
    run(this, selected(stages_of(this), ["pretrain"]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            ["corpus.parallel=[]"],
            "tlm, which pretrain.objective has, needs aligned sentences to learn from: add a [[corpus.parallel]] "
            "table",
        ),
        (
            [
                "corpus.parallel=[]",
                'corpus.valid_parallel=[{ path = "a.tsv", source.field = "a", target.field = "b" }]',
                *NO_PAIRS,
            ],
            "corpus.valid_parallel needs aligned sentences to learn from: add a [[corpus.parallel]] table",
        ),
        (
            ['pretrain.best_metric="nsp_loss"'],
            "best_metric = 'nsp_loss'; one of mlm_loss, mlm_accuracy, clm_loss, clm_accuracy, tlm_loss, tlm_accuracy "
            "is allowed",
        ),
    ],
)
def test_recipes_that_cannot_work(mixed: Path, changes: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        load_recipe(mixed / "tiny.toml", [*MIXED, *changes])
    assert message in str(error.value)


def test_text_that_does_not_fit(mixed: Path) -> None:
    with pytest.raises(UserError, match=r"gone.de: no such file; paths in a recipe are relative"):
        planned(mixed, *[value.replace("p.de", "gone.de") for value in MIXED])
    with pytest.raises(UserError) as error:
        run(opened(mixed, *MIXED[:5], "finetune={}", *_sides("")), stages_of(opened(mixed, *MIXED[:5], *_sides(""))))
    assert str(error.value) == (
        "corpus.parallel: some text does not say its language, but the model's languages are de, en; give the source "
        "and the target one of these each as its language"
    )
    with (mixed / "p.de").open("a") as file:
        file.write("Zu viel.\n")
    with pytest.raises(UserError, match=r"p.en has 47 lines, .*p.de has 48: line by line they must be translations"):
        complete(mixed, *MIXED)


def _sides(language: str) -> list[str]:
    return [
        f'corpus.parallel=[{{ source = {{ path = "p.en"{language} }}, target = {{ path = "p.de"{language} }} }}]',
        MIXED[6],
        MIXED[7],
    ]
