"""Labelled examples: columns renamed, quotes understood, and every bad record told by its line."""

import csv
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from encodery.data.examples import Example, ExampleFields, Label, read_examples, read_records
from encodery.errors import UserError


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    data = text.encode()
    if path.suffix == ".zst":
        data = zstandard.compress(data)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def fails(path: Path, fields: ExampleFields | None = None, require_label: bool = False) -> str:
    with pytest.raises(UserError) as caught:
        read_examples(path, fields, require_label)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path.parent}/")


FORMATS = {
    "a.jsonl": '{"text": "one", "label": "x"}\n{"text": "two", "label": "y"}\n',
    "a.csv": "text,label\none,x\ntwo,y\n",
    "a.tsv": "label\ttext\nx\tone\ny\ttwo\n",
}


@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
@pytest.mark.parametrize("name", FORMATS)
def test_each_format(tmp_path: Path, name: str, compression: str) -> None:
    path = write(tmp_path, name + compression, FORMATS[name])
    first = 1 if name == "a.jsonl" else 2
    assert read_examples(path) == [
        Example("one", None, "x", f"{path}:{first}"),
        Example("two", None, "y", f"{path}:{first + 1}"),
    ]
    assert [location for location, _ in read_records(path)] == [f"{path}:{first}", f"{path}:{first + 1}"]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["one", "two"], "label": [0, 1]}), path)
    assert read_examples(path) == [Example("one", None, 0, f"{path}:1"), Example("two", None, 1, f"{path}:2")]


def test_lists_and_numbers_of_parquet(tmp_path: Path) -> None:
    for labels, meant in (([["x", "y"], []], [("x", "y"), ()]), ([0.5, 3.0], [0.5, 3.0])):
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"text": ["one", "two"], "label": labels}), path)
        assert [example.label for example in read_examples(path)] == meant


def test_columns_are_renamed(tmp_path: Path) -> None:
    path = write(tmp_path, "a.tsv", "premise\thypothesis\tgold\nIt rains.\tIt is wet.\tentailment\n")
    fields = ExampleFields(text="premise", text_pair="hypothesis", label="gold")
    assert read_examples(path, fields) == [Example("It rains.", "It is wet.", "entailment", f"{path}:2")]


def test_a_second_text_by_its_usual_name_may_be_there(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"text": "one", "text_pair": "two"}\n{"text": "three"}\n')
    assert [example.text_pair for example in read_examples(path)] == ["two", None]


@pytest.mark.parametrize(
    ("label", "meaning"),
    [
        ('"good"', "good"),
        ("3", 3),
        ("-1", -1),
        ('"3"', "3"),
        ("3.0", 3.0),
        ("-0.5e1", -5.0),
        ("null", None),
        ('""', None),
        ('["a", "b c", "a"]', ("a", "b c")),
        ("[1, 2]", ("1", "2")),
        ("[]", ()),
    ],
)
def test_labels(tmp_path: Path, label: str, meaning: Label | None) -> None:
    path = write(tmp_path, "a.jsonl", f'{{"text": "a", "label": {label}}}\n')
    found = read_examples(path)[0].label
    assert found == meaning
    assert type(found) is type(meaning)  # 3 and 3.0 say different things


@pytest.mark.parametrize(
    ("cell", "meaning"), [("a", ("a",)), ("a| b c |a", ("a", "b c")), ("", ()), ("|a||", ("a",))]
)
@pytest.mark.parametrize("name", ["a.tsv", "a.jsonl"])
def test_a_separator_makes_lists_of_texts(tmp_path: Path, name: str, cell: str, meaning: tuple[str, ...]) -> None:
    text = f"text\tlabel\none\t{cell}\n" if name == "a.tsv" else json.dumps({"text": "one", "label": cell}) + "\n"
    path = write(tmp_path, name, text)
    fields = ExampleFields(label_separator="|")
    assert read_examples(path, fields, require_label=True)[0].label == meaning
    assert read_examples(path)[0].label == (cell or None)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_tables_hold_text_whatever_it_looks_like(tmp_path: Path, name: str) -> None:
    """Classes are often numbered."""
    separator = "," if name == "a.csv" else "\t"
    path = write(tmp_path, name, f"text{separator}label\none{separator}1\ntwo{separator}0.5\n")
    assert [example.label for example in read_examples(path)] == ["1", "0.5"]


def test_languages(tmp_path: Path) -> None:
    path = write(
        tmp_path, "a.jsonl", '{"text": "a", "language": "de"}\n{"text": "b"}\n{"text": "c", "language": ""}\n'
    )
    assert [example.language for example in read_examples(path)] == ["de", None, None]
    path = write(tmp_path, "a.tsv", "text\tlang\na\tsw\n")
    assert read_examples(path, ExampleFields(language="lang"))[0].language == "sw"
    path = write(tmp_path, "a.jsonl", '{"text": "a", "language": 7}\n')
    assert fails(path) == "a.jsonl:1: language = 7 is not a string; repair the record"


