"""Exact match and F1: by hand, the differences of the versions, and the published scores of five models."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from encodery.tasks.metrics import AnswerRules, answer_measurement, answer_scores, compare_answers, scores

V1, V2 = AnswerRules(), AnswerRules("v2.0")


@pytest.mark.parametrize(
    ("predicted", "right", "exact", "f1"),
    [
        ("the Denver Broncos", ["Denver Broncos"], 1.0, 1.0),
        ("Denver", ["Denver Broncos", "Broncos"], 0.0, 2 / 3),
        ("Denver Denver", ["Denver"], 0.0, 2 / 3),
        ("Carolina", ["Denver"], 0.0, 0.0),
    ],
)
@pytest.mark.parametrize("rules", [V1, V2], ids=["v1.1", "v2.0"])
def test_one_answer_by_hand(predicted: str, right: list[str], exact: float, f1: float, rules: AnswerRules) -> None:
    assert rules.compare(predicted, right) == pytest.approx((exact, f1))


@pytest.mark.parametrize(
    ("predicted", "right", "v1", "v2"),
    [
        ("the", ["a"], (1.0, 0.0), (1.0, 1.0)),  # nothing is left of either
        ("", [], (0.0, 0.0), (1.0, 1.0)),
        (None, [], (0.0, 0.0), (1.0, 1.0)),
        (None, ["a"], (0.0, 0.0), (1.0, 1.0)),
        (None, ["Denver"], (0.0, 0.0), (0.0, 0.0)),
        ("", ["Denver"], (0.0, 0.0), (0.0, 0.0)),
        ("Denver", [], (0.0, 0.0), (0.0, 0.0)),
        ("the", ["a", "Denver"], (1.0, 0.0), (0.0, 0.0)),  # v2.0 leaves right answers out of which nothing is left
    ],
)
def test_where_the_versions_differ(
    predicted: str | None, right: list[str], v1: tuple[float, float], v2: tuple[float, float]
) -> None:
    assert (V1.compare(predicted, right), V2.compare(predicted, right)) == (v1, v2)


def test_each_question_may_have_rules_of_its_own() -> None:
    rules = [AnswerRules(language="de"), AnswerRules(language="es"), AnswerRules()]
    answers = compare_answers(["der Hund", "der Hund", "der Hund"], [["Hund"]] * 3, rules)
    assert answers.exact.tolist() == [1.0, 0.0, 0.0]
    assert answers.f1.tolist() == pytest.approx([1.0, 2 / 3, 2 / 3])


def test_questions_without_an_answer_are_counted_apart() -> None:
    predicted = ["Denver", "Denver Broncos", None, "Denver", ""]
    right = [["Denver"], ["Denver"], ["Denver"], [], []]
    figures = scores(answer_measurement(compare_answers(predicted, right, V2)))
    assert figures == {
        "exact_match": pytest.approx(2 / 5),
        "f1": pytest.approx((1 + 2 / 3 + 1) / 5),
        "HasAns_exact": pytest.approx(1 / 3),
        "HasAns_f1": pytest.approx((1 + 2 / 3) / 3),
        "NoAns_exact": pytest.approx(1 / 2),
        "NoAns_f1": pytest.approx(1 / 2),
    }


def test_where_all_questions_are_alike_nothing_is_counted_apart() -> None:
    assert answer_scores(["a b"], [["b"]], V2) == {"exact_match": 1.0, "f1": 1.0}
    assert answer_scores([], [], V2) == {}


def test_answers_in_wrong_number_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        compare_answers(["a"], [["a"], ["b"]], V1)


def read_squad(shared_data: Path) -> dict[str, list[str]]:
    with gzip.open(shared_data / "qa/squad-v1.1/dev-v1.1.json.gz") as file:
        articles = json.load(file)["data"]
    questions = (qa for article in articles for paragraph in article["paragraphs"] for qa in paragraph["qas"])
    return {qa["id"]: [answer["text"] for answer in qa["answers"]] for qa in questions}


MODELS = ["logreg-baseline", "bert-ensemble", "match-lstm-ensemble", "slqa-ensemble", "rnet-plus-ensemble"]


@pytest.mark.parametrize("model", MODELS)
def test_published_answers_have_the_published_scores(shared_data: Path, model: str) -> None:
    """SQuAD v1.1, in percent as the official script prints them; the order of the sum may change the last bits."""
    folder = shared_data / "oracles/squad-v1.1-predictions"
    expected: dict[str, Any] = json.loads((folder / "expected.json").read_text())[model]
    with gzip.open(folder / f"{model}.json.gz") as file:
        predicted = json.load(file)
    right = read_squad(shared_data)
    figures = answer_scores([predicted.get(question) for question in right], list(right.values()), V1)
    assert len(right) == expected["total"]
    assert {name: 100 * figures[name] for name in figures} == {
        name: pytest.approx(expected[name], abs=1e-11) for name in ("exact_match", "f1")
    }
