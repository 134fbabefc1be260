"""Every labelled set at hand is recognised, and has as many records (words, entities) as its README says."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from encodery.data.formats import detect, write_labelled
from encodery.data.formats.tags import spans_of_tags

from .conftest import records


def counts(path: Path) -> tuple[int, int, int]:
    """Sentences, words and tags `B-`, which is how the READMEs count entities: some begin with a faulty `I-`."""
    found = records(path)
    tags = [tag for record in found for tag in record["tags"]]
    assert sum(len(record["tokens"]) for record in found) == len(tags)
    spelled = sum(len(spans_of_tags(record["tags"])) for record in found)
    begun = sum(tag.startswith("B-") for tag in tags)
    faulty = sum(
        tag.startswith("I-") and before[1:] != tag[1:]
        for record in found
        for before, tag in pairwise(["O", *record["tags"]])
    )
    assert spelled == begun + faulty
    return len(found), len(tags), begun


def numbers(text: str) -> list[int]:
    return [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", text)]


SETS = {
    "masakhaner2": ("txt", ("train", "dev", "test")),
    "wikiann": ("conllu", ("train", "val", "test")),
    "wikineural": ("conllu", ("val", "test")),
}
QUICK = {("masakhaner2", "dev"), ("wikiann", "val")}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        # the checks of types make a million words slow
        pytest.param(name, split, marks=() if (name, split) in QUICK else pytest.mark.slow)
        for name, (_, splits) in SETS.items()
        for split in splits
    ],
)
def test_entities(shared_data: Path, name: str, split: str) -> None:
    folder = shared_data / "ner" / name
    suffix, splits = SETS[name]
    rows = re.findall(r"^\| (\w\w\w?) \| (.*) \|$", (folder / "README.md").read_text(), re.MULTILINE)
    assert len(rows) > 2
    for language, cells in rows:
        path = folder / language / f"{split}.{suffix}.gz"
        assert detect(path) == ("conll" if suffix == "txt" else "conllu")
        assert list(counts(path)) == numbers(cells.split(" | ")[splits.index(split)]), path


def test_squad(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "qa/squad-v1.1/dev-v1.1.json.gz"
    found = records(path)
    assert detect(path) == "squad"
    assert (len(found), len({record["context"] for record in found}), len({record["title"] for record in found})) == (
        10570,
        2067,
        48,
    )
    for record in found:
        for text, start in zip(record["answers"]["text"], record["answers"]["answer_start"], strict=True):
            assert record["context"][start : start + len(text)] == text
    write_labelled(tmp_path / "a.json.gz", found, "squad")
    assert records(tmp_path / "a.json.gz") == found


@pytest.mark.parametrize("language", ["en", "de", "es", "ar", "hi", "zh"])
def test_xquad(shared_data: Path, language: str) -> None:
    found = records(shared_data / f"qa/xquad/xquad.{language}.json.gz")
    assert len(found) == 1190
    assert len({(record["title"], record["context"]) for record in found}) == 240


def test_afriqa(shared_data: Path) -> None:
    """Rows with a null context are handed on; their answers have no start."""
    folder = shared_data / "qa/afriqa"
    stated = re.findall(r"^\| (gold\S+) \| (\d+) \|", (folder / "README.md").read_text(), re.MULTILINE)
    nulls = 0
    for name, rows in stated:
        found = records(folder / name)
        assert (detect(folder / name), len(found)) == ("jsonl", int(rows))
        nulls += sum(record["context"] is None for record in found)
    assert (len(stated), nulls) == (12, 10)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("classification/sst2/train.tsv.gz", 60614),
        ("classification/sst2/dev.tsv.gz", 6735),
        ("classification/sst2/test.tsv.gz", 872),
        ("nli/sick/SICK_train.txt.gz", 4500),
        ("nli/sick/SICK_trial.txt.gz", 500),
        ("nli/sick/SICK_test_annotated.txt.gz", 4927),
        ("nli/ocnli/train.10k.json.gz", 10000),
        ("nli/ocnli/dev.json.gz", 3000),
        ("nli/xnli/en.dev.tsv.gz", 2490),
        ("nli/xnli/sw.test.tsv.gz", 5010),
        ("qa/qamr/dev.tsv.gz", 18908 - 1),  # without a header: its first row is taken for one
    ],
)
def test_tables(shared_data: Path, name: str, rows: int) -> None:
    path = shared_data / name
    assert detect(path) == ("jsonl" if ".json" in name else "tsv")
    assert len(records(path)) == rows


@pytest.mark.parametrize("name", ["masakhanews", "afrisenti"])
def test_languages(shared_data: Path, name: str) -> None:
    folder = shared_data / "classification" / name
    rows = re.findall(
        r"^\| (\w\w\w) \| ([^|]*) \| (\S*) \| (\S*) \|", (folder / "README.md").read_text(), re.MULTILINE
    )
    assert len(rows) > 3
    for language, *stated in rows:
        for split, count in zip(("train", "dev", "test"), stated, strict=True):
            if count != "not available":
                assert [len(records(folder / language / f"{split}.tsv.gz"))] == numbers(count)
