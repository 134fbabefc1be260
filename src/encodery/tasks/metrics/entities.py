"""Entities: strict F1 as conlleval and `seqeval` count it, the looser measures of SemEval-2013 task 9.1, and each
label."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from encodery.tasks.metrics.chunks import Span
from encodery.tasks.metrics.classification import per_label
from encodery.tasks.metrics.measurement import Figures, Sums, scores
from encodery.tasks.metrics.ratios import harmonic, ratio

HALF = 0.5
"""What a partial match counts (MUC-5, Chinchor and Sundheim 1993)."""
Spans = Collection[Span]


def entity_measurement(predicted: Sequence[Spans], true: Sequence[Spans], labels: Sequence[str] = ()) -> Sums:
    """Spans of each text, in characters or in words, in any order; equal ones count once.

    | figures | an entity that was found is right if |
    |---|---|
    | `precision`, `recall`, `f1` | start, end and label are (strict, micro-averaged) |
    | `macro_f1`, `f1/LABEL` | the same, averaged over the labels; of one label |
    | `exact_precision`, … `exact_f1` | start and end are |
    | `partial_precision`, … | start and end are, and half right if it overlaps an entity |
    | `type_precision`, … | it overlaps an entity of its label |

    The last two pair each entity with one at most (`_pairs`). `labels` are measured even where the
    data have none of them: two models must be measured with the same to be compared.

    SemEval-2013 task 9.1 (Segura-Bedmar et al. 2013, section 4.2) names the four; precision is over the entities
    found, recall over those given, as COR + INC + PAR + SPU and COR + INC + PAR + MIS are.
    """
    names = entity_labels(predicted, true, labels)
    place = {label: i for i, label in enumerate(names)}
    size = len(names)
    columns = np.zeros((len(true), 3 * size + 3))
    for row, guessed, given in zip(columns, predicted, true, strict=True):
        found, right = set(guessed), set(given)
        for offset, spans in ((0, found & right), (size, found), (2 * size, right)):
            for _, _, label in spans:
                row[offset + place[label]] += 1
        row[3 * size :] = _looser(found, right)
    return Sums(columns, _formula(names))


def entity_labels(predicted: Sequence[Spans], true: Sequence[Spans], labels: Sequence[str] = ()) -> tuple[str, ...]:
    """These labels, then those that occur besides, in alphabetical order."""
    seen = {label for side in (predicted, true) for spans in side for _, _, label in spans}
    return (*labels, *sorted(seen.difference(labels)))


def entity_scores(predicted: Sequence[Spans], true: Sequence[Spans], labels: Sequence[str] = ()) -> dict[str, Any]:
    """The figures of `entity_measurement`, with precision, recall, F1 and support under `per_label`."""
    names = entity_labels(predicted, true, labels)
    measurement = entity_measurement(predicted, true, names)
    hits, guesses, support = measurement.columns.sum(0)[: 3 * len(names)].reshape(3, -1)
    overall = {name: value for name, value in scores(measurement).items() if not name.startswith("f1/")}
    return {**overall, "per_label": per_label(hits, guesses, support, names)}


def _formula(labels: Sequence[str]) -> Callable[[np.ndarray], Figures]:
    size = len(labels)

    def formula(sums: np.ndarray) -> Figures:
        hits, guesses, support = (sums[:, i * size : (i + 1) * size] for i in range(3))
        each = harmonic(ratio(hits, guesses), ratio(hits, support))
        found, given = guesses.sum(-1), support.sum(-1)
        exact, partial, typed = sums[:, 3 * size :].T
        return {
            **_triple("", hits.sum(-1), found, given),
            "macro_f1": each.mean(-1) if size else np.zeros(len(sums)),
            **_triple("exact_", exact, found, given),
            **_triple("partial_", partial, found, given),
            **_triple("type_", typed, found, given),
            **{f"f1/{label}": each[:, i] for i, label in enumerate(labels)},
        }

    return formula


def _triple(prefix: str, right: np.ndarray, found: np.ndarray, given: np.ndarray) -> Figures:
    precision, recall = ratio(right, found), ratio(right, given)
    return {
        f"{prefix}precision": precision,
        f"{prefix}recall": recall,
        f"{prefix}f1": harmonic(precision, recall),
    }


def _looser(found: set[Span], right: set[Span]) -> tuple[int, float, int]:
    """How much of one text's entities is right by their boundaries, partly, and by label and overlap."""
    left, open_ = _bounds(found), _bounds(right)
    exact = (left & open_).total()  # whatever the labels
    partial = exact + HALF * _pairs(left - open_, open_ - left)
    labels = {label for _, _, label in found}
    typed = sum(_pairs(_bounds(found, label), _bounds(right, label)) for label in labels)
    return exact, partial, typed


def _bounds(spans: set[Span], label: str | None = None) -> Counter[tuple[int, int]]:
    return Counter((start, end) for start, end, name in spans if label is None or name == label)


def _pairs(first: Counter[tuple[int, int]], second: Counter[tuple[int, int]]) -> int:
    """How many overlapping pairs there are in which no span occurs twice: the next two that overlap are a pair.
    That is the most there can be where no two spans of one side overlap."""
    left, right = (sorted(side.elements(), reverse=True) for side in (first, second))
    pairs = 0
    while left and right:
        (start, end), (other_start, other_end) = left[-1], right[-1]
        overlap = start < other_end and other_start < end
        pairs += overlap
        if overlap or end <= other_start:
            left.pop()
        if overlap or end > other_start:
            right.pop()
    return pairs
