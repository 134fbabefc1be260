"""Published sets: what is said of them is what an independent count, or their own README, says."""

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from encodery.data.examples import read_records
from encodery.data.validation.columns import Columns
from encodery.data.validation.finding import Finding
from encodery.data.validation.survey import Options
from encodery.data.validation.validating import Split, validate
from tests.data.validation.records import Record, of

AFRIQA = Columns({"question": "question_translated", "answers": "answer_pivot"})
# rows, and rows with an exact span, of the README of the set
EXACT = {
    "hau.en.dev": (225, 204),
    "hau.en.test": (300, 271),
    "hau.en.train": (225, 198),
    "ibo.en.dev": (307, 306),
    "swa.en.test": (295, 256),
    "yor.en.test": (254, 208),
    "yor.en.train": (248, 218),
    "zul.en.test": (325, 308),
}


def findings(records: list[Record], options: Options | None = None) -> list[Finding]:
    return list(validate([Split("test", lambda: ((f"a:{n}", r) for n, r in enumerate(records, start=1)))], options))


def open_text(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        yield from file


@pytest.mark.parametrize("part", EXACT)
def test_afriqa_has_as_many_bad_rows_as_its_readme_says(shared_data: Path, part: str) -> None:
    path = shared_data / f"qa/afriqa/gold_span_passages.afriqa.{part}.json.gz"
    records = [json.loads(line) for line in open_text(path)]
    rows, exact = EXACT[part]
    errors = {f.source for f in findings(records, Options(columns=AFRIQA)) if f.severity == "error"}
    assert (len(records), len(records) - len(errors)) == (rows, exact)


@pytest.mark.parametrize(
    "file", ["xquad/xquad.ar", "xquad/xquad.zh", pytest.param("squad-v1.1/dev-v1.1", marks=pytest.mark.slow)]
)
def test_squad_has_no_error(shared_data: Path, file: str) -> None:
    articles = json.loads("".join(open_text(shared_data / f"qa/{file}.json.gz")))["data"]
    records = [
        {
            "id": question["id"],
            "question": question["question"],
            "context": paragraph["context"],
            "answers": {key: [answer[key] for answer in question["answers"]] for key in ("text", "answer_start")},
        }
        for article in articles
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    ]
    assert len(records) > 1000
    assert [f for f in findings(records) if f.severity == "error"] == []


def test_repeated_tweets_are_those_of_a_dictionary(shared_data: Path) -> None:
    path = shared_data / "classification/afrisenti/por/train.tsv.gz"
    rows = list(csv.DictReader(open_text(path), delimiter="\t", quoting=csv.QUOTE_NONE))
    labels: dict[str, str] = {}
    repeated: dict[str, list[str]] = {"D001": [], "D005": []}
    for number, row in enumerate(rows, start=1):
        tweet, label = row["tweet"], row["label"]
        if tweet in labels:
            repeated["D001" if labels[tweet] == label else "D005"].append(f"a:{number}")
        labels.setdefault(tweet, label)
    found = findings([*rows], Options(columns=Columns({"text": "tweet"})))
    assert {code: [f.source for f in of(found, code)] for code in repeated} == repeated
    assert [len(lines) for lines in repeated.values()] == [61, 19]


@pytest.mark.parametrize("file", ["masakhaner2/zul/test.txt", "masakhaner2/yor/dev.txt"])
def test_conll_orphans_are_those_that_the_lines_show(shared_data: Path, file: str) -> None:
    records: list[Record] = [{"tokens": [], "tags": []}]
    orphans = 0
    before = "O"
    for line in open_text(shared_data / f"ner/{file}.gz"):
        if not line.strip():
            before = "O"
            records.append({"tokens": [], "tags": []})
            continue
        *_, token, tag = line.split("\t" if "\t" in line else " ")
        tag = tag.strip()
        records[-1]["tokens"].append(token)
        records[-1]["tags"].append(tag)
        orphans += tag.startswith("I-") and before[1:] != tag[1:]
        before = tag
    found = findings([record for record in records if record["tokens"]])
    assert len(of(found, "B001")) == orphans
    assert {f.code for f in found} <= {"B001", "D001", "D002", "D005", "T001"}


@pytest.mark.parametrize(("language", "counts"), [("de", [3, 6]), pytest.param("fr", [5, 4], marks=pytest.mark.slow)])
def test_repeated_captions_are_those_of_a_dictionary(shared_data: Path, language: str, counts: list[int]) -> None:
    folder = shared_data / "parallel/multi30k"
    sides = [[line.strip() for line in open_text(folder / f"train.{name}.gz")] for name in ("en", language)]
    first: dict[str, str] = {}
    repeated: dict[str, list[str]] = {"D001": [], "D007": []}
    for number, (text, translation) in enumerate(zip(*sides, strict=True), start=1):
        if text in first:
            code = "D001" if first[text] == translation else "D007"
            repeated[code].append(f"{folder}/train.en.gz:{number}")
        first.setdefault(text, translation)
    path = folder / f"train.{{en,{language}}}.gz"
    found = list(validate([Split("train", lambda: read_records(path))]))
    assert {code: [f.source for f in of(found, code)] for code in repeated} == repeated
    assert [len(lines) for lines in repeated.values()] == counts
    odd = {f.source.rpartition(":")[2]: f.code for f in found if f.code not in repeated}
    assert odd == ({"16510": "P006", "16664": "P006"} if language == "de" else {})
