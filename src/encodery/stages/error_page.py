"""The page of errors of an evaluation: what is confused, the worst predictions, the weak slices, doubtful labels."""

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from encodery import __version__
from encodery.data.tagged import Entity
from encodery.errors import UserError
from encodery.report.axes import ReferenceLine
from encodery.report.bars import Bar, bar_chart
from encodery.report.curves import Series, line_chart
from encodery.report.marks import Mark, Marked, shortened, window_start
from encodery.report.page import Chart, Example, Fact, RunReport, Section, Table, render_report
from encodery.stages.evaluation import COMPARISON, Evaluation, comparison_rows
from encodery.stages.slicing import LABEL, LANGUAGE, LENGTH, SOURCE, Slices, labels_of, languages_of, lengths_of
from encodery.tasks.judging import Curve, Deciding, Doubt, Judgement, Judging, Matrix
from encodery.tasks.metrics import rows_of

WORST, DOUBTS, CONFUSIONS, LABELS, BARS = 24, 24, 12, 25, 30
OTHERS = "all others"


def write_error_page(evaluation: Evaluation, model: Path, path: Path) -> None:
    """Write the page.

    Raises:
        UserError: it cannot be written there.
    """
    page = render_report(error_page(evaluation, str(model)))
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UserError(f"--errors {path}: cannot be written ({error.strerror}); name a file in a folder") from None


def check_place(path: Path) -> None:
    """Raises `UserError`, before anything is computed, if there is no folder to write the page into."""
    if path.is_dir() or not path.parent.is_dir():
        raise UserError(f"--errors {path}: no file can be there; name a file in a folder that exists")


def error_page(evaluation: Evaluation, name: str) -> RunReport:
    """The page, whatever the task; one that does not judge its predictions shows its scores and slices."""
    task, examples = evaluation.task, evaluation.labelled.examples
    files = ", ".join(dict.fromkeys(evaluation.labelled.files))
    sections = [*_comparison(evaluation)]
    counted = ""
    if cut := evaluation.scores.get("truncated"):
        counted = f" Of {cut:,} of them something is left out (truncated)."
    if isinstance(task, Judging):
        judged = [task.judge(p, e) for p, e in zip(evaluation.predictions, examples, strict=True)]
        wrong = sum(one.error > 0 for one in judged)
        counted += f" {wrong:,} of them are not wholly right."
        sources = [str(example.source) for example in examples]
        sections += [
            *_confusion(task.matrices(evaluation.predictions, examples)),
            *_worst(judged, sources),
            *_doubtful(task.doubts(evaluation.predictions, examples), judged, sources),
        ]
    if isinstance(task, Deciding):
        sections += _decided(task.curves(evaluation.predictions, examples))
    sections.append(_slices(evaluation))
    return RunReport(
        title=f"Errors of {name}",
        summary=[f"{task.name}: {len(examples):,} examples of {files}.{counted}"],
        results=_headline(evaluation),
        sections=sections,
        footer=f"Encodery {__version__}, Python {platform.python_version()}. Intervals: 95 %, by the bootstrap.",
    )


def _headline(evaluation: Evaluation) -> list[Fact]:
    scores = evaluation.scores
    return [
        Fact(_spoken(name), f"{scores[name]:.3f}", _interval(scores.get("intervals", {}).get(name)))
        for name in evaluation.task.headline
        if name in scores
    ]


def _interval(ends: Sequence[float] | None) -> str:
    return f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else ""


def _spoken(figure: str) -> str:
    return figure.replace("_", " ").replace("f1", "F1")


def _comparison(evaluation: Evaluation) -> list[Section]:
    against = evaluation.against
    if not against:
        return []
    rows = [(_spoken(name), *figures) for name, *figures in comparison_rows(against)]
    words = "Both models on the same examples. Above 0: this model is higher."
    return [
        Section("Comparison", [words], tables=[Table(f"Against {against['model']}", ("figure", *COMPARISON), rows)])
    ]


def _confusion(matrices: Sequence[Matrix]) -> list[Section]:
    if not matrices:
        return []
    rows = sorted(
        (
            (count, row, column)
            for matrix in matrices[:1]
            for row, counts in zip(matrix.rows, matrix.counts, strict=True)
            for column, count in zip(matrix.columns, counts, strict=True)
            if count and not matrix.is_right(row, column) and not matrix.is_neutral(row, column)
        ),
        reverse=True,
    )
    most = Table(
        "The most frequent errors",
        ("label", "became", "times"),
        [(row, column, f"{count:,}") for count, row, column in rows[:CONFUSIONS]],
    )
    text = "Shaded by the share of the row: green is right, red is wrong."
    return [Section("Confusion", [text], tables=[most] if rows else [], matrices=[*map(folded, matrices)])]


def folded(matrix: Matrix) -> Matrix:
    """At most `LABELS` rows, those with the most errors; the others are added up (in a square one both ways)."""
    if len(matrix.rows) <= LABELS:
        return matrix
    square = matrix.rows == matrix.columns
    errors = [
        sum(count for column, count in zip(matrix.columns, counts, strict=True) if not matrix.is_right(row, column))
        for row, counts in zip(matrix.rows, matrix.counts, strict=True)
    ]
    kept = sorted(sorted(range(len(errors)), key=lambda row: -errors[row])[:LABELS])
    rest = sorted(set(range(len(errors))) - set(kept))
    picks = [[index] for index in kept] + [rest]
    columns = picks if square else [[index] for index in range(len(matrix.columns))]
    counts = tuple(
        tuple(sum(matrix.counts[r][c] for r in rows for c in cells) for cells in columns) for rows in picks
    )
    names = (*(matrix.rows[index] for index in kept), OTHERS)
    caption = f"{matrix.caption}; {len(rest)} labels with fewer errors are added up"
    return Matrix(caption, names, names if square else matrix.columns, counts, matrix.right, matrix.neutral)


