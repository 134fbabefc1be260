"""Checks over all records: texts that are there more than once."""

from collections.abc import Iterator

from encodery.data.validation.check import Found, check
from encodery.data.validation.choices import CHOICES
from encodery.data.validation.labels import LABELLED
from encodery.data.validation.rows import Row, label_key, text_key
from encodery.data.validation.survey import Earlier, Survey

UNLIKE = "case, white space or Unicode form"


def _same(earlier: Earlier, row: Row) -> bool:
    return earlier.label == hash(label_key(row))


def _other_label(earlier: Earlier, row: Row) -> str:
    if row.kind == "translation":
        return "another translation"
    if not earlier.shown:
        return "other answers" if row.kind == "question-answering" else "other labels"
    return f"the label {earlier.shown:.40}, here {row.record.get('label')!r:.40}"


def _label(row: Row) -> str:
    return "translation" if row.kind == "translation" else "label"


def is_repeated(row: Row, survey: Survey) -> bool:
    """Whether an earlier record of the split has the same text and label."""
    earlier = survey.same_text(row)
    return bool(earlier and earlier.part == row.part and _same(earlier, row))


@check(
    "D001",
    "warning",
    what="the same text with the same label twice in a split",
    why="it counts twice, in training and in the score",
    fix="keep one of the two (--fix does)",
)
def repeated(row: Row, survey: Survey) -> Iterator[Found]:
    if is_repeated(row, survey) and (earlier := survey.same_text(row)) and _has_text(row):
        yield Found(f"the same text and {_label(row)} as {earlier.source}")


@check(
    "D002",
    "note",
    what=f"two texts of a split that differ in {UNLIKE} alone, with the same label",
    why="they are nearly one example",
    fix="keep one of the two, unless the difference matters",
)
def nearly_repeated(row: Row, survey: Survey) -> Iterator[Found]:
    earlier = survey.similar_text(row)
    if earlier and earlier.part == row.part and _same(earlier, row) and _has_text(row):
        yield Found(f"the same as {earlier.source} but for {UNLIKE}")


@check(
    "D003",
    "warning",
    what="the same text in two splits (leakage)",
    why="the model has seen it in training: its score says how well it remembers",
    fix="keep it in one split; a test set that others use too is better left alone, so take it out of train",
)
def leaked(row: Row, survey: Survey) -> Iterator[Found]:
    earlier = survey.same_text(row)
    if earlier and earlier.part != row.part and _has_text(row):
        label = "" if _same(earlier, row) else f", which has {_other_label(earlier, row)}"
        yield Found(f"the text is also in {earlier.split}: {earlier.source}{label}")


@check(
    "D004",
    "note",
    what=f"two texts in two splits that differ in {UNLIKE} alone",
    why="to most models they are the same text: its score says how well it remembers",
    fix="keep it in one split, as for D003",
)
def nearly_leaked(row: Row, survey: Survey) -> Iterator[Found]:
    earlier = survey.similar_text(row)
    if earlier and earlier.part != row.part and _has_text(row):
        yield Found(f"but for {UNLIKE} the text is also in {earlier.split}: {earlier.source}")


@check(
    "D005",
    "warning",
    what="the same text with different labels in a split",
    why="at most one of the two can be right, and no model can learn both",
    fix="decide for one label, or leave the text out",
    kinds=(*LABELLED, *CHOICES),
)
def conflicting(row: Row, survey: Survey) -> Iterator[Found]:
    earlier = survey.same_text(row) if survey.classes else None
    if earlier and earlier.part == row.part and not _same(earlier, row) and _has_text(row):
        yield Found(f"{earlier.source} has the same text with {_other_label(earlier, row)}")


@check(
    "D006",
    "note",
    what=f"two texts of a split that differ in {UNLIKE} alone, with different labels",
    why="case may be what makes the difference, or one label is wrong",
    fix="see which label is right",
    kinds=("text-classification",),
)
def nearly_conflicting(row: Row, survey: Survey) -> Iterator[Found]:
    earlier = survey.similar_text(row) if survey.classes else None
    if earlier and earlier.part == row.part and not _same(earlier, row) and _has_text(row):
        yield Found(f"{earlier.source} differs in {UNLIKE} alone and has {_other_label(earlier, row)}")


@check(
    "D007",
    "note",
    what="the same text with other numbers as labels or another translation, or the same question with other "
    "answers, in a split",
    why="both may be right: people measure, translate and answer differently; the text counts twice",
    fix="keep one, with the mean of the numbers or all the answers; of translations both, if both are right",
)
def counted_twice(row: Row, survey: Survey) -> Iterator[Found]:
    several = row.kind in ("question-answering", "translation") or not survey.classes
    earlier = survey.same_text(row) if several else None
    if earlier and earlier.part == row.part and not _same(earlier, row) and _has_text(row):
        yield Found(f"{earlier.source} has the same text with {_other_label(earlier, row)}")


def _has_text(row: Row) -> bool:
    """Empty texts are all the same; R003 has said it."""
    return any(part.strip() for part in text_key(row))
