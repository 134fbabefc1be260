"""Exports of annotation tools: Label Studio, doccano, Prodigy and spaCy, in the shapes of their versions."""

import json
from typing import Any

import pytest

from encodery.data.formats import FormatOptions, detect

from .conftest import Write, fails, lines, records

TEXT = "Ada met Bob in Rome."
ENTITIES = [{"start": 0, "end": 3, "label": "PER"}, {"start": 15, "end": 19, "label": "LOC"}]


def region(start: int, end: int, text: str, *labels: str, key: str = "text") -> dict[str, Any]:
    value = {"start": start, "end": end, "text": text, "labels": list(labels)}
    return {"id": "x", "from_name": "label", "to_name": key, "type": "labels", "value": value}


def task(*annotations: Any, **data: Any) -> dict[str, Any]:
    return {"id": 7, "data": data or {"text": TEXT}, "annotations": list(annotations), "project": 3}


REGIONS = [region(0, 3, "Ada", "PER"), region(15, 19, "Rome", "LOC")]


def test_label_studio(write: Write) -> None:
    path = write("a.json", json.dumps([task({"result": REGIONS})], indent=2))
    assert detect(path) == "label-studio"
    assert records(path) == [{"id": 7, "text": TEXT, "entities": ENTITIES, "label_studio": {"project": 3}}]
    assert lines(path) == [2]


def test_label_studio_text_elsewhere_and_other_columns(write: Write) -> None:
    result = region(0, 3, "Ada", "PER", key="body")
    path = write("a.json", json.dumps([task({"result": [result]}, body=TEXT, language="en", n=1)]))
    (record,) = records(path)
    assert (record["text"], record["language"], record["n"]) == (TEXT, "en", 1)
    path = write("a.json", json.dumps([task({"result": []}, one="a", two="b")]))
    assert fails(path) == "a.json:1: no column 'text'; the columns are: one, two; rename the one with it"


def test_label_studio_which_annotation(write: Write) -> None:
    one, two, three = ({"result": [found]} for found in (*REGIONS, region(8, 11, "Bob", "PER")))
    for annotations, start in (
        ([one, two, three], 8),
        ([one, two, {**three, "was_cancelled": True}], 15),
        ([{**one, "ground_truth": True}, two, three], 0),
    ):
        (record,) = records(write("a.json", json.dumps([task(*annotations)])))
        assert [place["start"] for place in record["entities"]] == [start]


def test_label_studio_unlabelled_is_not_empty(write: Write) -> None:
    content = [task(), task({"result": []}), task({"result": [], "was_cancelled": True}), task({"result": REGIONS})]
    found = records(write("a.json", json.dumps(content)))
    assert [record.get("entities") for record in found] == [None, [], None, ENTITIES]


def test_label_studio_choices(write: Write) -> None:
    def choice(*names: str) -> dict[str, Any]:
        value = {"choices": list(names)}
        return {"result": [{"type": "choices", "from_name": "c", "to_name": "text", "value": value}]}

    found = records(write("a.json", json.dumps([task(choice("good")), task(choice("good", "long"))])))
    assert [record["label"] for record in found] == ["good", ["good", "long"]]
    assert not any("entities" in record for record in found)


def test_label_studio_labels_of_other_things(write: Write) -> None:
    other = {**REGIONS[0], "type": "hypertextlabels"}
    assert fails(write("a.json", json.dumps([task({"result": [other]})]))) == (
        "a.json:1: a result of the type 'hypertextlabels'; of labels, only those of plain text are read"
    )


def test_label_studio_minimal(write: Write) -> None:
    regions = [found["value"] for found in REGIONS]
    path = write("a.json", json.dumps([{"id": 7, "text": TEXT, "label": regions, "annotator": 1}]))
    assert detect(path) == "label-studio"
    assert records(path) == [{"text": TEXT, "entities": ENTITIES, "id": 7, "annotator": 1}]


