"""`[distill]` from a recipe to a model folder that `transformers` opens, its parts as the recipe says."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from rich.console import Console
from safetensors.torch import load_file

from encodery.artifact import read_manifest
from encodery.batch import Batch, Sequence, pack
from encodery.config import read_json
from encodery.errors import Interrupted, UserError
from encodery.families import FAMILIES
from encodery.families.folder import load_folder
from encodery.objectives.distill import Teacher
from encodery.recipe import load_recipe
from encodery.stages import Run, open_run, report_pretraining, run
from encodery.stages.exposure import exposure_rows
from encodery.stages.graph import selected, stages_of
from encodery.stages.report_pretraining import distill_results
from encodery.text.byte_bpe import ByteBpeSpec
from encodery.text.tokenizer import Tokenizer, train_tokenizer
from encodery.train.continuing import trained_weights
from encodery.train.log import read_log
from encodery.train.trainer import Trainer
from tests.stages.splitting import lose_a_shard
from tests.stages.test_run import complete

DISTILL = (
    'distill={ steps = 6, max_seqlen = 32, tokens_per_step = 256, valid_max_tokens = 500, precision = "fp32", '
    "log_every = 2, checkpoint_every = 2, evaluate_every = 3, optimizer = { lr = 1e-3 }, "
    'model = { family = "distilbert", config = { num_hidden_layers = 1, hidden_size = 32, num_attention_heads = 2, '
    "intermediate_size = 64, max_position_embeddings = 48 } } }"
)
STUDENT = """
name = "student"
seed = 7
[corpus]
inputs = [{ path = "text" }]
valid_fraction = 0.2
"""
TEACHER = "model.config.num_hidden_layers=3"
MOOD = ['finetune.mood.from="distill"', "finetune.mood.seeds=[3]", "finetune.mood.epochs=1"]


def metrics_of(folder: Path) -> Any:
    manifest = read_manifest(folder)
    assert manifest is not None
    return manifest.metrics


SMOOTHED = "25.0%, where rare tokens are hidden more often (sample_alpha)"


def opened_student(project: Path, *overrides: str) -> Run:
    """A recipe of its own, without [tokenizer] and [pretrain]: the finished run's model teaches as a folder."""
    (project / "student.toml").write_text(STUDENT)
    recipe = load_recipe(project / "student.toml", [DISTILL, 'distill.teacher="runs/tiny/pretrain"', *overrides])
    return open_run(recipe, project / "student.toml", Console(quiet=True))


def teach(project: Path, *overrides: str) -> Path:
    """Distil to the end; the student's folder."""
    opened = opened_student(project, *overrides)
    run(opened, stages_of(opened))
    return opened.artifact("distill")


def test_pretrain_distill_finetune_and_transformers_agree(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened = open_run(
        load_recipe(project / "tiny.toml", [TEACHER, DISTILL, *MOOD, "pretrain.steps=4"]),
        project / "tiny.toml",
        Console(width=200),
    )
    run(opened, stages_of(opened))
    folder = project / "runs" / "tiny" / "distill"
    assert "distill: the student begins with embeddings; layers 0; head of pretrain\n" in capsys.readouterr().out
    found = metrics_of(folder)
    assert {"ce_loss", "mlm_loss", "mlm_accuracy", "cos_loss"} == found["valid"].keys()
    assert found["teacher"]["num_hidden_layers"] == 3
    page = (project / "runs" / "tiny" / "report" / "report.html").read_text()
    assert "Soft targets (KL, nats)" in page
    assert read_json(folder / "config.json")["architectures"] == ["DistilBertForMaskedLM"]
    theirs = transformers.AutoModelForMaskedLM.from_pretrained(folder).eval()
    assert type(theirs).__name__ == "DistilBertForMaskedLM"
    batch = pack([Sequence([2, 17, 4, 23, 41, 3]), Sequence([2, 5, 3])])
    with torch.no_grad():
        expected = theirs(input_ids=batch.input_ids[:6][None]).logits[0]
        ours = load_folder(folder).model.eval().logits("mlm", batch)[:6]
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)
    classifier = read_json(project / "runs" / "tiny" / "finetune" / "mood" / "3" / "config.json")
    assert classifier["architectures"] == ["DistilBertForSequenceClassification"]
    assert "accuracy" in metrics_of(project / "runs" / "tiny" / "finetune" / "mood" / "3")["test"]


