"""Entities: by hand, by definition, against `seqeval`, and against published scores."""

import gzip
import json
import re
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.tasks.metrics import chunks, entity_measurement, entity_scores, scores

Spans = list[tuple[int, int, str]]


def test_the_cases_of_semeval_2013_by_hand() -> None:
    """In this order: right; spurious; missed; another label; another boundary; another boundary and label."""
    true: list[Spans] = [[(0, 5, "A")], [], [(0, 5, "A")], [(0, 5, "A")], [(0, 5, "A")], [(0, 5, "A")]]
    predicted: list[Spans] = [[(0, 5, "A")], [(0, 5, "A")], [], [(0, 5, "B")], [(1, 5, "A")], [(4, 9, "B")]]
    figures = entity_scores(predicted, true)
    for name, right in (("", 1.0), ("exact_", 2.0), ("partial_", 3.0), ("type_", 2.0)):
        for figure in ("precision", "recall", "f1"):  # 5 were found, 5 are given
            assert figures[f"{name}{figure}"] == pytest.approx(right / 5), name
    assert figures["per_label"] == {
        "A": {
            "precision": pytest.approx(1 / 3),
            "recall": pytest.approx(1 / 5),
            "f1": pytest.approx(2 / 8),
            "support": 5,
        },
        "B": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0},
    }
    assert figures["macro_f1"] == pytest.approx((2 / 8 + 0) / 2)


def test_touching_is_no_overlap() -> None:
    figures = entity_scores([[(0, 5, "A")]], [[(5, 9, "A")]])
    assert (figures["partial_f1"], figures["type_f1"]) == (0.0, 0.0)


def test_an_entity_is_paired_once() -> None:
    """Two pieces of one entity: one is half right, the other spurious."""
    figures = entity_scores([[(0, 3, "A"), (4, 9, "A")]], [[(0, 9, "A")]])
    assert figures["partial_precision"] == pytest.approx(0.5 / 2)
    assert figures["partial_recall"] == pytest.approx(0.5)
    assert figures["type_recall"] == pytest.approx(1.0)


def test_right_boundaries_come_before_overlaps() -> None:
    figures = entity_scores([[(0, 9, "A"), (4, 6, "A")]], [[(4, 6, "A")]])
    assert figures["partial_recall"] == pytest.approx(1.0)


def test_order_and_repetition_do_not_matter() -> None:
    true: list[Spans] = [[(0, 2, "A"), (3, 5, "B"), (6, 8, "A")]]
    predicted = [[(6, 8, "A"), (0, 2, "A"), (0, 2, "A"), (3, 4, "B")]]
    assert entity_scores(predicted, true) == entity_scores([sorted(set(predicted[0]))], [true[0][::-1]])


def test_no_entities_at_all() -> None:
    figures = entity_scores([[], []], [[], []])
    assert figures["per_label"] == {}
    assert {value for name, value in figures.items() if name != "per_label"} == {0.0}


def test_labels_may_be_more_than_the_data_have() -> None:
    figures = scores(entity_measurement([[(0, 1, "B")]], [[(0, 1, "B")]], ("C", "A")))
    assert [name for name in figures if "/" in name] == ["f1/C", "f1/A", "f1/B"]
    assert figures["macro_f1"] == pytest.approx(1 / 3)


def test_numbers_are_plain_so_that_they_can_be_written_as_json() -> None:
    assert json.loads(json.dumps(entity_scores([[(0, 1, "A")]], [[]])))["per_label"]["A"]["support"] == 0


@st.composite
def flat_spans(draw: st.DrawFn) -> Spans:
    """Some that do not overlap each other."""
    borders = sorted(draw(st.sets(st.integers(0, 23), max_size=8)))
    labels = draw(st.lists(st.sampled_from("AB"), min_size=4, max_size=4))
    return [
        (*pair, label) for pair, label in zip(zip(borders[::2], borders[1::2], strict=False), labels, strict=False)
    ]


def most_pairs(left: Spans, right: Spans, typed: bool) -> int:
    """By trying every way to pair them."""

    def fits(one: tuple[int, int, str], other: tuple[int, int, str]) -> bool:
        return one[0] < other[1] and other[0] < one[1] and (not typed or one[2] == other[2])

    small, large = sorted((left, right), key=len)
    orders = permutations(large, len(small))
    return max(sum(fits(*pair) for pair in zip(small, order, strict=True)) for order in orders)


@settings(max_examples=307)
@given(flat_spans(), flat_spans())
def test_the_looser_measures_pair_as_many_as_can_be_paired(found: Spans, right: Spans) -> None:
    figures = entity_scores([found], [right])
    exact = len({span[:2] for span in found} & {span[:2] for span in right})
    assert figures["exact_recall"] * len(right) == pytest.approx(exact)
    expected = exact + (most_pairs(found, right, typed=False) - exact) / 2
    assert figures["partial_recall"] * len(right) == pytest.approx(expected if right else 0.0)
    assert figures["type_recall"] * len(right) == pytest.approx(
        most_pairs(found, right, typed=True) if right else 0.0
    )


