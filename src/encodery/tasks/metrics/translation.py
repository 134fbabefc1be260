"""Translations: BLEU and chrF, by sacreBLEU itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from encodery.errors import UserError
from encodery.tasks.metrics.measurement import Figures, Sums


def translation_measurement(
    predicted: Sequence[str], references: Sequence[Sequence[str]], target_language: str = ""
) -> Sums:
    """`bleu` and `chrf` (chrF2), from 0 to 100, equal to sacreBLEU's `corpus_score`: the statistics of each segment
    and the score of their sums are its own, so that intervals and comparisons never tokenize a second time.

    Each of `references` is a whole translation, in the order of `predicted`. BLEU's words are those of `13a`, and
    of `zh`, `ja-mecab` or `ko-mecab` for these target languages, as sacreBLEU chooses.

    Raises:
        UserError: sacreBLEU (extra `translation`) is not installed, there are no references, or the numbers of
        lines differ.
    """
    for i, reference in enumerate(references):
        if len(reference) != len(predicted):
            raise UserError(
                f"reference {i + 1} has {len(reference)} lines and the translation {len(predicted)}; "
                "each line of one must belong to the same line of the other"
            )
    if not references:
        raise UserError("translations are compared with references; 0 were given, 1 or more are needed")
    metrics = _metrics(target_language)
    statistics = [np.array(metric._extract_corpus_statistics(predicted, references)) for metric in metrics]
    border = statistics[0].shape[1]

    def formula(sums: np.ndarray) -> Figures:
        bleu, chrf = metrics
        return {
            "bleu": np.array([_score(bleu, row[:border]) for row in sums]),
            "chrf": np.array([_score(chrf, row[border:]) for row in sums]),
        }

    return Sums(np.concatenate(statistics, axis=1).astype(np.float64), formula)


def translation_signature(references: int, target_language: str = "") -> dict[str, str]:
    """What sacreBLEU asks to print beside its scores, so that others can compare theirs.

    Raises:
        UserError: sacreBLEU is not installed.
    """
    signatures = {}
    for name, metric in zip(("bleu", "chrf"), _metrics(target_language), strict=True):
        metric.num_refs = references
        signatures[name] = str(metric.get_signature())
    return signatures


def _score(metric: Any, sums: np.ndarray) -> float:
    return float(metric._compute_score_from_stats([int(value) for value in sums]).score)


def _metrics(target_language: str) -> tuple[Any, Any]:
    try:
        from sacrebleu.metrics import BLEU, CHRF
    except ImportError:
        raise UserError(
            "translations are scored by sacreBLEU, which is not installed; try: pip install 'encodery[translation]'"
        ) from None
    return BLEU(trg_lang=target_language), CHRF()
