"""Errors of answers: how wrong one is, what becomes of questions with and without one, what thresholds would do."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from encodery.data.questions import Answer, QuestionExample
from encodery.data.tagged import Entity
from encodery.tasks.judging import Curve, Judgement, Matrix
from encodery.tasks.metrics import Answered, AnswerRules, best_threshold, precision_recall, threshold_curve

ANSWERED, NONE = "answer", "no answer"
FATES = ("right", "right in part", "wrong", "missed", "spurious")


def judge_answer(prediction: Mapping[str, Any], example: QuestionExample, rules: AnswerRules) -> Judgement:
    """One answer beside the nearest right one. Its error is what its F1 lacks to 1, times how sure the model was."""
    said, answers = prediction["answer"], example.answers or ()
    worth = rules.compare(said, [answer.text for answer in answers])
    found = () if said is None else (Entity(prediction["start"], prediction["end"], ANSWERED),)
    nearest = max(answers, key=lambda answer: _nearness(answer, prediction, rules), default=None)
    given = () if nearest is None else (Entity(nearest.start, nearest.end, ANSWERED),)
    sureness = max(
        float(prediction["score"]), float(np.finfo(np.float64).tiny)
    )  # no error is so unsure as to be none
    return Judgement(
        example.context,
        NONE if said is None else said,
        " / ".join(dict.fromkeys(answer.text for answer in answers)) or NONE,
        (1.0 - max(worth)) * sureness,
        {"score": prediction["score"]},
        example.question,
        found,
        given,
    )


def _nearness(answer: Answer, prediction: Mapping[str, Any], rules: AnswerRules) -> tuple[float, int]:
    """Of answers that read the same, the one that shares most characters with what was said."""
    if prediction["answer"] is None:
        return 0.0, 0
    shared = min(answer.end, prediction["end"]) - max(answer.start, prediction["start"])
    return rules.compare(prediction["answer"], [answer.text])[1], shared


def answer_matrix(answers: Answered) -> Matrix:
    """What became of the questions: of those that have an answer, and of those that have none."""
    worth = np.maximum(answers.exact, answers.f1)
    has, said = answers.has_answer, answers.answered
    fates = np.select([worth == 1, ~has, ~said, worth > 0], [0, 4, 3, 1], 2)
    kinds = {ANSWERED: fates[has], NONE: fates[~has]}
    counts = {
        name: tuple(np.bincount(kind, minlength=len(FATES)).tolist()) for name, kind in kinds.items() if len(kind)
    }
    caption = "Questions that have an answer or none, and what became of them"
    return Matrix(caption, tuple(counts), FATES, tuple(counts.values()), FATES[:1])


def answer_curves(
    answers: Answered, no_answer_scores: Sequence[float], now: float, threshold: float | None
) -> list[Curve]:
    """F1 and exact match at every threshold, and precision over recall: `answers` are the best there are, `now` the
    F1 with the threshold in use. Some question must have an answer."""
    none, has = np.array(no_answer_scores, np.float64), answers.has_answer
    values = {"F1": answers.f1, "exact match": answers.exact}
    by_threshold = {name: threshold_curve(each, none, has, answers.answered) for name, each in values.items()}
    by_recall = {name: precision_recall(each, none, has) for name, each in values.items()}
    best, most = best_threshold(answers.f1, none, has, answers.answered)
    used = "Every question was answered." if threshold is None else f"The threshold in use is {threshold:.3g}."
    return [
        Curve(
            "Scores by threshold",
            "no_answer_threshold",
            "score",
            {name: (x.tolist(), y.tolist()) for name, (x, y) in by_threshold.items()},
            {"F1 now": now},
            f"{used} On these questions {best:.3g} would have been the best one for F1: {most:.3f}.",
        ),
        Curve(
            "Precision over recall",
            "recall",
            "precision",
            {name: (recall.tolist(), precision.tolist()) for name, (precision, recall, _) in by_recall.items()},
            caption="As more and more questions are answered, the surest first.",
        ),
    ]
