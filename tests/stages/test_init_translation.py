"""A first recipe for pairs: columns and languages are found or asked for, what is written loads, plans and runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
from encodery.recipe import FinetuneTable, Recipe, load_recipe
from encodery.stages import open_run
from encodery.stages.engine import plan
from encodery.stages.graph import stages_of
from encodery.stages.init import write_recipe
from encodery.stages.looking import look_at
from encodery.stages.looking_pairs import UNNAMED
from encodery.tasks.translation import TranslationConfig
from tests.stages.test_translations import pairs
from tests.tasks.conftest import make_model, make_tokenizer

pytest.importorskip("sacrebleu")
Command = Callable[..., tuple[int, str, str]]
PAIRS = pairs(41, 3)
EN_DE = {"source_language": "en", "target_language": "de"}
DE_EN = {"source_language": "de", "target_language": "en"}


def write_aligned(folder: Path) -> Path:
    for side, language in enumerate(("en", "de")):
        (folder / f"train.{language}").write_text("".join(f"{pair[side]}\n" for pair in PAIRS))
    return folder / "train.{en,de}"


def table_of(header: str, suffix: str = "tsv") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / f"train.{suffix}"
        path.write_text("\n".join([header, *("\t".join(pair) for pair in PAIRS)]) + "\n")
        return path

    return write


def write_json(path: Path, records: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def write_records(folder: Path) -> Path:
    there: list[dict[str, object]] = [{"text": en, "translation": de, **EN_DE} for en, de in PAIRS]
    back: list[dict[str, object]] = [{"text": de, "translation": en, **DE_EN} for en, de in PAIRS[:7]]
    return write_json(folder / "train.jsonl", [*there, *back])


def write_tables(folder: Path) -> Path:
    """The form of Hugging Face's data sets."""
    rows = [{"id": n, "translation": {"en": en, "de": de}} for n, (en, de) in enumerate(PAIRS)]
    return write_json(folder / "train.json", rows)


def written(train: Path, task: str | None = None, dev: bool = False, model: str | None = None) -> tuple[str, Recipe]:
    to = train.parent / "recipes/first.toml"
    text = write_recipe(to, train, train if dev else None, None, task, model)
    return text, load_recipe(to)


def task_of(recipe: Recipe) -> tuple[FinetuneTable, TranslationConfig]:
    table = recipe.finetune["main"]
    assert isinstance(table.task, TranslationConfig)
    return table, table.task


