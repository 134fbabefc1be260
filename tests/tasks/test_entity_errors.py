"""Errors of entities: counted by hand over three texts."""

from typing import Any

from encodery.data.tagged import Entity, TaggedExample
from encodery.tasks.entity_errors import UNSCORED, entity_doubts, entity_matrices, judge_entities
from encodery.tasks.judging import Matrix


def example(text: str, *entities: tuple[int, int, str]) -> TaggedExample:
    return TaggedExample(text, tuple(Entity(*entity) for entity in entities), None, "test.jsonl:1")


def prediction(*entities: tuple[int, int, str, float]) -> dict[str, Any]:
    return {"entities": [{"start": s, "end": e, "label": label, "score": score} for s, e, label, score in entities]}


EXAMPLES = [
    example("Ama Ata lives in Bonn.", (0, 7, "PER"), (17, 21, "LOC")),
    example("Bonn met Kofi.", (0, 4, "ORG"), (9, 13, "PER")),
    example("It rains."),
]
PREDICTIONS = [
    prediction((0, 3, "PER", 0.7), (17, 21, "LOC", 0.8)),
    prediction((0, 4, "LOC", 0.9)),
    prediction((3, 8, "LOC", 0.6)),
]


def cell(matrix: Matrix, row: str, column: str) -> int:
    return matrix.counts[matrix.rows.index(row)][matrix.columns.index(column)]


def test_the_fates_of_entities() -> None:
    fates, labels, _ = entity_matrices(PREDICTIONS, EXAMPLES, ("LOC", "ORG", "PER"))
    assert fates.rows == ("LOC", "ORG", "PER")
    assert cell(fates, "LOC", "right") == 1
    assert cell(fates, "ORG", "wrong label") == 1
    assert cell(fates, "PER", "wrong extent") == 1
    assert cell(fates, "PER", "missed") == 1
    assert cell(fates, "LOC", "spurious") == 1
    assert sum(map(sum, fates.counts)) == 5
    assert cell(labels, "ORG", "LOC") == 1
    assert cell(labels, "PER", "none") == 1
    assert cell(labels, "none", "LOC") == 1
    assert fates.is_right("PER", "right")
    assert not fates.is_right("PER", "missed")


def test_the_same_of_words() -> None:
    """Ama Ata lives in Bonn . | Bonn met Kofi . | It rains ."""
    words = entity_matrices(PREDICTIONS, EXAMPLES, ("LOC", "ORG", "PER"))[2]
    assert words.rows == words.columns == ("LOC", "ORG", "PER", "none")
    assert words.counts == ((1, 0, 0, 0), (1, 0, 0, 0), (0, 0, 1, 2), (1, 0, 0, 7))
    assert words.is_neutral("none", "none")
    assert not words.is_neutral("none", "LOC")
    assert words.is_right("PER", "PER")


def test_words_that_were_given_are_the_words() -> None:
    tagged = TaggedExample("U.S. x", (Entity(0, 4, "LOC"),), ((0, 4), (5, 6)), "t:1")
    words = entity_matrices([prediction()], [tagged], ("LOC",))[2]
    assert words.counts == ((0, 1), (0, 1))


def test_a_label_that_only_predictions_have() -> None:
    fates = entity_matrices([prediction((0, 2, "ORG", 0.5))], [example("It rains.")], ("LOC",))[0]
    assert fates.rows == ("LOC", "ORG")
    assert cell(fates, "ORG", "spurious") == 1


def test_one_text_in_words() -> None:
    judged = judge_entities(PREDICTIONS[0], EXAMPLES[0])
    assert (judged.predicted, judged.true) == ("Ama (PER), Bonn (LOC)", "Ama Ata (PER), Bonn (LOC)")
    assert judged.error == 0.7  # the surest wrong one; Bonn is right
    assert judge_entities(PREDICTIONS[1], EXAMPLES[1]).error == 0.9
    assert judge_entities(prediction(), EXAMPLES[1]).error == UNSCORED
    assert judge_entities(prediction(), EXAMPLES[2]).error == 0.0
    assert judge_entities(prediction(), EXAMPLES[2]).true == "none"
    right = prediction((9, 13, "PER", 0.4), (0, 4, "ORG", 0.3))
    assert judge_entities(right, EXAMPLES[1]).error == 0.0


def test_labels_in_doubt() -> None:
    """LOC is right once, with 0.8: Bonn as LOC (0.9) is as sure as that, rains (0.6) is not. PER is never right."""
    (doubt,) = entity_doubts(PREDICTIONS, EXAMPLES)
    assert (doubt.row, doubt.stated, doubt.suggested, doubt.sureness) == (1, "Bonn (ORG)", "Bonn (LOC)", 0.9)
    surer = [PREDICTIONS[0], PREDICTIONS[1], prediction((3, 8, "LOC", 0.95))]
    assert [(d.row, d.stated) for d in entity_doubts(surer, EXAMPLES)] == [(2, "no entity"), (1, "Bonn (ORG)")]
