"""Checks of labels over all splits: classes, and the types of entities."""

from collections.abc import Iterator

from encodery.data.formats.tags import split_tag
from encodery.data.validation.check import Found, check
from encodery.data.validation.finding import Place
from encodery.data.validation.rows import Kind, Row, label_of
from encodery.data.validation.survey import TRAIN, Survey

LABELLED: tuple[Kind, ...] = ("text-classification", "token-classification")


def place_of(row: Row, label: str) -> Place | None:
    """Where a record's entity with this label is."""
    for index, tag in enumerate(row.tags or ()):
        if label_of(tag) == label:
            return row.token(index)
    for span in row.entities:
        if span.label == label:
            return Place(row.text, span.start, span.end)
    return None


def _distinct(row: Row, survey: Survey) -> Iterator[str]:
    if not survey.classes:
        return
    prefixed = survey.scheme != "plain"  # then a tag without a prefix has no label: B002 says what it is
    mistaken = {tag for tag in row.tags or () if prefixed and not split_tag(tag)[0]}
    yield from dict.fromkeys(label for label in row.labels if label not in mistaken)


def _first_in_train(row: Row, survey: Survey) -> Iterator[str]:
    """The labels that this record is the first of train to have: where what is to be said of a label is said."""
    if row.part == TRAIN:
        for label in _distinct(row, survey):
            if survey.labels[TRAIN][label].first == row.number:
                yield label


@check(
    "L001",
    "error",
    what="a label that train has not (or that `task.labels` does not list, or the model given does not know)",
    why="the model has no output for it: evaluation stops here",
    fix="correct the label, or give train examples of it",
    kinds=LABELLED,
)
def unseen_label(row: Row, survey: Survey) -> Iterator[Found]:
    known = survey.known_labels
    for label in _distinct(row, survey) if known else ():
        if label not in known:
            usual = survey.usual_spelling(label)
            fix = f"write {usual!r:.80}, as train does" if usual in known else ""
            among = survey.options.labels_by if survey.options.labels else "the labels of train"
            shown = ", ".join(map(repr, sorted(known)))
            yield Found(f"label {label!r:.80} is not among {among} ({shown:.120})", place_of(row, label), fix)


@check(
    "L002",
    "note",
    what="a label of train that no other split has",
    why="it is learned and never measured",
    fix="move some of its examples to dev and test, or leave it out",
    kinds=LABELLED,
)
def only_in_train(row: Row, survey: Survey) -> Iterator[Found]:
    others = [part for part in survey.parts if part != TRAIN]
    for label in _first_in_train(row, survey) if others else ():
        if survey.usual_spelling(label) == label and not any(survey.count(part, label) for part in others):
            yield Found(
                f"label {label!r:.80} occurs in train alone, not in {', '.join(others)}", place_of(row, label)
            )


@check(
    "L003",
    "warning",
    what="one label in two spellings (`Positive`, `positive `)",
    why="the model learns two classes where one is meant",
    fix="write the more frequent spelling",
    kinds=LABELLED,
)
def two_spellings(row: Row, survey: Survey) -> Iterator[Found]:
    for label in _distinct(row, survey):
        usual = survey.usual_spelling(label)
        # where train has not even this spelling, L001 has said it
        if usual != label and (label in survey.known_labels or not survey.has_train):
            yield Found(f"label {label!r:.80}; elsewhere it is spelled {usual!r:.80}", place_of(row, label))


@check(
    "L004",
    "note",
    what="a label of train that is many times rarer than the most frequent one",
    why="a model that never predicts it looks good by accuracy",
    fix="look at macro F1 or the figures of each label; label more of the rare ones, or weigh the classes",
    kinds=LABELLED,
)
def imbalance(row: Row, survey: Survey) -> Iterator[Found]:
    for label in _first_in_train(row, survey):
        counts = survey.labels[TRAIN]
        most = max(counts, key=lambda name: counts[name].records)
        ratio = counts[most].records / counts[label].records
        if ratio > survey.options.max_imbalance and survey.usual_spelling(label) == label:
            yield Found(
                f"label {label!r:.80} is in {counts[label].records:,} records of train, {most!r:.80} in "
                f"{counts[most].records:,}: {ratio:.0f} times as many",
                place_of(row, label),
            )


@check(
    "L005",
    "warning",
    what="a label with very few examples in train",
    why="it is hardly learned, and its score is chance",
    fix="label more, or merge it with another label",
    kinds=LABELLED,
)
def few_examples(row: Row, survey: Survey) -> Iterator[Found]:
    least = survey.options.min_examples
    for label in _first_in_train(row, survey):
        count = survey.count(TRAIN, label)
        if count < least and survey.usual_spelling(label) == label:
            message = f"label {label!r:.80} has {count} of the {least} examples that it needs at least in train"
            yield Found(message, place_of(row, label))


@check(
    "L006",
    "error",
    what="train has too few labels to learn from: a single class, or no entity at all",
    why="there is nothing to tell apart",
    fix="add examples of another label; if all labels look alike, see whether the right column is read",
    kinds=LABELLED,
)
def nothing_to_learn(row: Row, survey: Survey) -> Iterator[Found]:
    if row.number > 0 or row.part != TRAIN or not survey.classes:
        return
    counts = survey.labels[TRAIN]
    if row.kind == "token-classification" and not counts:
        yield Found("no record of train has an entity")
    several = isinstance(row.record.get("label"), list) or survey.options.labels
    if row.kind == "text-classification" and len(counts) == 1 and survey.parts[TRAIN] > 1 and not several:
        yield Found(f"every record of train has the label {next(iter(counts))!r:.80}")


@check(
    "L007",
    "note",
    what="a label without a letter or digit (`-`)",
    why="often the mark of a record on whose label nobody agreed",
    fix="remove the record, if that is what the mark says",
    kinds=("text-classification",),
)
def mark_for_label(row: Row, survey: Survey) -> Iterator[Found]:
    for label in _distinct(row, survey):
        if label.strip() and not any(map(str.isalnum, label)):
            yield Found(f"label = {label!r:.80}")
