"""Translations: BLEU and chrF, by sacreBLEU itself."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from encodery.errors import UserError
from encodery.tasks.metrics.measurement import Figures, Sums

_WITHOUT_SPACES = {
    "zh": "zh",
    "zho": "zh",
    "chi": "zh",
    "cmn": "zh",
    "ja": "ja",
    "jpn": "ja",
    "ko": "ko",
    "kor": "ko",
}
"""What sacreBLEU calls the languages whose words it sets apart in ways of their own."""


@dataclass(frozen=True)
class Sentences:
    """Translations into one or several languages, each with what is right."""

    predicted: Sequence[str]
    references: Sequence[str]
    languages: Sequence[str]
    """Of each translation."""


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


def translation_sums(sentences: Sentences) -> Sums:
    """The figures of `translation_measurement`, over the statistics of all languages together.

    Raises:
        UserError: sacreBLEU is not installed, or not all that it needs for a language.
    """
    known = [sacrebleu_language(language) for language in sentences.languages]
    found: Sums | None = None
    for language in dict.fromkeys(known):
        rows = [row for row, other in enumerate(known) if other == language]
        predicted, references = ([side[row] for row in rows] for side in (sentences.predicted, sentences.references))
        part = translation_measurement(predicted, [references], language)
        if found is None:
            found = Sums(np.zeros((len(known), part.columns.shape[1])), part.formula)
        found.columns[rows] = part.columns
    assert found is not None, "there is at least one translation"
    return found


def sacrebleu_language(name: str) -> str:
    """What sacreBLEU calls a language, where that changes a score: `zh-Hans` and `cmn` are `zh`."""
    return _WITHOUT_SPACES.get(re.split("[-_]", name.lower())[0], "")


def translation_signatures(languages: Iterable[str]) -> dict[str, str]:
    """`translation_signature` for one reference and these languages; several, where their words are set apart in
    several ways."""
    found = [translation_signature(1, language) for language in sorted({*map(sacrebleu_language, languages)})]
    return {name: "; ".join(dict.fromkeys(each[name] for each in found)) for name in ("bleu", "chrf")}


def sentence_errors(predicted: Sequence[str], references: Sequence[str]) -> list[float]:
    """What the chrF of each sentence lacks of 100, as a share: 0 where it is as it should be, to 1."""
    _, chrf = _metrics("")
    pairs = zip(predicted, references, strict=True)
    return [0.0 if said == right else 1 - chrf.sentence_score(said, [right]).score / 100 for said, right in pairs]


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
    try:
        return BLEU(trg_lang=target_language), CHRF()
    except RuntimeError:
        raise UserError(
            f"sacreBLEU sets the words of {target_language} apart with a package that is not installed; try: pip "
            f"install 'sacrebleu[{target_language}]'"
        ) from None