FORMS: dict[str, tuple[Callable[[Path], Path], str | None, dict[str, str], Any]] = {
    "aligned": (write_aligned, None, {}, (None, None)),
    "codes": (table_of("en\tde"), None, {"text": "en", "translation": "de"}, ("en", "de")),
    "regions": (table_of("pt_BR\tzho"), None, {"text": "pt_BR", "translation": "zho"}, ("pt_BR", "zho")),
    "records": (write_records, None, {}, (None, None)),
    "tables": (write_tables, None, {}, (None, None)),
    "words": (table_of("English\tGerman"), "translation", {"text": "English", "translation": "German"}, UNNAMED),
    "silent": (table_of("text\ttranslation"), None, {}, UNNAMED),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_written_loads_and_plans(tmp_path: Path, form: str) -> None:
    write, task, fields, languages = FORMS[form]
    text, recipe = written(write(tmp_path), task, dev=True)
    table, config = task_of(recipe)
    assert (table.fields, (config.source_language, config.target_language)) == (fields, languages)
    assert (table.source, table.best_metric, table.keep) == ("scratch", "bleu", "best")
    assert ("the file does not say which languages these are: name them here" in text) == (languages == UNNAMED)
    run = open_run(recipe, tmp_path / "recipes/first.toml", Console(quiet=True))
    names = [step.stage.name for step in plan(run, stages_of(run))]
    assert names == ["tokenizer", "shards", "finetune.main.1", "report"]


SMALL = {
    "model.config.hidden_size": 32,
    "model.config.num_hidden_layers": 1,
    "model.config.num_attention_heads": 2,
    "finetune.main.epochs": 1,
    "finetune.main.precision": "fp32",
    "finetune.main.task.generation.num_beams": 1,
}


@pytest.mark.parametrize("form", ["aligned", "records", "tables", "words"])
def test_what_is_written_runs(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch, encodery: Command) -> None:
    write, task, *_ = FORMS[form]
    written(write(tmp_path), task, dev=True)
    monkeypatch.chdir(tmp_path)
    options = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
    code, _, err = encodery("run", "recipes/first.toml", "finetune.main.1", *options)
    assert code == 0, err
    info = json.loads((tmp_path / "runs/first/finetune/main/1/encodery.json").read_text())
    expected = {"records": [["en", "de"], ["de", "en"]], "words": [["source", "target"]]}
    assert info["directions"] == expected.get(form, [["en", "de"]])
    code, out, _ = encodery("validate", "recipes/first.toml")
    assert code == 0
    assert "error" not in out.replace("0 errors", "")


def test_what_was_seen_is_said(tmp_path: Path) -> None:
    text, recipe = written(write_records(tmp_path))
    assert f"# 48 records of {tmp_path}/train.jsonl were looked at: translation, format jsonl.\n" in text
    assert "# directions: en-de 41, de-en 7; others are not learned\n" in text
    assert "max_seqlen = 32  # 99 % of the pairs have at most 3 words; longer ones are left out\n" in text
    assert '# dev = "..."  # without one nobody knows how good the model is\n' in text
    assert recipe.model.config["num_languages"] == 2
    assert recipe.corpus is not None
    told = [(entry.text_field, entry.language_field, entry.language) for entry in recipe.corpus.inputs]
    assert told == [("text", "source_language", None), ("translation", "target_language", None)]


def test_text_without_spaces_is_counted_in_characters(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("en\tzh\nA dog runs in the big city.\t狗在大城市里跑来跑去\n")
    assert look_at(tmp_path / "train.tsv", None).words == 1 + len("狗在大城市里跑来跑去")


def test_from_a_model(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    save_folder(folder, ModelFolder(FAMILIES["bert"], make_model(3), make_tokenizer(), ("a", "b", "c")))
    text, recipe = written(write_aligned(tmp_path), model=str(folder))
    table, task = task_of(recipe)
    assert (table.source, task.max_seqlen, recipe.corpus) == (str(folder), 29, None)
    assert "lr = 1e-4" in text


def test_columns_of_languages_are_no_pairs_where_there_are_labels(tmp_path: Path) -> None:
    rows = [f"{'yes' if n % 2 else 'no'} it is {n}\tja {n}\t{n % 2}" for n in range(22)]
    (tmp_path / "train.tsv").write_text("\n".join(["en\tde\tlabel", *rows]) + "\n")
    assert look_at(tmp_path / "train.tsv", None).kind == "text-classification"
    assert look_at(tmp_path / "train.tsv", "translation").fields == {"text": "en", "translation": "de"}


@pytest.mark.parametrize(
    ("header", "end"),
    [
        ("A dog runs.\tEin Hund läuft.", "; the first row looks like data: add a header line with the names"),
        ("text\tlabel", "; write the recipe by hand and name them in fields"),
    ],
)
def test_a_table_that_does_not_say_what_is_what(tmp_path: Path, header: str, end: str) -> None:
    path = tmp_path / "train.tsv"
    path.write_text(f"{header}\n" + "".join(f"the dog {n}\t{n}\n" for n in range(7)))
    with pytest.raises(UserError) as error:
        written(path, "translation")
    assert str(error.value).startswith(f"{path}: no two columns look like a text and its translation (columns: ")
    assert end in str(error.value)


def test_pairs_that_a_corpus_cannot_read(tmp_path: Path) -> None:
    units = '<tu><tuv xml:lang="en"><seg>a dog</seg></tuv><tuv xml:lang="de"><seg>ein Hund</seg></tuv></tu>'
    (tmp_path / "memory.tmx").write_text(f'<tmx version="1.4"><body>{units}</body></tmx>')
    with pytest.raises(UserError) as error:
        written(tmp_path / "memory.tmx{en,de}")
    assert str(error.value) == (
        f"{tmp_path}/memory.tmx{{en,de}}: a model from nothing takes its vocabulary from columns of text in jsonl, "
        "csv, tsv, parquet or from two files of lines, and this is tmx; name a pretrained model with --model"
    )