def test_utf16_offsets_are_recognised_by_the_stated_text(write: Write) -> None:
    """In 💩💩 before the word each character is two units for a browser; Label Studio issue 1347."""
    text = "💩This is an annotation. 👩‍🚒"
    wrong = task({"result": [region(13, 23, "annotation", "A"), region(0, 2, "💩", "B")]}, text=text)
    right = task({"result": [region(12, 22, "annotation", "A"), region(0, 1, "💩", "B")]}, text=text)
    for content in (wrong, right):
        (record,) = records(write("a.json", json.dumps([content])))
        assert [text[place["start"] : place["end"]] for place in record["entities"]] == ["annotation", "💩"]


def test_a_text_that_is_nowhere(write: Write) -> None:
    path = write("a.json", json.dumps([task({"result": [region(4, 7, "Ada", "PER")]})]))
    assert fails(path) == (
        "a.json:1: the entity 4:7 (PER) should be 'Ada', but 'met' stands there; repair or remove the entity"
    )
    (record,) = records(path, options=FormatOptions(check_offsets=False))
    assert record["entities"] == [{"start": 4, "end": 7, "label": "PER"}]


@pytest.mark.parametrize(
    "row",
    [
        {"id": 1, "text": TEXT, "label": [[0, 3, "PER"], [15, 19, "LOC"]]},
        {"id": 1, "text": TEXT, "labels": [[0, 3, "PER"], [15, 19, "LOC"]]},
        {"id": 1, "text": TEXT, "entities": [[0, 3, "PER"], [15, 19, "LOC"]]},
        {"id": 1, "data": TEXT, "label": [[0, 3, "PER"], [15, 19, "LOC"]]},
    ],
)
def test_doccano(write: Write, row: Any) -> None:
    empty = {**row, **{key: [] for key in row if isinstance(row[key], list)}}
    path = write("a.jsonl", json.dumps(empty) + "\n" + json.dumps(row) + "\n")
    assert detect(path) == "doccano"
    assert records(path) == [{"text": TEXT, "entities": [], "id": 1}, {"text": TEXT, "entities": ENTITIES, "id": 1}]


def test_doccano_with_relations(write: Write) -> None:
    places = [{"id": 4, "start_offset": 0, "end_offset": 3, "label": "PER"}]
    path = write("a.jsonl", json.dumps({"text": TEXT, "entities": places, "relations": []}))
    assert records(path) == [
        {"text": TEXT, "entities": [{"start": 0, "end": 3, "label": "PER", "id": 4}], "relations": []}
    ]


def test_doccano_numbers_of_labels(write: Write) -> None:
    places = [{"start_offset": 0, "end_offset": 3, "label": 7, "user": 1}]
    assert fails(write("a.jsonl", json.dumps({"text": TEXT, "annotations": places}))) == (
        "a.jsonl:1: the entity 0:3 has the label 7, which is no text; export with the names of labels"
    )


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (15, 21, "is not within the text of 20 characters"),
        (-1, 3, "is not within the text of 20 characters"),
        (5, 3, "is not within the text of 20 characters"),
        (3, 3, "is empty"),
    ],
)
def test_offsets_beyond_the_text(write: Write, start: int, end: int, reason: str) -> None:
    path = write(
        "a.jsonl",
        json.dumps({"text": TEXT, "label": [[0, 3, "PER"]]})
        + "\n"
        + json.dumps({"text": TEXT, "label": [[start, end, "PER"]]}),
    )
    assert fails(path) == f"a.jsonl:2: the entity {start}:{end} (PER) {reason}; repair or remove the entity"


def test_utf16_is_suspected_where_nothing_settles_it(write: Write) -> None:
    path = write("a.jsonl", json.dumps({"text": "😀 Rome", "label": [[3, 7, "LOC"]]}))
    assert fails(path).endswith("repair or remove the entity; or do its offsets count UTF-16 units?")


