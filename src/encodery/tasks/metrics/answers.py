"""Answers to questions: exact match and F1 as the official scripts of SQuAD v1.1, v2.0 and MLQA count them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from encodery.tasks.metrics.answer_text import mlqa_text, squad_text
from encodery.tasks.metrics.measurement import Figures, Sums, scores
from encodery.tasks.metrics.no_answer import best_threshold, precision_recall
from encodery.tasks.metrics.ratios import mean


@dataclass(frozen=True)
class AnswerRules:
    """How one answer is compared with those that are right.

    In v1.1 (Rajpurkar et al. 2016) an answer that nothing is left of has F1 = 0. In v2.0 (Rajpurkar et al. 2018) it
    is "no answer", and right where the question has none.
    """

    version: Literal["v1.1", "v2.0"] = "v1.1"
    language: str | None = None
    """One of MLQA's; SQuAD's own English rules if not given."""

    def normalize(self, text: str) -> str:
        """Raises `UserError` if MLQA has no rules for the language."""
        return squad_text(text) if self.language is None else mlqa_text(text, self.language)

    def compare(self, predicted: str | None, right: Sequence[str]) -> tuple[float, float]:
        """Exact match and F1 with the nearest of the right answers; `None` is a question left out (v1.1: 0; v2.0: the
        same as no answer)."""
        golds = [self.normalize(text) for text in right]
        if self.version == "v2.0":
            golds = [gold for gold in golds if gold] or [""]
        elif predicted is None or not golds:
            return 0.0, 0.0
        guess = self.normalize(predicted or "")
        return float(guess in golds), max(self._f1(guess.split(), gold.split()) for gold in golds)

    def _f1(self, guess: list[str], gold: list[str]) -> float:
        if self.version == "v2.0" and not (guess and gold):
            return float(guess == gold)
        common = (Counter(guess) & Counter(gold)).total()
        if not common:
            return 0.0
        precision, recall = common / len(guess), common / len(gold)
        return 2 * precision * recall / (precision + recall)


@dataclass(frozen=True)
class Answered:
    """How good each answer was, question by question."""

    exact: Float[np.ndarray, " questions"]
    f1: Float[np.ndarray, " questions"]
    has_answer: Bool[np.ndarray, " questions"]
    """Whether the question has one."""
    answered: Bool[np.ndarray, " questions"]
    """Whether one was given."""


def compare_answers(
    predicted: Sequence[str | None],
    right: Sequence[Sequence[str]],
    rules: AnswerRules | Sequence[AnswerRules],
) -> Answered:
    """Each answer against those that are right; `rules` are for all questions or one for each (languages mixed).

    Raises:
        UserError: MLQA has no rules for a language.
    """
    each = [rules] * len(right) if isinstance(rules, AnswerRules) else rules
    triples = zip(each, predicted, right, strict=True)
    pairs = np.array([rule.compare(guess, golds) for rule, guess, golds in triples], dtype=np.float64).reshape(-1, 2)
    return Answered(
        pairs[:, 0],
        pairs[:, 1],
        np.array([bool(golds) for golds in right], dtype=bool),
        np.array([bool(guess) for guess in predicted], dtype=bool),
    )


def answer_measurement(answers: Answered) -> Sums:
    """`exact_match` and `f1`; where only some questions have an answer also v2.0's `HasAns_exact`, `HasAns_f1`,
    `NoAns_exact` and `NoAns_f1`."""
    has = answers.has_answer.astype(np.float64)
    columns = [answers.exact, answers.f1, np.ones(len(has)), answers.exact * has, answers.f1 * has, has]
    mixed = bool(has.any() and not has.all())

    def formula(sums: np.ndarray) -> Figures:
        exact, f1, count, has_exact, has_f1, has_count = sums.T
        figures = {"exact_match": mean(exact, count), "f1": mean(f1, count)}
        if mixed:
            figures |= {"HasAns_exact": mean(has_exact, has_count), "HasAns_f1": mean(has_f1, has_count)}
            none = count - has_count
            figures |= {"NoAns_exact": mean(exact - has_exact, none), "NoAns_f1": mean(f1 - has_f1, none)}
        return figures

    return Sums(np.stack(columns, axis=1), formula)


def answer_scores(
    predicted: Sequence[str | None],
    right: Sequence[Sequence[str]],
    rules: AnswerRules | Sequence[AnswerRules],
    no_answer_scores: Sequence[float] | None = None,
) -> dict[str, Any]:
    """The figures of `answer_measurement`. With a score for "no answer" of each question also what the best
    threshold would give (`best_exact`, `best_exact_thresh`, `best_f1`, `best_f1_thresh`) and average precision
    (`pr_exact_ap`, `pr_f1_ap`, `pr_oracle_ap`), under v2.0's names.

    `predicted` are then the best answers there are, whatever the score for none. All figures are shares: the official
    scripts print them times 100.

    Raises:
        UserError: MLQA has no rules for a language.
    """
    answers = compare_answers(predicted, right, rules)
    figures: dict[str, Any] = scores(answer_measurement(answers))
    return figures if no_answer_scores is None else figures | threshold_scores(answers, no_answer_scores)


def threshold_scores(answers: Answered, no_answer_scores: Sequence[float]) -> dict[str, float]:
    """What `answer_scores` adds where each question has a score for "no answer"; `answers` are the best there are."""
    figures: dict[str, float] = {}
    none = np.asarray(no_answer_scores, dtype=np.float64)
    for name, values in (("exact", answers.exact), ("f1", answers.f1)):
        threshold, score = best_threshold(values, none, answers.has_answer, answers.answered)
        figures |= {f"best_{name}": score, f"best_{name}_thresh": threshold}
    if answers.has_answer.any():
        for name, values in (
            ("exact", answers.exact),
            ("f1", answers.f1),
            ("oracle", answers.has_answer.astype(np.float64)),
        ):
            figures[f"pr_{name}_ap"] = precision_recall(values, none, answers.has_answer)[2]
    return figures
