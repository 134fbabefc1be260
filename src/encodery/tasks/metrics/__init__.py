"""Scores of predictions against what is true, and how far they can be trusted.

Each kind of prediction is measured example by example (`Measurement`); scores, intervals, slices and comparisons
all fall out of that one shape.
"""

from encodery.tasks.metrics.alignment import FATES, Pair, align
from encodery.tasks.metrics.answers import (
    Answered,
    AnswerRules,
    answer_measurement,
    answer_scores,
    compare_answers,
    threshold_scores,
)
from encodery.tasks.metrics.chunks import chunks
from encodery.tasks.metrics.classification import (
    Confusion,
    classification_scores,
    multi_label_measurement,
    multi_label_scores,
)
from encodery.tasks.metrics.correlation import Correlation, cosine_similarity, regression_scores
from encodery.tasks.metrics.entities import entity_measurement, entity_scores
from encodery.tasks.metrics.groups import average_scores, group_scores, rows_of
from encodery.tasks.metrics.intervals import bootstrap, intervals
from encodery.tasks.metrics.joint import Joint
from encodery.tasks.metrics.label_noise import Suspect, label_suspects
from encodery.tasks.metrics.measurement import Measurement, Sums, scores
from encodery.tasks.metrics.no_answer import best_threshold, precision_recall, threshold_curve
from encodery.tasks.metrics.retrieval import pair_retrieval, retrieval_measurement
from encodery.tasks.metrics.seeds import Estimate, mean_interval, paired_difference
from encodery.tasks.metrics.significance import Difference, difference, mcnemar
from encodery.tasks.metrics.slices import length_slices, slice_scores
from encodery.tasks.metrics.spread import spread
from encodery.tasks.metrics.translation import translation_measurement, translation_signature

__all__ = [
    "FATES",
    "AnswerRules",
    "Answered",
    "Confusion",
    "Correlation",
    "Difference",
    "Estimate",
    "Joint",
    "Measurement",
    "Pair",
    "Sums",
    "Suspect",
    "align",
    "answer_measurement",
    "answer_scores",
    "average_scores",
    "best_threshold",
    "bootstrap",
    "chunks",
    "classification_scores",
    "compare_answers",
    "cosine_similarity",
    "difference",
    "entity_measurement",
    "entity_scores",
    "group_scores",
    "intervals",
    "label_suspects",
    "length_slices",
    "mcnemar",
    "mean_interval",
    "multi_label_measurement",
    "multi_label_scores",
    "pair_retrieval",
    "paired_difference",
    "precision_recall",
    "regression_scores",
    "retrieval_measurement",
    "rows_of",
    "scores",
    "slice_scores",
    "spread",
    "threshold_curve",
    "threshold_scores",
    "translation_measurement",
    "translation_signature",
]
