"""What a recipe tests on is kept out of its corpus."""

import tomllib
from typing import Any

import pytest

from encodery.corpus.clean_table import CleanTable
from encodery.errors import UserError
from encodery.recipe import Recipe
from encodery.recipe.keeping_out import not_kept_out
from tests.conftest import ROOT


def crawl(decontaminate: Any, **more: Any) -> Recipe:
    """`recipes/crawl-xlmr.toml` with this in place of what it has."""
    values = tomllib.loads((ROOT / "recipes/crawl-xlmr.toml").read_text())
    values["corpus"]["clean"]["decontaminate"] = decontaminate
    return Recipe.parse(values | more, "crawl.toml")


def against(recipe: Recipe) -> list[tuple[str, str, tuple[str, ...]]]:
    assert recipe.corpus is not None
    assert recipe.corpus.clean is not None
    assert recipe.corpus.clean.decontaminate is not None
    entries = recipe.corpus.clean.decontaminate.against
    return [(entry.path.partition("masakhanews/")[2], entry.label, entry.fields) for entry in entries]


@pytest.mark.parametrize("asked", [True, {"against": "finetune"}])
def test_dev_and_test_of_all_fine_tunings(asked: Any) -> None:
    fields = ("text", "text_pair")
    assert against(crawl(asked)) == [
        ("ibo/dev.tsv.gz", "topics dev ibo", fields),
        ("ibo/test.tsv.gz", "topics test ibo", fields),
        ("pcm/test.tsv.gz", "topics test pcm", fields),
        ("yor/test.tsv.gz", "topics test yor", fields),
    ]


def test_other_settings_stay() -> None:
    recipe = crawl({"against": "finetune", "drop": "paragraph", "shortest": 5})
    assert recipe.corpus is not None
    assert recipe.corpus.clean is not None
    found = recipe.corpus.clean.decontaminate
    assert found is not None
    assert (found.drop, found.shortest, len(found.against)) == ("paragraph", 5, 4)


def test_columns_are_those_of_the_task() -> None:
    question = {
        "task": {"type": "question-answering", "max_seqlen": 64, "stride": 16},
        "train": "a.jsonl",
        "test": "b/c.json",
        "fields": {"question": "q"},
    }
    assert [fields for _, _, fields in against(crawl(True, finetune={"qa": question}))] == [("q", "context")]


def test_files_are_read_as_fine_tuning_reads_them() -> None:
    entities = {
        "task": {"type": "token-classification", "max_seqlen": 64},
        "train": "a.jsonl",
        "dev": "ner/dev.txt",
        "fields": {"tokens": "words"},
    }
    recipe = crawl(True, finetune={"ner": entities})
    assert recipe.corpus is not None
    assert recipe.corpus.clean is not None
    assert recipe.corpus.clean.decontaminate is not None
    (entry,) = recipe.corpus.clean.decontaminate.against
    assert (entry.format, entry.fields, entry.words) == ("labelled", ("text", "words"), "words")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"train": "a.csv"},
            "decontaminate = true keeps out dev and test of [finetune.NAME], and this recipe has none",
        ),
        (
            {"train": "a.csv", "dev": "b", "task": {"type": "translation"}},
            "dev of [finetune.x] are translations, which are not read as test sets; name files of text in",
        ),
        ({"train": "a.csv", "test": 3}, "finetune.x.test = 3"),
    ],
)
def test_what_cannot_be_kept_out(table: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        crawl(True, finetune={"x": table})
    assert message in str(refused.value)


def test_what_nobody_looks_for_is_known() -> None:
    clean = CleanTable.parse({"decontaminate": {"against": [{"path": "dev.tsv"}, {"path": "de.tsv"}]}}, "r")
    tables: dict[str, dict[str, Any]] = {
        "seen": {"train": "train.tsv", "dev": "dev.tsv", "test": {"de": "de.tsv"}},
        "part": {"train": "train.tsv", "dev": "dev.tsv", "test": "test.tsv"},
        "none": {"train": "train.tsv"},
    }
    recipe = Recipe.parse({"name": "a", "finetune": {k: {"from": "m", **v} for k, v in tables.items()}}, "r")
    assert not_kept_out(recipe.finetune, clean) == ["part"]
    assert not_kept_out(recipe.finetune, CleanTable()) == ["seen", "part"]
