"""A first recipe: what the files hold is found, what is written can be run."""

import json
import random
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from encodery.demo.labelled import entity_records, question_records, topic_records
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
from encodery.recipe import load_recipe
from encodery.stages.init import write_recipe
from encodery.stages.looking import look_at
from tests.tasks.conftest import make_model, make_tokenizer

MAKERS = {
    "text-classification": topic_records,
    "token-classification": entity_records,
    "question-answering": question_records,
}


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def demo(path: Path, kind: str, count: int = 37) -> Path:
    return write(path, list(islice(MAKERS[kind]("en", "train", random.Random(3)), count)))


@pytest.mark.parametrize("kind", MAKERS)
def test_the_task_is_told_by_the_records(tmp_path: Path, kind: str) -> None:
    train, dev = demo(tmp_path / "train.jsonl", kind), demo(tmp_path / "dev.jsonl", kind, 5)
    to = tmp_path / "recipes" / "first.toml"
    text = write_recipe(to, train, dev, None, None, None)
    assert text == to.read_text()
    recipe = load_recipe(to)
    table = recipe.finetune["main"]
    assert table.task.type == kind
    assert table.source == "scratch"
    assert isinstance(table.train, str)
    assert (to.parent / table.train).resolve() == train
    assert isinstance(table.dev, str)
    assert (to.parent / table.dev).resolve() == dev
    assert recipe.corpus is not None
    assert f"# 37 records of {train} were looked at: {kind}, format jsonl." in text


def test_columns_under_other_names(tmp_path: Path) -> None:
    rows = [f"{n},the {word} is very nice today {n},{word}" for n, word in enumerate(["river", "city"] * 11)]
    (tmp_path / "train.csv").write_text("id,sentence,topic\n" + "\n".join(rows) + "\n")
    text = write_recipe(tmp_path / "run.toml", tmp_path / "train.csv", None, None, None, None)
    assert load_recipe(tmp_path / "run.toml").finetune["main"].fields == {"text": "sentence", "label": "topic"}
    assert "# labels: river 11, city 11" in text
    assert '# dev = "..."  # without one nobody knows how good the model is' in text


def test_quantities_and_rare_labels(tmp_path: Path) -> None:
    numbers = write(tmp_path / "a.jsonl", [{"text": f"text {n}", "label": n / 7} for n in range(1, 23)])
    assert 'problem_type = "regression"' in write_recipe(tmp_path / "a.toml", numbers, None, None, None, None)
    rare = [{"text": f"text {n}", "label": "rare" if n == 0 else "common"} for n in range(23)]
    text = write_recipe(tmp_path / "b.toml", write(tmp_path / "b.jsonl", rare), None, None, None, None)
    assert "# labels: common 22, rare 1\n# some are rare: task.class_weights" in text


def test_lengths_become_windows(tmp_path: Path) -> None:
    long = [{"text": "word " * 100, "label": str(n % 2)} for n in range(23)]
    train = write(tmp_path / "long.jsonl", long)
    look = look_at(train, None)
    assert (look.words, look.records) == (100, 23)
    write_recipe(tmp_path / "long.toml", train, None, None, None, None)
    assert load_recipe(tmp_path / "long.toml").finetune["main"].task.max_seqlen == 160
    model = tmp_path / "model"
    model.mkdir()
    save_folder(model, ModelFolder(FAMILIES["bert"], make_model(3), make_tokenizer(), ("a", "b", "c")))
    write_recipe(tmp_path / "from.toml", train, None, None, "classification", str(model))
    table = load_recipe(tmp_path / "from.toml").finetune["main"]
    assert table.task.max_seqlen == 29  # the model's positions
    assert table.source == str(model)


def test_words_with_tags(tmp_path: Path) -> None:
    (tmp_path / "train.conll").write_text("Ama B-PER\nlives O\n\nin O\nBonn B-LOC\n")
    look = look_at(tmp_path / "train.conll", None)
    assert (look.kind, look.file_format, look.labels) == ("token-classification", "conll", {"PER": 1, "LOC": 1})


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (
            "nre",
            "--task nre: one of classification, ner, qa, text-classification, token-classification, "
            "question-answering, multiple-choice, translation is allowed",
        ),
    ],
)
def test_a_task_that_is_none(tmp_path: Path, task: str, expected: str) -> None:
    with pytest.raises(UserError) as error:
        write_recipe(tmp_path / "a.toml", demo(tmp_path / "a.jsonl", "text-classification"), None, None, task, None)
    assert str(error.value) == expected
    assert not (tmp_path / "a.toml").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("mine")
    with pytest.raises(UserError) as error:
        write_recipe(tmp_path / "a.toml", tmp_path / "none.jsonl", None, None, None, None)
    assert str(error.value) == (f"{tmp_path}/a.toml: is there already; name another recipe with --to, or remove it")
    assert (tmp_path / "a.toml").read_text() == "mine"


def test_a_file_without_labels(tmp_path: Path) -> None:
    train = write(tmp_path / "a.jsonl", [{"text": f"text {n}"} for n in range(23)])
    with pytest.raises(UserError) as error:
        write_recipe(tmp_path / "a.toml", train, None, None, None, None)
    assert str(error.value) == (
        f"{train}: no column looks like a label (columns: text); write the recipe by hand and name it in fields, for "
        "examples see recipes/"
    )


Command = Callable[..., tuple[int, str, str]]
SMALL = ["--set", "model.preset=tiny", "--set", "finetune.main.epochs=1", "--set", "finetune.main.precision=fp32"]


@pytest.mark.parametrize("kind", MAKERS)
def test_what_is_written_runs(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, encodery: Command) -> None:
    train, dev = demo(tmp_path / "train.jsonl", kind), demo(tmp_path / "dev.jsonl", kind, 5)
    to = tmp_path / "first.toml"
    write_recipe(to, train, dev, None, None, None)
    monkeypatch.chdir(tmp_path)
    code, _, err = encodery("run", str(to), *SMALL)
    assert code == 0, err
    assert list(tmp_path.glob("runs/**/model.safetensors"))


def test_a_table_with_another_suffix_and_few_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encodery: Command
) -> None:
    rows = [f"{word} {n}\t{word}" for n, word in enumerate(["river", "城市很大"] * 11)]
    (tmp_path / "train.txt").write_text("sentence\ttopic\n" + "\n".join(rows) + "\n")
    to = tmp_path / "first.toml"
    text = write_recipe(to, tmp_path / "train.txt", None, None, None, None)
    assert 'text_field = "sentence", format = "tsv" }]' in text
    monkeypatch.chdir(tmp_path)
    code, _, err = encodery("run", str(to), "tokenizer")
    assert code == 0, err


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("train.conll", "Ama B-PER\nlives O\n\nin O\nBonn B-LOC\n", "conll"),
        ("train.jsonl", '{"tokens": ["Ama", "lives"], "tags": ["B-PER", "O"]}\n', "jsonl without one"),
    ],
)
def test_text_that_a_corpus_cannot_read(tmp_path: Path, name: str, content: str, what: str) -> None:
    train, to = tmp_path / name, tmp_path / "first.toml"
    train.write_text(content)
    with pytest.raises(UserError) as error:
        write_recipe(to, train, None, None, None, None)
    assert str(error.value) == (
        f"{train}: a model from nothing takes its vocabulary from a column of text in jsonl, csv, tsv, parquet, and "
        f"this is {what}; name a pretrained model with --model"
    )
    assert not to.exists()
