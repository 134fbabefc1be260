"""Labels that are lists or numbers, and texts that say their language, from the file to the model folder."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from rich.console import Console

import encodery
from encodery.config import read_json
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
from encodery.recipe import load_recipe
from encodery.stages import open_run, run
from encodery.stages.graph import stages_of
from tests.families.conftest import tiny
from tests.tasks.conftest import WORDS, make_tokenizer

RECIPE = """
name = "labels"
[model]
preset = "tiny"
[model.config]
num_hidden_layers = 1
hidden_size = 32
num_attention_heads = 2
[corpus]
inputs = [{ path = "text" }]
[tokenizer]
vocab_size = 90
min_frequency = 1
[finetune.mood]
from = "scratch"
train = "train.jsonl"
dev = "train.jsonl"
test = "train.jsonl"
task = { max_seqlen = 32 }
tokens_per_step = 128
epochs = 23
precision = "fp32"
optimizer = { lr = 5e-3 }
"""
NAMES = ("city", "farmer", "river")
Row = dict[str, Any]
Command = Callable[..., tuple[int, str, str]]


def rows(label: Callable[[Sequence[str]], Any]) -> list[Row]:
    texts = ["the river", "a city and the river", "the baker", "the farmer sees the city", "a river", "dull farmer"]
    return [{"text": text, "label": label([name for name in NAMES if name in text])} for text in texts * 5]


def write_rows(path: Path, records: Sequence[Row]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def complete(project: Path, *overrides: str) -> Path:
    """Run the recipe to its end; the model folder."""
    (project / "labels.toml").write_text(RECIPE)
    opened = open_run(load_recipe(project / "labels.toml", overrides), project / "labels.toml", Console(quiet=True))
    run(opened, stages_of(opened))
    return project / "runs" / "labels" / "finetune" / "mood" / "1"


def complaint(project: Path, *overrides: str) -> str:
    with pytest.raises(UserError) as error:
        complete(project, *overrides)
    return str(error.value).replace(f"{project}/", "")


def pipeline(folder: Path) -> Any:
    return transformers.pipeline("text-classification", model=str(folder), top_k=None, device="cpu")


def assert_as_the_pipeline_says(folder: Path, texts: Sequence[str]) -> None:
    """Which function makes scores of logits is read off `problem_type`, here and there."""
    expected = [{entry["label"]: entry["score"] for entry in scores} for scores in pipeline(folder)(list(texts))]
    found = [prediction["scores"] for prediction in encodery.load(folder).predict(texts)]
    assert found == [pytest.approx(scores, abs=1e-5) for scores in expected]


def test_lists_are_learned_as_several_labels(project: Path, encodery: Command) -> None:
    write_rows(project / "train.jsonl", rows(list))
    folder = complete(project, "finetune.mood.epochs=53")
    assert read_json(folder / "config.json")["problem_type"] == "multi_label_classification"
    assert read_json(folder / "config.json")["id2label"] == dict(zip("012", NAMES, strict=True))
    test = read_json(folder / "encodery.json")["metrics"]["test"]
    assert test["micro_f1"] > 0.9  # six texts, seen often: they can be learned by heart
    assert set(read_json(folder / "encodery.json")["metrics"]["dev"]) == {
        "micro_f1",
        "macro_f1",
        "exact_match",
        "intervals",
    }
    texts = [row["text"] for row in rows(list)[:6]]
    assert_as_the_pipeline_says(folder, texts)
    said = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    assert [record["true"] for record in said] == [row["label"] for row in rows(list)]
    code, out, _ = encodery("evaluate", str(folder), "--data", str(project / "train.jsonl"))
    assert code == 0
    assert json.loads(out)["exact_match"] == pytest.approx(test["exact_match"])
    page = (project / "runs/labels/report/report.html").read_text()
    assert "test micro F1" in page


def test_a_table_with_a_separator_says_the_same(project: Path) -> None:
    lines = [f"{row['text']}\t{row['label']}\n" for row in rows("|".join)]
    (project / "train.tsv").write_text("text\tlabel\n" + "".join(lines))
    files = [f"finetune.mood.{split}=train.tsv" for split in ("train", "dev", "test")]
    assert "label is missing" in complaint(project, *files)  # an empty cell without a separator
    folder = complete(project, *files, 'finetune.mood.fields={ label_separator = "|" }', "finetune.mood.epochs=1")
    assert read_json(folder / "config.json")["problem_type"] == "multi_label_classification"


def test_numbers_are_learned_as_a_quantity(project: Path) -> None:
    write_rows(project / "train.jsonl", rows(lambda names: len(names) / 2))
    folder = complete(project)
    config = read_json(folder / "config.json")
    assert (config["problem_type"], config["id2label"]) == ("regression", {"0": "LABEL_0"})
    metrics = read_json(folder / "encodery.json")["metrics"]
    assert metrics["test"]["pearson"] > 0.9
    assert set(metrics["test"]) == set(metrics["dev"]) == {"pearson", "spearman", "mse", "intervals"}
    assert_as_the_pipeline_says(folder, ["the river", "a city and the river", "the baker"])
    page = (project / "runs/labels/report/report.html").read_text()
    assert "test Pearson correlation" in page


def test_whole_numbers_ask_what_they_are(project: Path) -> None:
    write_rows(project / "train.jsonl", rows(len))
    assert complaint(project) == (
        "train.jsonl: every label is a whole number, the name of a class or a quantity; "
        "set task.problem_type to 'single_label_classification' or 'regression'"
    )
    once = "finetune.mood.epochs=1"
    folder = complete(project, "finetune.mood.task.problem_type=single_label_classification", once)
    assert read_json(folder / "config.json")["id2label"] == {"0": "0", "1": "1", "2": "2"}
    said = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    assert {record["true"] for record in said} == {"0", "1", "2"}
    kind = 'finetune.mood.task={ problem_type = "regression", labels = ["names"] }'
    assert read_json(complete(project, kind, once) / "config.json")["id2label"] == {"0": "names"}


def test_labels_of_two_kinds_are_told_by_their_line(project: Path) -> None:
    records = rows(list)
    records[7]["label"] = "river"
    write_rows(project / "train.jsonl", records)
    assert complaint(project) == (
        "train.jsonl:8: label = 'river'; multi_label_classification needs a list "
        "(where the file can hold none, set fields.label_separator)"
    )
    assert complaint(project, "finetune.mood.task.problem_type=regression") == (
        "train.jsonl:1: label = ['river']; regression needs a finite number"
    )


def test_more_names_than_a_number_has(project: Path) -> None:
    write_rows(project / "train.jsonl", rows(lambda names: len(names) / 2))
    assert complaint(project, 'finetune.mood.task={ labels = ["a", "b"] }') == (
        "finetune.mood.task.labels: 2 distinct labels (a, b); regression needs exactly one"
    )


@pytest.fixture
def xlm(project: Path) -> Path:
    """A folder of XLM with vectors of five languages, three of them named."""
    family = FAMILIES["xlm"]
    tokenizer = make_tokenizer()
    config = tiny(family, vocab_size=tokenizer.vocab_size, pad_token_id=tokenizer.pad_token_id)
    model = family.model(config, ("mlm",))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.3, generator=generator)
    folder = project / "xlm"
    folder.mkdir()
    settings = {"lang2id": {"de": 3, "en": 1, "sw": 4}}
    save_folder(folder, ModelFolder(family, model, tokenizer, settings=settings))
    return folder


def in_languages(*languages: str | None) -> list[Row]:
    return [
        {"text": f"the {word}", "label": ("good", "bad")[place % 2]} | ({"language": name} if name else {})
        for place, (word, name) in enumerate(zip(WORDS, languages * len(WORDS), strict=False))
    ]


FROM_XLM = ["finetune.mood.from=xlm", "finetune.mood.epochs=2", "finetune.mood.task.max_seqlen=13"]


def test_languages_reach_the_model(project: Path, xlm: Path) -> None:
    write_rows(project / "train.jsonl", in_languages("de", None, "sw"))
    folder = complete(project, *FROM_XLM, "finetune.mood.task.language=en")
    assert read_json(folder / "encodery.json")["language"] == "en"
    assert read_json(folder / "config.json")["lang2id"] == {"de": 3, "en": 1, "sw": 4}
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    predictor = encodery.load(folder)
    records = [{"text": "a dull river", "language": name} for name in ("sw", "de", None)]
    ids = torch.tensor([predictor.folder.tokenizer.encode("a dull river").input_ids] * 3)
    langs = torch.tensor([[4], [3], [1]]).expand_as(ids)
    with torch.no_grad():
        expected = torch.softmax(theirs(ids, langs=langs).logits, -1)
    found = torch.tensor([list(prediction["scores"].values()) for prediction in predictor.predict(records)])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert len({round(float(score), 4) for score in found[:, 0]}) == 3
    saved = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    again = predictor.predict(
        [{key: row[key] for key in row if key != "label"} for row in in_languages("de", None, "sw")]
    )
    assert [record["scores"] for record in saved] == [pytest.approx(item["scores"], abs=1e-5) for item in again]
    with pytest.raises(UserError) as error:
        predictor.predict([{"text": "a river", "language": "fr"}])
    assert str(error.value) == "record 1: language = 'fr' is not one of the model's languages (de, en, sw)"


def test_without_a_default_a_text_may_have_no_language(project: Path, xlm: Path) -> None:
    """Then no vector is added, as in `transformers`; both sorts in one call do not meet in a batch."""
    write_rows(project / "train.jsonl", in_languages(None))
    predictor = encodery.load(complete(project, *FROM_XLM))
    mixed = [{"text": "a dull river", "language": name} for name in ("sw", None, "de", None)]
    alone = [predictor.predict([record])[0]["score"] for record in mixed]
    assert [item["score"] for item in predictor.predict(mixed)] == pytest.approx(alone, abs=1e-6)
    assert len({round(score, 4) for score in alone}) == 3


def test_languages_that_cannot_be_learned(project: Path, xlm: Path) -> None:
    write_rows(project / "train.jsonl", in_languages("de", None))
    assert complaint(project, *FROM_XLM) == (
        "train.jsonl:2: the language is missing, but other examples have one; add it, or set task.language"
    )
    assert complaint(project, *FROM_XLM, "finetune.mood.task.language=fr") == (
        "finetune.mood.task.language = 'fr' is not one of the model's languages (de, en, sw)"
    )
    write_rows(project / "train.jsonl", in_languages("de", "fr"))
    assert complaint(project, *FROM_XLM) == (
        "train.jsonl:2: language = 'fr' is not one of the model's languages (de, en, sw)"
    )
    assert complaint(project, "finetune.mood.task.language=en") == (
        "finetune.mood.task.language = 'en', but the model has no vectors of languages; leave it out"
    )


def test_weights_reach_the_loss_and_the_terminal(project: Path) -> None:
    """Rare labels weigh more: the same run with them learns other weights, and says which they were."""
    records = rows(lambda names: "city" if "city" in names else "none")
    write_rows(project / "train.jsonl", records)
    (project / "labels.toml").write_text(RECIPE)
    said, digests = [], []
    for change in ("epochs=2", 'task.class_weights="balanced"', "task.focal_gamma=2.0"):
        recipe = load_recipe(project / "labels.toml", ["finetune.mood.epochs=2", f"finetune.mood.{change}"])
        opened = open_run(recipe, project / "labels.toml", Console(width=200))
        with opened.console.capture() as screen:
            run(opened, stages_of(opened))
        said.append(screen.get())
        digests.append((project / "runs/labels/finetune/mood/1/model.safetensors").read_bytes())
    assert len(set(digests)) == 3
    assert ["class weights: city 1.5, none 0.75" in text for text in said] == [False, True, False]