KINDS = ["O", *(f"{kind}-{label}" for kind in "BIES" for label in ("PER", "LOC", "ORG"))]
TAGGED = st.lists(
    st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS)), min_size=1, max_size=13),
    min_size=1,
    max_size=7,
)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=101)
@given(TAGGED)
def test_scores_equal_those_of_seqeval(sentences: list[list[tuple[str, str]]]) -> None:
    """To the last bit."""
    seqeval: Any = pytest.importorskip("seqeval.metrics")
    true, predicted = ([[pair[side] for pair in sentence] for sentence in sentences] for side in (0, 1))
    figures = entity_scores([chunks(tags) for tags in predicted], [chunks(tags) for tags in true])
    for name in ("precision", "recall", "f1"):
        assert figures[name] == float(getattr(seqeval, f"{name}_score")(true, predicted)), name
    if figures["per_label"]:
        assert figures["macro_f1"] == pytest.approx(seqeval.f1_score(true, predicted, average="macro"), abs=1e-15)
        report = seqeval.classification_report(true, predicted, output_dict=True)
        for label, expected in figures["per_label"].items():
            assert expected["f1"] == pytest.approx(report[label]["f1-score"], abs=1e-15)
            assert expected["support"] == report[label]["support"]


@settings(max_examples=53)
@given(TAGGED, st.data())
def test_weights_are_repetitions(sentences: list[list[tuple[str, str]]], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(sentences), max_size=len(sentences)).filter(any))
    true, predicted = ([chunks([pair[side] for pair in sentence]) for sentence in sentences] for side in (0, 1))
    measured = entity_measurement(predicted, true)
    figures = measured.figures(np.array([weights], dtype=np.float64))
    for name, value in scores(measured.take(np.repeat(np.arange(len(weights)), weights))).items():
        assert figures[name].tolist() == pytest.approx([value]), name


def read_tags(path: Path) -> list[list[str]]:
    """The last column of each block of lines."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        blocks = re.split(r"\n\s*\n", file.read().strip())
    return [[line.split()[-1] for line in block.splitlines()] for block in blocks]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("run", ["pcm_afroxlmr_run1", "pcm_afroxlmr_run2", "ibo_afroxlmr_run1", "ibo_afroxlmr_run2"])
def test_published_predictions_have_the_published_scores(shared_data: Path, run: str) -> None:
    """MasakhaNER 2.0: to every digit that the authors printed."""
    folder = shared_data / "oracles/masakhaner2-predictions"
    expected = next(
        row for row in json.loads((folder / "expected.json").read_text()) if row["file"] == f"{run}.txt.gz"
    )
    predicted = [chunks(tags) for tags in read_tags(folder / f"{run}.txt.gz")]
    true = [chunks(tags) for tags in read_tags(shared_data / expected["gold"])]
    figures = entity_scores(predicted, true)
    assert {name: figures[name] for name in ("precision", "recall", "f1")} == {
        name: expected[name] for name in ("precision", "recall", "f1")
    }
    report = [line.split() for line in (folder / f"{run}.result.txt").read_text().splitlines()]
    for label, row in figures["per_label"].items():
        figures_of_label = [f"{row[name]:.2f}" for name in ("precision", "recall", "f1")]
        assert [label, *figures_of_label, str(row["support"])] in report, label


def test_the_sample_of_conlleval_has_its_figures(shared_data: Path) -> None:
    """Every number of its report, the lines of the labels included."""
    folder = shared_data / "oracles/conlleval"
    rows = [line.split() for line in (folder / "ground_truth.txt").read_text().splitlines()]
    columns = ([row[place] if row else "O" for row in rows] for place in (2, 3))
    true, predicted = ([chunks(column)] for column in columns)
    figures, report = entity_scores(predicted, true), (folder / "ground_truth.conlleval.txt").read_text()
    counts = [sum(map(bool, rows)), len(true[0]), len(predicted[0]), len(set(true[0]) & set(predicted[0]))]
    assert counts == [961, 459, 539, 371]
    assert [int(number) for number in re.findall(r"\d+", report.splitlines()[0])] == counts
    totals = "; ".join(
        f"{title}: {100 * figures[name]:6.2f}{unit}"
        for title, name, unit in (("precision", "precision", "%"), ("recall", "recall", "%"), ("FB1", "f1", ""))
    )
    assert re.sub(r" +", " ", totals) in re.sub(r" +", " ", report)
    for label, row in figures["per_label"].items():
        printed = (
            f"{label}: precision: {100 * row['precision']:.2f}%; recall: {100 * row['recall']:.2f}%; "
            f"FB1: {100 * row['f1']:.2f} {sum(name == label for _, _, name in predicted[0])}"
        )
        assert printed in re.sub(r" +", " ", report), label