def test_prodigy(write: Write) -> None:
    spans = [{"start": 0, "end": 3, "label": "PER", "token_start": 0}, {"start": 15, "end": 19, "label": "LOC"}]
    rows = [
        {"text": TEXT, "spans": spans, "tokens": [{"text": "Ada", "id": 0}], "answer": "accept", "meta": {"a": 1}},
        {"text": TEXT, "spans": spans, "answer": "reject"},
        {"text": TEXT, "spans": [], "answer": "ignore"},
        {"text": TEXT, "spans": [], "_task_hash": -5, "answer": "accept"},
    ]
    path = write("a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert detect(path) == "prodigy"
    assert records(path) == [
        {
            "text": TEXT,
            "entities": [{**ENTITIES[0], "token_start": 0}, ENTITIES[1]],
            "meta": {"a": 1},
            "prodigy": {"tokens": [{"text": "Ada", "id": 0}], "answer": "accept"},
        },
        {"text": TEXT, "entities": [], "prodigy": {"_task_hash": -5, "answer": "accept"}},
    ]
    assert lines(path) == [1, 4]


def test_prodigy_labels(write: Write) -> None:
    rows = [
        {"text": TEXT, "label": "GOOD", "answer": "accept"},
        {"text": TEXT, "options": [{"id": "A"}, {"id": "B"}], "accept": ["B"], "answer": "accept"},
        {"text": TEXT, "accept": ["A", "B"], "answer": "accept"},
    ]
    found = records(write("a.jsonl", "\n".join(map(json.dumps, rows))))
    assert [record["label"] for record in found] == ["GOOD", "B", ["A", "B"]]
    path = write("b.jsonl", json.dumps({"text": TEXT, "_task_hash": 1, "answer": "maybe"}))
    assert fails(path) == "b.jsonl:1: answer = 'maybe'; allowed: accept, reject, ignore"


PAIR = [TEXT, {"entities": [[0, 3, "PER"], [15, 19, "LOC"]]}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", [PAIR]),
        ("a.json", {"classes": ["PER", "LOC"], "annotations": [PAIR, None]}),
        ("a.json", [{"text": TEXT, "ents": ENTITIES}]),
        ("a.jsonl", {"text": TEXT, "ents": ENTITIES}),
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_spacy(write: Write, name: str, content: Any, indent: int | None) -> None:
    path = write(name, json.dumps(content, indent=indent if name == "a.json" else None))
    assert detect(path) == "spacy"
    assert records(path) == [{"text": TEXT, "entities": ENTITIES}]


def test_spacy_version_2(write: Write) -> None:
    words = zip(TEXT.replace(".", " .").split(), ["U-PER", "O", "B-PER", "L-PER", "O", "O"], strict=True)
    sentence = {"tokens": [{"id": at, "orth": orth, "ner": ner} for at, (orth, ner) in enumerate(words)]}
    path = write("a.json", json.dumps([{"id": 0, "paragraphs": [{"raw": TEXT, "sentences": [sentence]}]}]))
    assert detect(path) == "spacy"
    (record,) = records(path)
    assert [record["text"][place["start"] : place["end"]] for place in record["entities"]] == ["Ada", "Bob in"]


def test_spacy_categories(write: Write) -> None:
    cats = [{"A": 1.0, "B": 0.0}, {"A": 1, "B": 1}]
    found = records(write("a.json", json.dumps([[TEXT, {"cats": each}] for each in cats])))
    assert [record["label"] for record in found] == ["A", ["A", "B"]]


def test_spacy_binary_is_refused(write: Write) -> None:
    message = fails(write("a.spacy", b"\x78\x9c"))
    assert message.startswith(
        "a.spacy: spaCy's binary files are not read; write it as JSON Lines: import json, spacy; "
    )


@pytest.mark.parametrize(
    ("file_format", "content", "message"),
    [
        ("label-studio", "[1]", "a.json:1: 1 where a task is expected; export as JSON or JSON-MIN"),
        ("doccano", '[{"a": 1}]', "a.json:1: text = None is not a string; the keys are: a"),
        ("prodigy", "[[]]", "a.json:1: [] is no task with a text; export with `prodigy db-out`"),
        ("spacy", '["x"]', "a.json:1: 'x' is neither [text, {\"entities\": [...]}] nor {\"text\", \"ents\"}"),
        ("spacy", '[["x", {"entities": [[1]]}]]', "a.json:1: the entity [1] is not [start, end, label]; repair it"),
        ("doccano", '[{"text": "x", "label": [[true, 1, "A"]]}]',
         "a.json:1: an entity has the start True; offsets are whole numbers of characters"),
    ],
)  # fmt: skip
def test_what_a_tool_would_not_write(write: Write, file_format: str, content: str, message: str) -> None:
    assert fails(write("a.json", content), file_format) == message
