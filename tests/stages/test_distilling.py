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
from encodery.batch import Sequence, pack
from encodery.config import read_json
from encodery.errors import Interrupted, UserError
from encodery.families.folder import load_folder
from encodery.recipe import load_recipe
from encodery.stages import open_run, run
from encodery.stages.graph import stages_of
from encodery.text.tokenizer import Tokenizer
from encodery.train.trainer import Trainer
from tests.stages.test_run import complete

DISTILL = (
    'distill={ steps = 6, max_seqlen = 32, tokens_per_step = 256, valid_max_tokens = 500, precision = "fp32", '
    "log_every = 2, checkpoint_every = 2, evaluate_every = 3, optimizer = { lr = 1e-3 }, "
    'model = { family = "distilbert", config = { num_hidden_layers = 1, hidden_size = 32, num_attention_heads = 2, '
    "intermediate_size = 64, max_position_embeddings = 48 } } }"
)
TEACHER = "model.config.num_hidden_layers=3"
MOOD = ['finetune.mood.from="distill"', "finetune.mood.seeds=[3]", "finetune.mood.epochs=1"]


def metrics_of(folder: Path) -> Any:
    manifest = read_manifest(folder)
    assert manifest is not None
    return manifest.metrics


@pytest.fixture
def taught(done: Path) -> Path:
    """A project whose teacher is pretrained, and nothing else: its run is named `student`."""
    target = done / "runs" / "student"
    target.mkdir()
    for name in ("tokenizer", "shards", "pretrain"):
        shutil.copytree(done / "runs" / "tiny" / name, target / name)
    return done


def teach(project: Path, *overrides: str) -> Path:
    """Distil from the pretrained model of the finished run, as from a folder: the student's."""
    complete(project, DISTILL, 'distill.teacher="runs/tiny/pretrain"', "name=student", *NO_OTHERS, *overrides)
    return project / "runs" / "student" / "distill"


NO_OTHERS = ("finetune={}",)


