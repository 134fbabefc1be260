"""A recipe that finds entities: learned from spans of characters or from words with tags, used on text."""

import json
import random
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import transformers
from rich.console import Console

import encodery
from encodery.data.tagged import TaggedFields, read_tagged, tags_of
from encodery.demo.labelled import entity_records
from encodery.errors import UserError
from encodery.recipe import load_recipe
from encodery.stages import open_run, run
from encodery.stages.graph import stages_of

RECIPE = """
name = "ner"
[model]
preset = "tiny"
[model.config]  # learns by heart in seconds
num_hidden_layers = 1
hidden_size = 64
intermediate_size = 128
max_position_embeddings = 61
hidden_dropout_prob = 0.0
attention_probs_dropout_prob = 0.0
[corpus]
inputs = [{ path = "text.txt" }]
[tokenizer]
vocab_size = 500
min_frequency = 1
[finetune.names]
from = "scratch"
train = "train.jsonl"
dev = "train.jsonl"
test = "test.jsonl"
task = { type = "token-classification", max_seqlen = 29 }
tokens_per_step = 256
epochs = 17
precision = "fp32"
optimizer = { lr = 3e-3 }
"""


def words_of(record: dict[str, Any]) -> dict[str, Any]:
    """The same record as words with tags; a mark at the end of a word is a word."""
    example = read_tagged("x:1", record, TaggedFields())
    text = example.text
    spans: list[tuple[int, int]] = []
    for word in transformers.models.bert.tokenization_bert_legacy.BasicTokenizer(False).tokenize(text):
        start = text.index(word, spans[-1][1] if spans else 0)
        spans.append((start, start + len(word)))
    return {"tokens": [text[start:end] for start, end in spans], "tags": tags_of(spans, example.entities or ())}


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    return list(islice(entity_records("en", "train", random.Random(5)), 53))


def complete(project: Path, records: list[dict[str, Any]], *overrides: str) -> Path:
    """Run the recipe to its end; the model folder."""
    (project / "ner.toml").write_text(RECIPE)
    (project / "text.txt").write_text("\n\n".join(" ".join(r.get("tokens", [r.get("text", "")])) for r in records))
    for name, part in (("train", records), ("test", records[:31])):
        (project / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in part))
    recipe = load_recipe(project / "ner.toml", [f"output={json.dumps(str(project / 'runs'))}", *overrides])
    opened = open_run(recipe, project / "ner.toml", Console(quiet=True))
    run(opened, stages_of(opened))
    return project / "runs" / "ner" / "finetune" / "names" / "1"


@pytest.fixture(scope="module")
def folder(records: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Learned from spans of characters."""
    return complete(tmp_path_factory.mktemp("ner"), records)


def test_entities_from_the_file_to_the_folder(records: list[dict[str, Any]], folder: Path) -> None:
    info = json.loads((folder / "encodery.json").read_text())
    assert info["task"] == "token-classification"
    assert info["metrics"]["test"]["f1"] > 0.8
    model = encodery.load(folder)
    found = model.predict([record["text"] for record in records[:31]])
    right = total = 0
    for record, prediction in zip(records, found, strict=False):
        given = {(e["start"], e["end"], e["label"]) for e in record["entities"]}
        spans = {(e["start"], e["end"], e["label"]) for e in prediction["entities"]}
        right, total = right + len(given & spans), total + len(given) + len(spans)
    assert 2 * right / total == pytest.approx(info["metrics"]["test"]["f1"])
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    assert [line["true"] for line in lines] == [record["entities"] for record in records[:31]]
    names = transformers.AutoModelForTokenClassification.from_pretrained(folder).config.id2label
    assert list(names.values())[:3] == ["O", "B-LOC", "I-LOC"]


def test_words_with_tags_give_the_same_task(records: list[dict[str, Any]], tmp_path: Path) -> None:
    tagged = [words_of(record) for record in records]
    folder = complete(tmp_path, tagged)
    assert json.loads((folder / "encodery.json").read_text())["metrics"]["test"]["f1"] > 0.8
    model = encodery.load(folder)
    for record, prediction in zip(tagged[:13], model.predict(tagged[:13]), strict=True):
        assert len(prediction["tags"]) == len(record["tokens"])
    texts = [record["text"] for record in records[:31]]
    assert sum(len(prediction["entities"]) for prediction in model.predict(texts)) > 31


def test_an_entity_at_the_end_of_a_long_text_is_found(records: list[dict[str, Any]], folder: Path) -> None:
    model = encodery.load(folder)
    alone = next(r["text"] for r in records if len(model.predict([r["text"]])[0]["entities"]) == 1)
    (entity,) = model.predict([alone])[0]["entities"]
    filler = "a b c . " * 1_700
    assert len(filler.split()) > 5_000
    (prediction,) = model.predict([filler + alone])
    last = max(prediction["entities"], key=lambda found: found["start"])
    assert last["start"] >= len(filler)
    assert last["text"] in alone
    assert (last["label"], last["end"] - len(filler)) == (entity["label"], entity["end"])
    assert "truncated" not in prediction


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "ner.toml").write_text(RECIPE)
    with pytest.raises(UserError) as error:
        load_recipe(tmp_path / "ner.toml", ["finetune.names.fields.txt=sentence"])
    assert str(error.value) == (
        f"{tmp_path}/ner.toml: finetune.names: fields: unknown key 'txt'; did you mean 'text'?"
    )
