"""Errors of entities: which were taken for which, in whole and word by word, and which labels may be wrong."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from encodery.data.scripts import word_spans
from encodery.data.tagged import Entity, TaggedExample
from encodery.tasks.judging import Doubt, Judgement, Matrix
from encodery.tasks.metrics import FATES, Pair, align

NONE = "none"
UNSCORED = 0.5
"""How sure a model was that there is no entity where it missed one: nothing says it."""


def found_entities(prediction: Mapping[str, Any]) -> tuple[Entity, ...]:
    """Those of a prediction in the record form."""
    return tuple(Entity(e["start"], e["end"], e["label"]) for e in prediction["entities"])


def judge_entities(prediction: Mapping[str, Any], example: TaggedExample) -> Judgement:
    """The entities of one text; its error is the surest wrong one, a missed one counts `UNSCORED`."""
    found, given = found_entities(prediction), example.entities or ()
    scores = _scores(prediction)
    wrong = [pair for pair in align(found, given) if pair.fate != "right"]
    error = max((scores[pair.found] if pair.found else UNSCORED for pair in wrong), default=0.0)
    return Judgement(
        example.text, _listed(example.text, found), _listed(example.text, given), error, found=found, given=given
    )


def entity_matrices(
    predictions: Sequence[Mapping[str, Any]], examples: Sequence[TaggedExample], labels: Sequence[str]
) -> list[Matrix]:
    """The fate of the entities of each label; which label was taken for which; the same of words."""
    pairs = _aligned(predictions, examples)
    fates: Counter[tuple[str, str]] = Counter((_label(pair.given or pair.found), pair.fate) for pair in pairs)
    taken = Counter((_label(pair.given), _label(pair.found)) for pair in pairs)
    words: Counter[tuple[str, str]] = Counter()
    for prediction, example in zip(predictions, examples, strict=True):
        spans = example.words if example.words is not None else word_spans(example.text)
        given = _words(spans, example.entities or ())
        words.update(zip(given, _words(spans, found_entities(prediction)), strict=True))
    names = tuple(sorted({*labels, *(name for name, _ in fates)}))
    return [
        _matrix("Entities by label and what became of them (spurious: by the predicted label)", names, FATES, fates),
        _matrix("Entities by label: true (rows) and predicted, where they overlap", (*names, NONE), None, taken),
        _matrix("Words by label: true (rows) and predicted", (*names, NONE), None, words),
    ]


def entity_doubts(predictions: Sequence[Mapping[str, Any]], examples: Sequence[TaggedExample]) -> list[Doubt]:
    """Entities that are not labelled so and that the model is as sure of as of those of their label that are: the
    rule of `label_suspects`, with an entity's score for its probability. Labels that the model misses are not found:
    it says no probability of an entity that it does not predict.
    """
    sums: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    wrong: list[tuple[float, int, Pair]] = []
    for row, (prediction, example) in enumerate(zip(predictions, examples, strict=True)):
        scores = _scores(prediction)
        for pair in align(found_entities(prediction), example.entities or ()):
            if pair.found is None:
                continue
            if pair.fate == "right":
                sums[pair.found[2]] += scores[pair.found]  # type: ignore[assignment]
                counts[pair.found[2]] += 1
            else:
                wrong.append((scores[pair.found], row, pair))
    doubts = []
    for score, row, pair in sorted(wrong, key=lambda item: (-item[0], item[1])):
        assert pair.found is not None
        label = pair.found[2]
        if counts[label] and score >= sums[label] / counts[label]:
            text = examples[row].text
            stated = _named(text, pair.given) if pair.given else "no entity"
            doubts.append(Doubt(row, stated, _named(text, pair.found), score))
    return doubts


def _scores(prediction: Mapping[str, Any]) -> dict[Any, float]:
    return {(e["start"], e["end"], e["label"]): float(e["score"]) for e in prediction["entities"]}


def _aligned(predictions: Sequence[Mapping[str, Any]], examples: Sequence[TaggedExample]) -> list[Pair]:
    return [
        pair
        for prediction, example in zip(predictions, examples, strict=True)
        for pair in align(found_entities(prediction), example.entities or ())
    ]


def _label(span: tuple[int, int, str] | None) -> str:
    return NONE if span is None else span[2]


def _words(words: Iterable[tuple[int, int]], entities: Collection[Entity]) -> list[str]:
    """The label of each word: of the first entity that has a character of it."""
    waiting = sorted(entities, reverse=True)
    labels = []
    for start, end in words:
        while waiting and waiting[-1].end <= start:
            waiting.pop()
        labels.append(waiting[-1].label if waiting and waiting[-1].start < end else NONE)
    return labels


def _matrix(
    caption: str, rows: Sequence[str], columns: Sequence[str] | None, counts: Mapping[tuple[str, str], int]
) -> Matrix:
    """Without columns they are the rows."""
    names = rows if columns is None else columns
    table = tuple(tuple(counts.get((row, column), 0) for column in names) for row in rows)
    right, neutral = (("right",), "") if columns else ((), NONE)
    return Matrix(caption, tuple(rows), tuple(names), table, right, neutral)


def _named(text: str, span: tuple[int, int, str]) -> str:
    return f"{text[span[0] : span[1]]} ({span[2]})"


def _listed(text: str, entities: Iterable[Entity]) -> str:
    return ", ".join(_named(text, entity) for entity in sorted(entities)) or NONE
