"""What a fine-tuning measures beside its scores, and what it refuses before it begins."""

from pathlib import Path
from typing import Any

import pytest

from encodery.data.examples import Example
from encodery.errors import UserError
from encodery.families.folder import load_folder
from encodery.serve.predictor import load
from encodery.stages.finetuning import Job, evaluate_splits, lessons_of
from encodery.tasks.task import Trainable
from tests.serve.conftest import LABELS
from tests.serve.test_predictor import with_info
from tests.stages.test_run import opened
from tests.tasks.conftest import make_tokenizer
from tests.tasks.questions import asked, make_task


def texts(*lengths: int) -> list[Any]:
    return [Example("river " * length, None, LABELS[0], "x:1") for length in lengths]


def test_dev_and_test_texts_that_are_cut_are_counted(model_folder: Path, project: Path) -> None:
    folder = with_info(model_folder, project, max_seqlen=7, on_overflow="truncate")
    task = load(folder).task
    assert isinstance(task, Trainable)
    examples = {"train": texts(11), "dev": texts(5, 6, 11), "test": texts(5, 3)}
    job = Job(opened(project), "mood", 1, load_folder(folder), None, task, examples, [])
    metrics: dict[str, Any] = {"dev": {"accuracy": 0.5}}
    evaluate_splits(job, {"dev": job.predict("dev")}, metrics)
    assert metrics["dev"]["truncated"] == 2
    assert "truncated" not in metrics["test"]
    assert metrics["test"]["intervals"]


def test_examples_that_have_no_lesson_are_refused_where_a_loss_is_needed() -> None:
    task = make_task(make_tokenizer())
    assert len(lessons_of(task, [asked("a river", "river"), asked("a city")])) == 2
    with pytest.raises(UserError, match=r"^train\.jsonl:7: no token stands for the answer"):
        lessons_of(task, [asked("a river", "river"), asked("a \u200b city", "\u200b")])
