"""Errors of answers: counted by hand over seven questions."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from encodery.data.questions import Answer
from encodery.tasks.answer_errors import FATES, answer_curves, answer_matrix, judge_answer
from encodery.tasks.metrics import AnswerRules, compare_answers, threshold_curve
from tests.tasks.questions import asked

V1, V2 = AnswerRules(), AnswerRules("v2.0")
TEXT = "the river sees a happy farmer and the river"
NONE: dict[str, Any] = {"answer": None, "start": None, "end": None, "score": 0.75}


def said(answer: str, score: float = 0.5, start: int | None = None) -> dict[str, Any]:
    start = TEXT.index(answer) if start is None else start
    return {"answer": answer, "start": start, "end": start + len(answer), "score": score}


@pytest.mark.parametrize(
    ("prediction", "answers", "error"),
    [
        (said("river"), ["the river"], 0.0),
        (said("a happy"), ["happy farmer"], 0.5 * (1 - 2 / 3)),
        (said("a happy", 0.25), ["happy farmer"], 0.25 * (1 - 2 / 3)),
        (said("farmer"), ["the river", "happy farmer"], 0.5 * (1 - 2 / 3)),
        (said("farmer"), ["river"], 0.5),
        (said("the"), ["the"], 0.0),  # nothing is left of either: exact match is 1, F1 is 0
        (NONE, ["river"], 0.75),
    ],
)
def test_how_wrong_an_answer_is(prediction: dict[str, Any], answers: list[str], error: float) -> None:
    judged = judge_answer(prediction, asked(TEXT, *answers), V1)
    assert judged.error == pytest.approx(error)
    assert judged.true == " / ".join(answers)
    assert judged.predicted == (prediction["answer"] or "no answer")
    assert (judged.text, judged.question) == (TEXT, "farmer sees")


def test_questions_without_an_answer() -> None:
    right, wrong = (judge_answer(one, asked(TEXT), V2) for one in (NONE, said("river")))
    assert (right.error, right.predicted, right.true, right.found, right.given) == (0.0, *["no answer"] * 2, (), ())
    assert (wrong.error, wrong.predicted, wrong.true) == (0.5, "river", "no answer")
    assert [*map(tuple, wrong.found)] == [(4, 9, "answer")]


def test_what_is_wrong_is_an_error_however_unsure() -> None:
    assert judge_answer(said("river", 0.0), asked(TEXT, "farmer"), V1).error > 0.0


def test_beside_an_answer_stands_the_nearest_right_one() -> None:
    judged = judge_answer(said("farmer"), asked(TEXT, "sees", "happy farmer"), V1)
    assert [*map(tuple, judged.given)] == [(17, 29, "answer")]
    twice = replace(asked(TEXT, "river"), answers=(Answer(4, 9, "river"), Answer(38, 43, "river")))
    for start in (4, 38):
        both = judge_answer(said("river", start=start), twice, V1)
        assert both.given == both.found


PREDICTED = ["river", "a happy", "farmer", None, "river", None, "sees"]
RIGHT = [["the river"], ["happy farmer"], ["river"], ["river"], [], [], []]


def test_the_fates_of_questions() -> None:
    matrix = answer_matrix(compare_answers(PREDICTED, RIGHT, V2))
    assert matrix.rows == ("answer", "no answer")
    assert matrix.columns == FATES == ("right", "right in part", "wrong", "missed", "spurious")
    assert matrix.counts == ((1, 1, 1, 1, 0), (1, 0, 0, 0, 2))
    assert matrix.is_right("no answer", "right")
    assert not matrix.is_right("no answer", "missed")


def test_where_all_questions_have_an_answer_there_is_one_row() -> None:
    matrix = answer_matrix(compare_answers(PREDICTED[:3], RIGHT[:3], V1))
    assert (matrix.rows, matrix.counts) == (("answer",), ((1, 1, 1, 0, 0),))


def test_what_every_threshold_would_have_given() -> None:
    best = ["river", "a happy", "farmer", "river", "river", "the", "sees"]
    none = [-7.0, -5.0, -3.0, 1.0, 2.0, 3.0, 5.0]
    answers = compare_answers(best, RIGHT, V2)
    scores, precision = answer_curves(answers, none, 0.25, 0.0)
    assert set(scores.lines) == {"F1", "exact match"}
    x, y = scores.lines["F1"]
    expected = threshold_curve(answers.f1, np.array(none), answers.has_answer, answers.answered)
    assert (x, y) == (expected[0].tolist(), expected[1].tolist())
    assert x[1:] == none
    assert y[0] == pytest.approx(3 / 7)  # nothing is answered
    assert y[4] == pytest.approx((1 + 2 / 3 + 0 + 1 + 3) / 7) == max(y)
    assert scores.levels == {"F1 now": 0.25}
    assert scores.caption == (
        "The threshold in use is 0. On these questions 1 would have been the best one for F1: 0.810."
    )
    recall, precise = precision.lines["exact match"]
    assert recall == [0.0, 0.25, 0.25, 0.25, 0.5, 0.5, 0.5, 0.5]
    assert precise == pytest.approx([1.0, 1.0, 1 / 2, 1 / 3, 2 / 4, 2 / 5, 2 / 6, 2 / 7])
    assert answer_curves(answers, none, 0.25, None)[0].caption.startswith("Every question was answered. On these ")