def _decided(curves: Sequence[Curve]) -> list[Section]:
    charts = [
        Chart(
            line_chart(
                [Series(name, *line) for name, line in curve.lines.items()],
                curve.title,
                curve.x_label,
                curve.y_label,
                [ReferenceLine(name, level) for name, level in curve.levels.items()],
            ),
            curve.caption,
        )
        for curve in curves
    ]
    return [Section("Thresholds", charts=charts)] if charts else []


def _worst(judged: Sequence[Judgement], sources: Sequence[str]) -> list[Section]:
    rows = sorted((row for row in range(len(judged)) if judged[row].error > 0), key=lambda row: -judged[row].error)
    examples = [_example(judged[row], sources[row]) for row in rows[:WORST]]
    words = ["What the model was surest of and wrong about comes first; of numbers, what is furthest off."]
    if any(one.question for one in judged):
        words.append("An answer that has words of the right one counts by the share of F1 that it lacks.")
    elif any(one.found or one.given for one in judged):
        words.append("An entity that was missed counts one half: no probability says how sure the model was.")
    return [Section("Worst errors", words, examples=examples)] if examples else []


def _example(one: Judgement, source: str, note: str = "") -> Example:
    readings = _readings(one) if one.found or one.given else ()
    small = f"{source} · {note}" if note else source
    return Example(shortened(one.text), one.predicted, one.true, _largest(one.scores), readings, small)


def _largest(scores: Mapping[str, float]) -> dict[str, float]:
    """The five highest, in their order."""
    kept = sorted(scores, key=lambda name: -scores[name])[:5]
    return {name: score for name, score in scores.items() if name in kept}


def _readings(one: Judgement) -> tuple[Marked, ...]:
    """The text with the true entities, and with the predicted ones, under what was asked of it."""
    given, found = _marks(one.given, one.found), _marks(one.found, one.given)
    first = window_start([*given, *found])
    asked = [Marked("question", one.question, ())] if one.question else []
    return *asked, Marked("expected", one.text, given, first), Marked("predicted", one.text, found, first)


def _marks(entities: Sequence[Entity], others: Sequence[Entity]) -> list[Mark]:
    return [Mark(entity.start, entity.end, entity.label, entity in others) for entity in entities]


def _doubtful(doubts: Sequence[Doubt], judged: Sequence[Judgement], sources: Sequence[str]) -> list[Section]:
    """One entry for each text, where its surest doubt stands."""
    notes: dict[int, list[str]] = {}
    for doubt in doubts:
        note = f"stated: {doubt.stated}; suggested: {doubt.suggested} ({doubt.sureness:.2f})"
        notes.setdefault(doubt.row, []).append(note)
    shown = [_example(judged[row], sources[row], " · ".join(notes[row])) for row in [*notes][:DOUBTS]]
    words = [
        f"{len(doubts):,} labels may be wrong: the model disagrees with them, and as surely as it is right elsewhere "
        "(Northcutt et al. 2021, as docs/evaluation.md says). Some of them are its own errors: look first.",
        "This says something only of data that the model was not trained on.",
    ]
    return [Section("Suspected label noise", words, examples=shown)] if shown else []


def _slices(evaluation: Evaluation) -> Section:
    """A chart for each way of slicing that gives more than one slice."""
    task, labelled = evaluation.task, evaluation.labelled
    ways = {
        LENGTH: Slices(lengths_of(task, labelled.examples)),
        LANGUAGE: Slices(languages_of(labelled.examples)),
    }
    files = rows_of(labelled.files)
    if [*files.values()] != [*ways[LANGUAGE].groups.values()]:  # a file for each language says the same twice
        ways[SOURCE] = Slices(files)
    if isinstance(task, Judging) and any(map(task.labels_of, labelled.examples)):
        ways[LABEL] = Slices(labels_of(task, labelled.examples), of_labels=True)
    tables = {
        name: evaluation.slices.get(name) or way.scores(evaluation.measurement, task.headline)
        for name, way in ways.items()
        if len(way.groups) > 1
    }
    tables |= {name: slices for name, slices in evaluation.slices.items() if name not in ways}
    return Section("Slices", charts=[_chart(name, slices, task.headline[0]) for name, slices in tables.items()])


def _chart(name: str, slices: Mapping[str, Mapping[str, Any]], headline: str) -> Chart:
    bars = []
    for key, scores in [*slices.items()][:BARS]:
        figure = headline if headline in scores else "f1"
        if figure in scores:
            low, high = scores["intervals"][figure]
            bars.append(Bar(key, [scores[figure]], (low, high), f"{scores['examples']:,}"))
    title = f"By {name}" + (" in tokens" if name == LENGTH else "")
    left = len(slices) - BARS
    caption = f"The first {BARS} of {len(slices)}." if left > 0 else ""
    return Chart(bar_chart(bars, title, f"{_spoken(headline)}, interval (examples)"), caption)