def test_a_folder_teaches_without_a_tokenizer_table(done: Path) -> None:
    """The shards are then of the folder's tokenizer; the student comes nearer to it than it began."""
    fresh = ("seed=9", "distill.layers=[]", "distill.objective.alpha_mlm=0.0")
    opened = opened_student(done, "distill.steps=20", "distill.evaluate_every=2", *fresh)
    stages = stages_of(opened)
    assert [stage.name for stage in stages] == ["distill_shards", "distill", "report"]
    run(opened, stages)
    folder = done / "runs" / "student" / "distill"
    assert Tokenizer.load(folder).kind.vocabulary == Tokenizer.load(done / "runs/tiny/pretrain").kind.vocabulary
    first, *_, last = [record for record in read_log(folder / "log.jsonl") if record["event"] == "eval"]
    assert last["ce_loss"] < 0.9 * first["ce_loss"]
    for term in ("ce_loss", "mlm_loss", "mlm_accuracy", "cos_loss"):
        assert last[term] == pytest.approx(metrics_of(folder)["valid"][term])
    assert 'base_model: "runs/tiny/pretrain"' in (folder / "README.md").read_text()


def test_the_report_says_how_the_students_accuracy_is_measured(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"parameters": 30, "teacher": {"parameters": 40}, "valid": {"mlm_accuracy": 0.25}}
    monkeypatch.setattr(report_pretraining, "metrics_of", lambda *_: facts)
    for overrides, end in (((), "25.0%"), (("distill.objective.mlm.sample_alpha=0.5",), SMOOTHED)):
        (fact,) = distill_results(opened_student(done, *overrides))
        assert (fact.label, fact.value) == ("student", "75.0%")
        assert fact.note == f"of its teacher's parameters; masked LM accuracy {end}"


PHASES = "distill.phases=[{ start = 0.3, max_seqlen = 48 }, { start = 0.6, tokens_per_step = 301 }]"
BLOCKS = "distill.shuffle={ block_tokens = 64, blocks = 3 }"