@pytest.mark.parametrize(
    ("label", "shown"),
    [("true", "True"), ('{"a": 1}', "{'a': 1}"), ('["a", 0.5]', "['a', 0.5]"), ("[false]", "[False]")],
)
def test_labels_of_another_kind(tmp_path: Path, label: str, shown: str) -> None:
    path = write(tmp_path, "a.jsonl", f'{{"text": "a", "label": {label}}}\n')
    assert fails(path) == (
        f"a.jsonl:1: label = {shown} is neither text, a number nor a list of texts; repair the record"
    )


def test_a_label_is_needed_only_on_demand(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"text": "a", "label": "x"}\n{"text": "b"}\n{"text": "c", "label": ""}\n')
    assert [example.label for example in read_examples(path)] == ["x", None, None]
    assert fails(path, require_label=True) == (
        "a.jsonl:2: no column 'label'; the columns are: text; set fields.label to the one that holds the label"
    )
    path = write(tmp_path, "b.csv", "text,label\na,x\nb,\n")
    assert fails(path, require_label=True) == "b.csv:3: label is missing; every example needs a label here"
    assert read_examples(path, ExampleFields(label="absent"))[0].label is None


def test_a_missing_column(tmp_path: Path) -> None:
    path = write(tmp_path, "a.tsv", "sentence\tlabel\ngood\t1\n")
    assert fails(path) == (
        "a.tsv:2: no column 'text'; the columns are: sentence, label; set fields.text to the one that holds the text"
    )
    assert fails(path, ExampleFields(text="sentence", text_pair="other")) == (
        "a.tsv:2: no column 'other'; the columns are: sentence, label; "
        "set fields.text_pair to the one that holds the text"
    )


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ('{"text": " \\n"}', "text is empty; remove or repair the record"),
        ('{"text": null}', "text = None is not a string; repair the record"),
        ('{"text": 7}', "text = 7 is not a string; repair the record"),
        ('{"text": "a", "text_pair": ""}', "text_pair is empty; remove or repair the record"),
        ('{"text": "a"', "not JSON (expecting ',' delimiter at column 13); write one JSON object per line"),
        ('["a"]', "an array where an object is expected; write one JSON object per line"),
    ],
)
def test_records_that_are_wrong(tmp_path: Path, record: str, message: str) -> None:
    path = write(tmp_path, "a.jsonl", '{"text": "fine"}\n' + record + "\n")
    assert fails(path) == f"a.jsonl:2: {message}"


def test_rows_that_do_not_fit(tmp_path: Path) -> None:
    path = write(tmp_path, "a.tsv", "text\tlabel\none\tx\ntwo\ty\tz\n")
    assert fails(path) == "a.tsv:3: 3 columns where the header has 2 (text, label); fix the row or its quotes"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert fails(tmp_path / "absent.tsv") == "absent.tsv: no such file"
    assert fails(write(tmp_path, "a.xml", "<a/>")) == (
        "a.xml: '.xml' is not the suffix of a format that is known; set format to one of jsonl, json, csv, tsv, "
        "parquet, hf-dataset, conll, conllu, squad, label-studio, doccano, prodigy, spacy (files also .gz or .zst)"
    )
    for text in ("", "text\tlabel\n"):
        assert fails(write(tmp_path, "a.tsv", text)) == "a.tsv: the file holds no record; add examples"
    (tmp_path / "b.csv").write_bytes(b"text,label\ncaf\xe9,x\n")
    assert fails(tmp_path / "b.csv") == "b.csv:2: invalid UTF-8 at byte 14: e9; convert the file to UTF-8"


def test_quotes_in_both_habits(tmp_path: Path) -> None:
    path = write(tmp_path, "a.tsv", 'text\tlabel\n" it \'s a "\t1\n" open\t0\n"well ""quoted"""\t1\n')
    assert [example.text for example in read_examples(path)] == [" it 's a ", '" open', 'well "quoted"']


@pytest.mark.parametrize(("split", "count"), [("train", 60_614), ("dev", 6_735), ("test", 872)])
def test_sst2_is_read_without_quoting(shared_data: Path, split: str, count: int) -> None:
    path = shared_data / f"classification/sst2/{split}.tsv.gz"
    examples = read_examples(path, ExampleFields(text="sentence"), require_label=True)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    assert len(examples) == count
    assert [[example.text, example.label] for example in examples] == rows


@pytest.mark.parametrize("file", ["eng/dev", "eng/test", "fra/dev", "yor/train"])
def test_masakhanews_is_read_with_quoting(shared_data: Path, file: str) -> None:
    path = shared_data / f"classification/masakhanews/{file}.tsv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    normal = [{key: value.replace("\r\n", "\n") for key, value in row.items()} for row in rows]
    assert [record for _, record in read_records(path)] == normal
    labels = {example.label for example in read_examples(path, ExampleFields(label="category"), require_label=True)}
    assert labels == set((path.parent / "labels.txt").read_text().split())


def test_records_stream(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "fine"}) + "\nbroken")
    records = read_records(path)
    assert next(records) == (f"{path}:1", {"text": "fine"})
    with pytest.raises(UserError, match=r"a\.jsonl:2: not JSON"):
        next(records)
