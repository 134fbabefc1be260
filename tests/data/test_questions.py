"""Rows of SQuAD: what they say, and what is wrong with those that are none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.data.questions import Answer, QuestionFields, input_question, read_question
from encodery.errors import UserError

FIELDS = QuestionFields()


def row(answers: Any, **more: Any) -> dict[str, Any]:
    return {"question": "Who?", "context": "Ama lives in Accra.", "answers": answers, **more}


def squad(*answers: tuple[Any, Any]) -> dict[str, Any]:
    return {"text": [text for text, _ in answers], "answer_start": [start for _, start in answers]}


def test_a_row_of_squad() -> None:
    record = row(squad(("Ama", 0), ("Accra", 13)), id=7, title="Ama", is_impossible=False, language="en")
    example = read_question("a.jsonl:3", record, FIELDS)
    assert (example.question, example.context) == ("Who?", "Ama lives in Accra.")
    assert example.answers == (Answer(0, 3, "Ama"), Answer(13, 18, "Accra"))
    assert (example.source, example.language, example.id) == ("a.jsonl:3", "en", "7")


def test_no_answer() -> None:
    assert read_question("a.jsonl:3", row(squad()), FIELDS).answers == ()


@given(st.text(min_size=1, max_size=31).filter(str.strip), st.data())
def test_offsets_count_code_points(context: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(context) - 1))
    end = data.draw(st.integers(start + 1, len(context)))
    if not context[start:end].strip():
        return
    record = {"question": "?", "context": context, "answers": squad((context[start:end], start))}
    (answer,) = read_question("x:1", record, FIELDS).answers or ()
    assert context[answer.start : answer.end] == answer.text == context[start:end]


def test_columns_of_other_names() -> None:
    fields = QuestionFields(question="q", context="passage", answers="gold", language="lang")
    record = {"q": "Who?", "passage": "Ama", "gold": squad(("Ama", 0)), "lang": "sw", "context": "other"}
    example = read_question("x:1", record, fields)
    assert (example.context, example.answers, example.language) == ("Ama", (Answer(0, 3, "Ama"),), "sw")


FORM = '{"text": ["..."], "answer_start": [0]} is the form'


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (
            None,
            "answers is null: neither an answer nor that there is none; a question without answer has "
            '{"text": [], "answer_start": []}; give the answer or remove the record (encodery validate finds all)',
        ),
        ("Ama", f"answers = 'Ama'; {FORM}, with as many offsets as texts"),
        ({"text": ["Ama"]}, f"answers = {{'text': ['Ama']}}; {FORM}, with as many offsets as texts"),
        (
            {"text": ["Ama"], "answer_start": []},
            f"answers = {{'text': ['Ama'], 'answer_start': []}}; {FORM}, with as many offsets as texts",
        ),
        (squad((None, 0)), f"answers: text None with answer_start 0; {FORM}"),
        (squad(("Ama", None)), f"answers: text 'Ama' with answer_start None; {FORM}"),
        (squad(("Ama", True)), f"answers: text 'Ama' with answer_start True; {FORM}"),
        (squad((" ", 3)), "answers: text ' ' is blank; a question without answer has empty lists"),
        (
            squad(("Ama", 0), ("Accra", 12)),
            "answers: 'Accra' is not at answer_start = 12 of 19 characters; correct the offset (encodery validate "
            "finds all such records, --fix corrects what is clear)",
        ),
        (
            squad((".", -1)),
            "answers: '.' is not at answer_start = -1 of 19 characters; correct the offset (encodery validate finds "
            "all such records, --fix corrects what is clear)",
        ),
    ],
)
def test_answers_that_are_none(answers: Any, message: str) -> None:
    with pytest.raises(UserError) as error:
        read_question("a.jsonl:3", row(answers), FIELDS)
    assert str(error.value) == f"a.jsonl:3: {message}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": " "}, "question is empty; remove or repair the record"),
        ({"context": None}, "context = None is not a string; repair the record"),
        ({"language": 3}, "language = 3 is not a string; repair the record"),
    ],
)
def test_texts_that_are_none(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        read_question("a.jsonl:3", row(squad()) | change, FIELDS)
    assert str(error.value) == f"a.jsonl:3: {message}"


def test_a_column_that_is_missing() -> None:
    with pytest.raises(UserError) as error:
        read_question("a.jsonl:3", {"question": "Who?", "context": "Ama"}, FIELDS)
    assert str(error.value) == (
        "a.jsonl:3: no column 'answers'; the columns are: question, context; set fields.answers to the one that "
        "holds the answers"
    )


def test_a_record_to_predict_for() -> None:
    example = input_question("record 1", row("whatever", id="a1", language="de"))
    assert (example.answers, example.id, example.language) == (None, "a1", "de")
    assert input_question("record 1", {"question": "", "context": ""}).context == ""
    with pytest.raises(UserError) as error:
        input_question("record 1", {"question": "Who?"})
    assert str(error.value) == "record 1: context = None; a string is needed"