@pytest.mark.parametrize(("width", "changes"), [(32, []), (24, []), (32, [PHASES, BLOCKS])])
def test_killed_and_continued_the_same_bits(
    done: Path, width: int, changes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with a projection, which is in the checkpoints and not in the model; and in phases and blocks of text."""
    size = [f"distill.model.config.hidden_size={width}", *changes]
    whole = load_file(teach(done, *size) / "model.safetensors")
    shutil.rmtree(done / "runs" / "student" / "distill")
    step, seen = Trainer._step, list[str]()

    def killed(self: Trainer, *arguments: Any) -> float:
        if self.state.step == 5:
            seen.extend(name for name in trained_weights(self.model) if "projection" in name)
            raise KeyboardInterrupt
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", killed)
        with pytest.raises((KeyboardInterrupt, Interrupted)):
            teach(done, *size)
    assert seen == ([] if width == 32 else ["projection.weight", "projection.bias"])
    (work,) = (done / "runs" / "student" / ".work").glob("distill-*")
    assert sorted(path.name for path in (work / "checkpoints").iterdir()) == ["step-00000002", "step-00000004"]
    again = load_file(teach(done, *size) / "model.safetensors")
    if changes:
        longest = max(
            line["tokens"] for line in read_log(done / "runs/student/distill/log.jsonl") if "tokens" in line
        )
        assert longest > 6 * 256
        assert read_json(done / "runs/student/distill/encodery.json")["max_seqlen"] == 48
    assert again.keys() == whole.keys()
    assert not any("projection" in name for name in whole)
    assert all(torch.equal(tensor, again[name]) for name, tensor in whole.items())


def test_a_shard_that_vanished_stops_or_is_counted(done: Path) -> None:
    opened = opened_student(done)
    run(opened, selected(stages_of(opened), ["distill_shards"]))
    name = lose_a_shard(opened.artifact("distill_shards") / "train")
    with pytest.raises(UserError, match=rf"distill_shards/train/{name}: missing, though shards.json lists it"):
        teach(done)
    folder = teach(done, "distill.on_missing_shard=skip")
    left_out = metrics_of(folder)["skipped_shards"]
    assert {split: entry["count"] for split, entry in left_out.items()} == {"train": 1}
    events = [record for record in read_log(folder / "log.jsonl") if record["event"] == "shards"]
    assert [event["skipped_shards"] for event in events] == [left_out]


def test_languages_are_sampled_and_measured_each(done: Path, encodery: Callable[..., tuple[int, str, str]]) -> None:
    """As in `[pretrain]`: a small language has the share that alpha gives it."""
    (done / "text" / "c.txt").write_text("\n\n".join((done / "text" / "a.txt").read_text().split("\n\n")[:17]))
    sampled = (text_in("en", "en", "sw"), "distill.alpha=0.3")
    metrics = metrics_of(teach(done, *sampled))
    language = metrics["languages"]["sw"]
    share, rest = language["share"] ** 0.3, (1 - language["share"]) ** 0.3
    assert language["sampled_share"] == pytest.approx(share / (share + rest), abs=0.05)
    assert language["sampled_share"] > 1.5 * language["share"]
    valid = metrics["valid"]
    assert {"ce_loss", "mlm_loss", "cos_loss", "perplexity"} <= valid["languages"]["sw"].keys()
    assert min(found["ce_loss"] for found in valid["languages"].values()) <= valid["ce_loss"]
    assert valid["ce_loss"] <= max(found["ce_loss"] for found in valid["languages"].values())
    page = (done / "runs/student/report/report.html").read_text()
    assert "Languages: the text, how it was read" in page
    changes = [
        word for change in (DISTILL, 'distill.teacher="runs/tiny/pretrain"', *sampled) for word in ("--set", change)
    ]
    code, out, _ = encodery("plan", "student.toml", *changes)
    assert code == 0
    assert "How often distillation reads each language" in out
    row = next(" ".join(cells) for cells in exposure_rows(metrics["languages"]) if cells[0] == "sw")
    assert row in [" ".join(line.replace("│", " ").split()) for line in out.splitlines()]


def test_shards_from_elsewhere_are_text_to_distil_from(done: Path) -> None:
    shards = 'corpus={ shards = { path = "runs/tiny/shards", tokenizer = "runs/tiny/tokenizer" } }'
    with pytest.raises(UserError) as refused:
        teach(done, shards)
    assert str(refused.value).endswith(
        "[distill] reads corpus.shards as they are, in the vocabulary that they were written with; give "
        "corpus.shards.tokenizer, and distill.tokenizer = 'tokenizer'"
    )
    own = opened_student(done)
    run(own, stages_of(own))
    expected = load_file(own.artifact("distill") / "model.safetensors")
    shutil.rmtree(own.folder)
    given = opened_student(done, shards, 'distill.tokenizer="tokenizer"')
    assert [stage.name for stage in stages_of(given)] == ["tokenizer", "shards", "distill", "report"]
    run(given, stages_of(given))
    found = load_file(given.artifact("distill") / "model.safetensors")
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())


def test_a_time_ends_a_distillation(done: Path) -> None:
    metrics = metrics_of(teach(done, "distill.steps=100000", 'distill.time="1s"'))
    assert 0 < metrics["steps"] < 100000


def test_a_trimmed_vocabulary(done: Path) -> None:
    """The student's tokens are a part of the teacher's; what both have begins as the teacher's row."""
    words = done / "words.txt"
    words.write_text("The happy river finds a city.")
    trim = f'trim={{ from = "runs/tiny/pretrain", inputs = [{{ path = "{words.name}" }}], keep_characters = false }}'
    folder = teach(done, trim, 'distill.tokenizer="trim"', "distill.optimizer.lr=1e-12", "distill.steps=1")
    student, teacher = load_folder(folder), load_folder(done / "runs" / "tiny" / "pretrain")
    assert student.tokenizer.vocab_size < teacher.tokenizer.vocab_size
    ids = [
        teacher.tokenizer.token_to_id(student.tokenizer.id_to_token(i)) for i in range(student.tokenizer.vocab_size)
    ]
    rows = teacher.model.encoder.embeddings.word.weight[ids]
    torch.testing.assert_close(student.model.encoder.embeddings.word.weight, rows, rtol=1e-5, atol=1e-6)
    stages = stages_of(opened_student(done, trim, 'distill.tokenizer="trim"'))
    assert [stage.name for stage in stages] == ["trim", "distill_shards", "distill", "report"]
    assert stages[2].parents == ("trim", "distill_shards")


def text_in(*languages: str) -> str:
    """Each file of text in a language, or in none that is named."""
    named = [f', language = "{language}"' if language else "" for language in languages]
    inputs = ", ".join(f'{{ path = "text/{file}.txt"{name} }}' for file, name in zip("abc", named, strict=True))
    return f"corpus.inputs=[{inputs}]"


def xlm(key: str, num_languages: int) -> list[str]:
    preset = next(iter(FAMILIES["xlm"].presets))
    config = (
        f"{key}.config={{ num_hidden_layers = 1, hidden_size = 32, num_attention_heads = 2, "
        f"num_languages = {num_languages}, max_position_embeddings = 48 }}"
    )
    return [f"{key}.family=xlm", f'{key}.preset="{preset}"', config]


def test_a_teacher_of_languages_reads_them(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An XLM with vectors of languages teaches an encoder without, and one that shares its numbers of them."""
    (project / "text" / "c.txt").write_text((project / "text" / "a.txt").read_text())
    seen: set[tuple[int, ...]] = set()
    hidden = Teacher.hidden

    def spy(self: Teacher, batch: Batch, rows: Any = None) -> torch.Tensor:
        seen.add(() if batch.language_ids is None else tuple(sorted({*batch.language_ids.tolist()})))
        return hidden(self, batch, rows)

    monkeypatch.setattr(Teacher, "hidden", spy)
    teacher = [*xlm("model", 3), "tokenizer={ vocab_size = 90 }", "pretrain.steps=2"]
    complete(project, text_in("sw", "en", "de"), *teacher, DISTILL, "distill.steps=2", "finetune={}")
    assert (0, 1, 2) in seen
    assert "lang2id" not in read_json(project / "runs" / "tiny" / "distill" / "config.json")
    short = ("distill.steps=1", "distill.valid_max_tokens=100")
    folder = teach(project, text_in("en", "sw", "en"), *xlm("distill.model", 3), *short)
    assert read_json(folder / "config.json")["lang2id"] == {"de": 0, "en": 1, "sw": 2}
    seen.clear()
    teach(project, text_in("", "", ""), *short)
    assert seen == {()}
    with pytest.raises(UserError) as error:
        teach(project, text_in("en", "sw", "de"), *xlm("distill.model", 2))
    assert str(error.value) == (
        "distill.model.config.num_languages = 2, but the teacher has 3 languages, whose numbers the student shares; "
        "raise num_languages"
    )
    with pytest.raises(UserError) as error:
        teach(project, text_in("en", "sw", "fr"))
    assert str(error.value).startswith(
        "corpus: some text is in the language 'fr', but the model's languages are de, en, sw; give each input"
    )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (('distill.teacher="nowhere"',), "nowhere is no folder; name a model folder"),
        (
            ('distill.teacher="distill"',),
            "[distill] starts from distill; pretrain or trim or extend or a model folder is allowed",
        ),
        (
            ('distill.tokenizer="tokenizer"', "tokenizer={ vocab_size = 91, min_frequency = 1 }"),
            "distill.tokenizer: 1 of the student's 91 tokens are none of the teacher's 90 (",
        ),
        (
            ("distill.layers=[0, 1]",),
            "distill.layers = [0, 1]: 2 layers are named, but the student has 1; name others, or leave layers out",
        ),
        (
            ("distill.max_seqlen=49",),
            "distill.max_seqlen = 49 is longer than the model's 48 positions; lower it, or raise "
            "model.config.max_position_embeddings",
        ),
        (
            (
                "distill.max_seqlen=49",
                "distill.model.config.max_position_embeddings=64",
                "distill.tokens_per_step=64",
            ),
            "distill.teacher: texts of max_seqlen = 49 are longer than the positions of ",
        ),
        (
            ("distill.alpha=0.5",),
            "distill.alpha = 0.5 samples languages, but corpus.inputs name none; give each input",
        ),
        (
            ("distill.phases=[{ start = 0.5, max_seqlen = 49 }]",),
            "distill.phases: max_seqlen = 49 is longer than the model's 48 positions; lower it, or raise",
        ),
        (('distill.best_metric="f1"',), "best_metric = 'f1'; one of ce_loss, mlm_loss, mlm_accuracy, cos_loss is"),
        (
            ('distill.teacher="runs/tiny/finetune/mood/3"',),
            "runs/tiny/finetune/mood/3 has no trained head 'mlm', whose word is to be learned; name a model that has",
        ),
    ],
)
def test_what_cannot_be_is_said_in_one_line(done: Path, overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError) as error:
        teach(done, *overrides)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_sizes_that_do_not_fit_are_refused_before_anything_runs(done: Path) -> None:
    positions = "distill.model.config.max_position_embeddings=64"
    with pytest.raises(UserError, match=r"^distill\.teacher: texts of max_seqlen = 49 are longer"):
        stages_of(opened_student(done, "distill.max_seqlen=49", "distill.tokens_per_step=64", positions))
    with pytest.raises(UserError, match=r"^distill\.layers = \[7\]: the teacher has no layer 7; its"):
        stages_of(opened_student(done, "distill.layers=[7]"))


def test_a_foreign_tokenizer_is_refused_before_anything_runs(done: Path) -> None:
    other = done / "other"
    train_tokenizer(ByteBpeSpec(type="byte-bpe", vocab_size=263, min_frequency=1), ["a river"]).save(other)
    with pytest.raises(UserError) as error:
        stages_of(opened_student(done, 'distill.tokenizer="other"'))
    assert str(error.value).startswith("distill.tokenizer: the student's tokenizer is a ByteBpe, the teacher's a")
    assert str(error.value).endswith(
        "both must be of one kind: leave it out to take the teacher's tokenizer, or [trim] the teacher's vocabulary"
    )


def test_a_teacher_of_this_run_needs_a_student(project: Path) -> None:
    with pytest.raises(UserError) as error:
        load_recipe(project / "tiny.toml", ["distill={ steps = 3 }"])
    assert str(error.value).endswith(
        "distill: teacher = 'pretrain' is of this run, and [model] says its sizes; add [distill.model], the student's"
    )
    with pytest.raises(UserError) as error:
        load_recipe(project / "tiny.toml", MOOD)
    assert str(error.value).endswith("[finetune.mood] starts from distill, but there is no [distill] table")
