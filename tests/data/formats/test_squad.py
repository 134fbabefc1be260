"""SQuAD's layout and the forms that answers have in rows."""

import json
from typing import Any

import pytest

from encodery.data.formats import detect
from encodery.data.formats.squad import answers_form
from encodery.errors import UserError

from .conftest import Write, fails, lines, records

CONTEXT = "Ada was born in London."
QUESTIONS: list[dict[str, Any]] = [
    {"id": "1", "question": "Who?",
     "answers": [{"text": "Ada", "answer_start": 0}, {"text": "Ada", "answer_start": 0}]},
    {"id": "2", "question": "When?", "is_impossible": True, "answers": [],
     "plausible_answers": [{"text": "London", "answer_start": 16}]},
    {"id": "3", "question": "Why?", "answers": None},
]  # fmt: skip
DOCUMENT = {"version": "v2.0", "data": [{"title": "Ada", "paragraphs": [{"context": CONTEXT, "qas": QUESTIONS}]}]}
RECORDS = [
    {"id": "1", "question": "Who?", "context": CONTEXT, "answers": {"text": ["Ada", "Ada"], "answer_start": [0, 0]},
     "title": "Ada"},
    {"id": "2", "question": "When?", "context": CONTEXT, "answers": {"text": [], "answer_start": []}, "title": "Ada",
     "is_impossible": True, "plausible_answers": {"text": ["London"], "answer_start": [16]}},
    {"id": "3", "question": "Why?", "context": CONTEXT, "answers": None, "title": "Ada"},
]  # fmt: skip


@pytest.mark.parametrize("indent", [None, 0, 2])
@pytest.mark.parametrize("name", ["a.json", "a.json.gz", "a.json.zst"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\r\n"])
def test_squad(write: Write, name: str, indent: int | None, start: str) -> None:
    path = write(name, start + json.dumps(DOCUMENT, indent=indent).replace("\n", "\r\n"))
    assert detect(path) == "squad"
    assert records(path) == RECORDS


def test_each_question_knows_its_line(write: Write) -> None:
    content = json.dumps(DOCUMENT, indent=1)
    path = write("a.json", content)
    ids = [f'"id": "{number}"' for number in (1, 2, 3)]
    of_id = [next(at for at, line in enumerate(content.split("\n"), start=1) if part in line) for part in ids]
    assert lines(path) == [line - 1 for line in of_id]  # the brace is on the line before


def test_what_is_said_of_more_is_kept(write: Write) -> None:
    answer = {"text": "Ada", "answer_start": 0, "answer_category": "SHORT"}
    paragraph = {"context": CONTEXT, "document_id": 5, "qas": [{"question": "Who?", "answers": [answer], "level": 1}]}
    (record,) = records(write("a.json", json.dumps({"data": [{"paragraphs": [paragraph], "url": "u"}]})))
    assert record == {
        "question": "Who?",
        "context": CONTEXT,
        "answers": {"text": ["Ada"], "answer_start": [0], "answer_category": ["SHORT"]},
        "article": {"url": "u"},
        "paragraph": {"document_id": 5},
        "level": 1,
    }


@pytest.mark.parametrize(
    ("answers", "form"),
    [
        (None, None),
        ([], {"text": [], "answer_start": []}),
        ({"text": ["a"], "answer_start": [3]}, {"text": ["a"], "answer_start": [3]}),
        ({"text": ["a"], "answer_start": []}, {"text": ["a"], "answer_start": []}),
        ({"text": None, "answer_start": None}, {"text": [], "answer_start": []}),
        ({"text": "a", "answer_start": 3}, {"text": ["a"], "answer_start": [3]}),
        ([{"text": "a", "answer_start": 3}], {"text": ["a"], "answer_start": [3]}),
        ([{"text": "a"}], {"text": ["a"], "answer_start": [None]}),
    ],
)
def test_answers_of_rows(write: Write, answers: Any, form: Any) -> None:
    row = {"question": "q", "context": "c", "answers": answers}
    assert records(write("a.jsonl", json.dumps(row))) == [{**row, "answers": form}]
    assert records(write("a.json", json.dumps([row]))) == [{**row, "answers": form}]


@pytest.mark.parametrize("answers", [3, "Ada", ["Ada"], {"text": ["a", "b"], "answer_start": [1]}])
def test_no_answers(answers: Any) -> None:
    with pytest.raises(UserError, match=r"^f:1: answers = .* are no answers; write"):
        answers_form("f:1", "answers", answers)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ('{"data": [{"paragraphs": [{"qas": []}]}]}',
         "a.json:1: a paragraph without 'context'; it has qas; repair the file"),
        ('{"data": [{"paragraphs": [{"context": "c", "qas": [{"id": 1}]}]}]}',
         "a.json:1: a question without 'question'; it has id; repair the file"),
        ('{"data": [{"paragraphs":\n 3}]}', "a.json:2: paragraphs = 3 is not an array; repair the file"),
        ('{"data":\n[3]}', "a.json:2: 3 where an article is expected; see docs/data.md for the layout of SQuAD"),
        ('{"data": []}', "a.json: the file holds no record; add examples"),
        ('{"data": [\n{"paragraphs": []}',
         "a.json:2: not JSON (expecting ',' delimiter at column 19); repair the file"),
        ('{"data": []} []',
         "a.json:1: not JSON (more follows where the document is over at column 14); repair the file"),
        ("3", 'a.json: not the layout of SQuAD, {"data": [{"paragraphs": [...]}]}; see docs/data.md'),
    ],
)  # fmt: skip
def test_broken_documents(write: Write, document: str, message: str) -> None:
    assert fails(write("a.json", document), "squad") == message
