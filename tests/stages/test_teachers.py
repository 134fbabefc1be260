"""`teacher` in a fine-tuning: from a recipe to a student that learned from it, and what is said where it cannot."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from encodery.artifact import read_manifest
from encodery.errors import UserError
from encodery.recipe import FinetuneTable, load_recipe
from encodery.stages import Run, open_run, run
from encodery.stages.graph import stages_of
from encodery.stages.teachers import read_unlabelled
from encodery.tasks.question_answering import QuestionAnswering
from encodery.tasks.token_classification import TokenClassification
from encodery.train.log import read_log
from tests.conftest import MOOD

TEACHER = "runs/tiny/finetune/mood/3"
RECIPE = f"""
name = "student"
[finetune.taught]
from = "runs/tiny/pretrain"
epochs = 1
log_every = 1
{MOOD}"""


def opened(project: Path, *overrides: str) -> Run:
    (project / "student.toml").write_text(RECIPE)
    recipe = load_recipe(project / "student.toml", overrides)
    return open_run(recipe, project / "student.toml", Console(quiet=True))


def finish(project: Path, *overrides: str) -> Run:
    this = opened(project, *overrides)
    run(this, stages_of(this))
    return this


def teach(project: Path, *overrides: str) -> Any:
    """The metrics of the taught student."""
    this = finish(project, f'finetune.taught.teacher="{TEACHER}"', *overrides)
    manifest = read_manifest(this.artifact("finetune.taught.1"))
    assert manifest is not None
    return manifest.metrics


def test_a_teacher_and_texts_without_labels(done: Path) -> None:
    plain = finish(done, "name=plain")
    alone = read_manifest(plain.artifact("finetune.taught.1"))
    assert alone is not None
    lines = [json.dumps({"text": "The happy river finds a city.", "label": "passed over"})] * 31
    (done / "more.jsonl").write_text("\n".join(lines))
    metrics = teach(done, 'finetune.taught.unlabelled="more.jsonl"', "finetune.taught.distill={ temperature = 4 }")
    assert metrics["steps"] > alone.metrics["steps"]
    steps = [
        record for record in read_log(done / "runs/student/finetune/taught/1/log.jsonl") if record["event"] == "step"
    ]
    assert all("soft_loss" in record for record in steps)
    hard = [record for record in steps if "accuracy" in record]
    assert len(hard) == alone.metrics["steps"]
    assert metrics["dev"]["accuracy"] >= 0.0


def test_a_teacher_of_this_run_is_trained_first(done: Path) -> None:
    table = (
        'finetune.last={ from = "runs/tiny/pretrain", train = "train.jsonl", task = { max_seqlen = 32 }, epochs = 1, '
        'teacher = "finetune.taught", precision = "fp32" }'
    )
    this = opened(done, table)
    stages = {stage.name: stage for stage in stages_of(this)}
    assert list(stages) == ["finetune.taught.1", "finetune.last.1", "report"]
    assert stages["finetune.last.1"].parents == ("finetune.taught.1",)
    run(this, list(stages.values()))
    assert this.artifact("finetune.last.1").is_dir()
    seeded = opened(done, "finetune.taught.seeds=[1, 4]", table.replace("finetune.taught", "finetune.taught.4"))
    assert {stage.name: stage for stage in stages_of(seeded)}["finetune.last.1"].parents == ("finetune.taught.4",)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ('finetune.taught.teacher="finetune.last"',),
            "finetune.taught.teacher = 'finetune.last': a fine-tuning above it (none) or a model folder is allowed",
        ),
        (
            ('finetune.taught.teacher="finetune.taught"',),
            "finetune.taught.teacher = 'finetune.taught': a fine-tuning above it (none) or a model folder is allowed",
        ),
        (
            ("finetune.taught.distill={}",),
            'distill weighs a teacher, and there is none; give teacher = "finetune.NAME"',
        ),
        (
            ('finetune.taught.unlabelled="more.jsonl"',),
            "unlabelled records are labelled by a teacher, and there is none; give teacher",
        ),
        (
            ('finetune.taught.teacher="nowhere"',),
            "nowhere is no folder; name a model folder",
        ),
        (
            ('finetune.taught.teacher="runs/tiny/pretrain"',),
            "runs/tiny/pretrain has no trained head 'sequence', whose word is to be learned; name a model that has",
        ),
        (
            (f'finetune.taught.teacher="{TEACHER}"', 'finetune.taught.task.labels=["bad", "good", "so-so"]'),
            f"finetune.taught.teacher = '{TEACHER}': the teacher's labels are not those of the training data: the "
            "data alone have 'so-so'; a teacher of the same labels is allowed, or list them in task.labels",
        ),
        (
            (f'finetune.taught.teacher="{TEACHER}"', "finetune.taught.distill={ alpha_ce = 0 }"),
            "finetune.taught.distill.alpha_ce = 0: input should be greater than 0",
        ),
    ],
)
def test_what_cannot_teach(done: Path, overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError) as error:
        finish(done, *overrides)
    assert message in str(error.value)


def test_a_number_has_no_soft_targets(done: Path) -> None:
    rows = [json.dumps({"text": f"The river {number}", "label": number / 7}) for number in range(13)]
    (done / "numbers.jsonl").write_text("\n".join(rows))
    with pytest.raises(UserError) as error:
        teach(done, 'finetune.taught.train="numbers.jsonl"', 'finetune.taught.dev="numbers.jsonl"')
    assert str(error.value) == (
        "finetune.taught.teacher: text-classification decides nothing by a softmax, so there are no soft targets; "
        "leave it out"
    )


def test_a_teacher_with_another_vocabulary(done: Path) -> None:
    """One that holds the student's tokens reads its texts; one that lacks some is refused."""
    trim = [
        'trim={ from = "runs/tiny/pretrain", inputs = [{ path = "train.jsonl" }], keep_characters = false }',
        'finetune.taught.from="trim"',
    ]
    assert teach(done, *trim)["steps"] > 0
    assert teach(done, *trim, f'finetune.taught.teacher="{TEACHER}"', "name=again")["steps"] > 0
    extend = ['extend={ from = "runs/tiny/pretrain", tokens = ["zebra"] }', 'finetune.taught.from="extend"']
    with pytest.raises(UserError) as error:
        teach(done, *extend)
    assert str(error.value) == (
        f"finetune.taught.teacher = '{TEACHER}': 1 of the student's 91 tokens are none of the teacher's 90 "
        "('zebra'); every token must be one of the teacher's: start from a model with the teacher's tokenizer, "
        "'extend' has another"
    )


@pytest.mark.parametrize(
    ("task", "record"),
    [
        (TokenClassification, {"body": "A river in Kenya", "entities": "passed over"}),
        (QuestionAnswering, {"body": "What?", "context": "A river in Kenya", "answers": None}),
    ],
)
def test_records_without_labels_by_their_columns(done: Path, task: Any, record: dict[str, Any]) -> None:
    (done / "more.jsonl").write_text("\n".join([json.dumps(record)] * 3))
    column = "question" if task is QuestionAnswering else "text"
    values = {"train": "train.jsonl", "teacher": "x", "unlabelled": "more.jsonl", "fields": {column: "body"}}
    table = FinetuneTable.parse({**values, "task": {"type": task.name}}, "recipe")
    examples = read_unlabelled(opened(done), table)
    assert [getattr(example, column) for example in examples] == [record["body"]] * 3
    assert examples[1].source == f"{done}/more.jsonl:2"
    (done / "more.jsonl").write_text('{"other": 1}')
    with pytest.raises(UserError, match=r"more\.jsonl:1"):
        read_unlabelled(opened(done), table)
