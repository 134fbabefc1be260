"""BLEU and chrF are sacreBLEU's, also of resamples, and equal the official scores of WMT22."""

import csv
import functools
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encodery.errors import UserError
from encodery.tasks.metrics import scores, translation_measurement, translation_signature

TRANSLATION = ["the cat sat on the mat", "a dog barks loudly today", "it rains again in the north"]
REFERENCES = [
    ["the cat sat on a mat", "the dog barks loudly today", "it is raining in the north again"],
    ["a cat was on the mat", "a dog is barking loud today", "again rain in the north"],
]


def test_scores_are_those_of_sacrebleu() -> None:
    sacrebleu: Any = pytest.importorskip("sacrebleu")
    figures = scores(translation_measurement(TRANSLATION, REFERENCES))
    assert figures == {
        "bleu": sacrebleu.corpus_bleu(TRANSLATION, REFERENCES).score,
        "chrf": sacrebleu.corpus_chrf(TRANSLATION, REFERENCES).score,
    }


def test_weights_are_repetitions() -> None:
    sacrebleu: Any = pytest.importorskip("sacrebleu")
    figures = translation_measurement(TRANSLATION, REFERENCES).figures(np.array([[2.0, 0.0, 1.0], [1.0, 1.0, 1.0]]))
    rows = [0, 0, 2]
    predicted = [TRANSLATION[row] for row in rows]
    references = [[reference[row] for row in rows] for reference in REFERENCES]
    assert figures["bleu"][0] == pytest.approx(sacrebleu.corpus_bleu(predicted, references).score)
    assert figures["chrf"][0] == pytest.approx(sacrebleu.corpus_chrf(predicted, references).score)


def test_chinese_is_cut_into_characters() -> None:
    sacrebleu: Any = pytest.importorskip("sacrebleu")
    predicted, references = ["我们今天去北京看长城"], [["我们今天去北京看故宫"]]
    expected = sacrebleu.corpus_bleu(predicted, references, tokenize="zh").score
    assert scores(translation_measurement(predicted, references, "zh"))["bleu"] == expected > 50


def test_signatures_say_what_was_measured() -> None:
    pytest.importorskip("sacrebleu")
    signatures = translation_signature(2)
    assert signatures["bleu"].startswith("nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert signatures["chrf"].startswith("nrefs:2|case:mixed|eff:yes|nc:6|nw:0|space:no|version:")


def test_a_reference_of_another_length_is_refused() -> None:
    with pytest.raises(UserError) as error:
        translation_measurement(["a", "b"], [["a", "b"], ["a"]])
    assert str(error.value) == (
        "reference 2 has 1 lines and the translation 2; each line of one must belong to the same line of the other"
    )


def test_without_references_there_is_no_score() -> None:
    with pytest.raises(UserError) as error:
        translation_measurement(["a"], [])
    assert str(error.value) == "translations are compared with references; 0 were given, 1 or more are needed"


def test_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    with pytest.raises(UserError) as error:
        translation_measurement(["a"], [["a"]])
    assert str(error.value) == (
        "translations are scored by sacreBLEU, which is not installed; try: pip install 'encodery[translation]'"
    )


def read_pair(archive: Path) -> dict[str, list[str]]:
    """The lines of each file, by its name without folder and language."""
    with tarfile.open(archive) as tar:
        members = [member for member in tar.getmembers() if member.isfile()]
        texts = {member.name: tar.extractfile(member).read().decode() for member in members}  # type: ignore[union-attr]
    return {name.split(".", 2)[2].rsplit(".", 1)[0]: text.rstrip("\n").split("\n") for name, text in texts.items()}


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The n-grams of a line are counted once: a system has several references, and a reference many systems."""
    chrf: Any = pytest.importorskip("sacrebleu.metrics.chrf")
    remember = functools.lru_cache(1 << 13)
    monkeypatch.setattr(chrf, "extract_all_char_ngrams", remember(chrf.extract_all_char_ngrams))


@pytest.mark.parametrize(
    "pair", ["de-fr", pytest.param("cs-en", marks=pytest.mark.slow), pytest.param("en-de", marks=pytest.mark.slow)]
)
@pytest.mark.usefixtures("remembered")
def test_systems_of_wmt22_have_the_official_scores(shared_data: Path, pair: str) -> None:
    """Every system with each reference alone and with all."""
    folder = shared_data / "parallel/wmt22"
    lines = read_pair(folder / f"{pair}.tar.gz")
    with (folder / "scores.tsv").open() as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["pair"] == pair]
    compared = 0
    for system, which in sorted({(row["system"], row["metric"].split("-")[1]) for row in rows}):
        # of equally good references chrF takes the first: C comes before B, as in the official table
        names = [name for name in sorted(lines, reverse=True) if name.startswith("ref.")]
        references = [lines[name] for name in names if which in (name[4:], "all")]
        if which == "all" and len(references) == 1:  # the same again
            continue
        figures = scores(translation_measurement(lines[f"hyp.{system}"], references, pair.split("-")[1]))
        for name in ("bleu", "chrf"):
            expected = next(
                float(row["score"]) for row in rows if (row["system"], row["metric"]) == (system, f"{name}-{which}")
            )
            assert figures[name] == pytest.approx(expected, abs=1e-10), (system, which, name)
            compared += 1
    assert compared >= 12