def test_pretrain_distill_finetune_and_transformers_agree(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    complete(project, TEACHER, DISTILL, *MOOD, "pretrain.steps=4")
    folder = project / "runs" / "tiny" / "distill"
    assert "begins with embeddings; layers 0; head of pretrain" in capsys.readouterr().out.replace("\n", " ")
    found = metrics_of(folder)
    assert {"ce_loss", "mlm_loss", "mlm_accuracy", "cos_loss"} == found["valid"].keys()
    assert found["teacher"]["num_hidden_layers"] == 3
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
    """The shards are then of the folder's tokenizer; the student learns from it better than it began."""
    recipe = (done / "tiny.toml").read_text()
    head, _, rest = recipe.partition("[tokenizer]")
    corpus_only = head + rest[rest.index("[finetune.mood]") :]
    (done / "folder.toml").write_text(corpus_only)
    overrides = [DISTILL, 'distill.teacher="runs/tiny/pretrain"', "name=folder", "finetune={}", "distill.steps=40"]
    opened = open_run(load_recipe(done / "folder.toml", overrides), done / "folder.toml", Console(quiet=True))
    stages = stages_of(opened)
    assert [stage.name for stage in stages] == ["distill_shards", "distill", "report"]
    run(opened, stages)
    folder = done / "runs" / "folder" / "distill"
    assert Tokenizer.load(folder).kind.vocabulary == Tokenizer.load(done / "runs/tiny/pretrain").kind.vocabulary
    log = (folder / "log.jsonl").read_text().splitlines()
    assert metrics_of(folder)["valid"]["ce_loss"] < 5
    assert len(log) > 10
    assert "base_model: runs/tiny/pretrain" in (folder / "README.md").read_text()


@pytest.mark.parametrize("width", [32, 24])
def test_killed_and_continued_the_same_bits(done: Path, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with a projection, which is in the checkpoints and not in the model."""
    size = f"distill.model.config.hidden_size={width}"
    whole = load_file(teach(done, size) / "model.safetensors")
    shutil.rmtree(done / "runs" / "student" / "distill")
    step, seen = Trainer._step, []

    def killed(self: Trainer, *arguments: Any) -> float:
        if self.state.step == 5:
            seen.extend(name for name in self._weights() if "projection" in name)
            raise KeyboardInterrupt
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", killed)
        with pytest.raises((KeyboardInterrupt, Interrupted)):
            teach(done, size)
    assert seen == ([] if width == 32 else ["projection.weight", "projection.bias"])
    (work,) = (done / "runs" / "student" / ".work").glob("distill-*")
    assert sorted(path.name for path in (work / "checkpoints").iterdir()) == ["step-00000002", "step-00000004"]
    again = load_file(teach(done, size) / "model.safetensors")
    assert again.keys() == whole.keys()
    assert not any("projection" in name for name in whole)
    assert all(torch.equal(tensor, again[name]) for name, tensor in whole.items())


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
    assert [stage.name for stage in stages_with(done, trim, 'distill.tokenizer="trim"')][-4:] == [
        "trim",
        "distill_shards",
        "distill",
        "report",
    ]


def stages_with(project: Path, *overrides: str) -> list[Any]:
    values = [DISTILL, 'distill.teacher="runs/tiny/pretrain"', "name=student", "finetune={}", *overrides]
    recipe = load_recipe(project / "tiny.toml", values)
    return stages_of(open_run(recipe, project / "tiny.toml", Console(quiet=True)))


def test_a_teacher_of_languages_reads_them(project: Path) -> None:
    """An XLM with vectors of languages teaches an encoder that has none."""
    inputs = 'corpus.inputs=[{ path = "text/a.txt", language = "sw" }, { path = "text/b.txt", language = "en" }]'
    config = (
        "model.config={ num_hidden_layers = 2, hidden_size = 32, num_attention_heads = 2, num_languages = 3, "
        "max_position_embeddings = 48 }"
    )
    xlm = ["model.family=xlm", 'model.preset="mlm-en-2048"', config, "tokenizer={ vocab_size = 90 }"]
    complete(project, inputs, *xlm, "pretrain.steps=2", DISTILL, "finetune={}")
    student = read_json(project / "runs" / "tiny" / "distill" / "config.json")
    assert "lang2id" not in student
    unnamed = inputs.replace("sw", "de")
    with pytest.raises(UserError) as error:
        teach_from(project, "runs/tiny/pretrain", unnamed, *xlm)
    assert str(error.value).startswith(
        "corpus: some text is in the language 'de', but the model's languages are en, sw; give each input"
    )


def teach_from(project: Path, teacher: str, *overrides: str) -> None:
    complete(
        project, DISTILL, f'distill.teacher="{teacher}"', "name=other", "finetune={}", "pretrain.steps=2", *overrides
    )


Spoil = Callable[[Path], None]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (('distill.model="none"',), "distill.model = 'none'"),
        (('distill.teacher="nowhere"',), "distill.teacher = 'nowhere': nowhere is no folder; name a model folder"),
        (
            ('distill.teacher="distill"',),
            "[distill] starts from distill; pretrain or trim or extend or a model folder is allowed",
        ),
        (
            ('distill.tokenizer="tokenizer"', "tokenizer.vocab_size=91"),
            "distill.tokenizer = 'tokenizer': 1 of the student's 91 tokens are none of the teacher's 90 (",
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
            "distill.teacher = 'runs/tiny/pretrain': texts of max_seqlen = 49 are longer than its positions; at most "
            "48 is allowed",
        ),
        (('distill.best_metric="f1"',), "best_metric = 'f1'; one of ce_loss, mlm_loss, mlm_accuracy, cos_loss is"),
        (
            ('distill.teacher="runs/tiny/finetune/mood/3"',),
            "distill.teacher = 'runs/tiny/finetune/mood/3': runs/tiny/finetune/mood/3 has no trained head 'mlm'",
        ),
    ],
)
def test_what_cannot_be_is_said_in_one_line(done: Path, overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError) as error:
        teach(done, *overrides)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_teacher_of_this_run_needs_a_student(project: Path) -> None:
    with pytest.raises(UserError) as error:
        load_recipe(project / "tiny.toml", ["distill={ steps = 3 }"])
    assert str(error.value).endswith(
        "[distill] has a teacher of this run, whose sizes are those of [model]; add [distill.model]"
    )
    with pytest.raises(UserError) as error:
        load_recipe(project / "tiny.toml", MOOD)
    assert str(error.value).endswith("[finetune.mood] starts from distill, but there is no [distill] table")
