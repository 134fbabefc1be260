"""Wrong answers and wrong choices of a test file, for the report: the surest first."""

from collections.abc import Mapping, Sequence
from typing import Any

from encodery.report.page import Example
from encodery.tasks.metrics import AnswerRules, compare_answers

AROUND = 120
"""Characters of a text that are shown before and behind an answer."""
NONE = "no answer"


def wrong_answers(records: Sequence[Mapping[str, Any]], most: int) -> list[Example]:
    """Answers that share no word with a right one (F1 of SQuAD v2.0 is 0), or none where there is one."""
    right = [[answer["text"] for answer in record["true"]] for record in records]
    f1 = compare_answers([record["answer"] for record in records], right, AnswerRules("v2.0")).f1
    pairs = zip(records, f1.tolist(), strict=True)
    wrong = sorted((record for record, value in pairs if not value), key=lambda record: -record["score"])
    return [
        Example(
            f"{record['question']} / {_around(record)}",
            NONE if record["answer"] is None else record["answer"],
            " / ".join(dict.fromkeys(answer["text"] for answer in record["true"])) or NONE,
            {"score": record["score"]},
        )
        for record in wrong[:most]
    ]


def _around(record: Mapping[str, Any]) -> str:
    """The text around the right answer; around the one that was given where there is none."""
    place = next(iter(record["true"]), record)
    start, end = (max(place["start"] - AROUND, 0), place["end"] + AROUND)
    text = record["context"]
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def wrong_choices(records: Sequence[Mapping[str, Any]], most: int) -> list[Example]:
    """Choices other than the right one, with the probabilities of all."""
    wrong = sorted((record for record in records if record["label"] != record["true"]), key=lambda r: -r["score"])
    return [
        Example(
            record["text"],
            record["choice"],
            record["choices"][record["true"]],
            dict(zip(record["choices"], record["scores"], strict=True)),
        )
        for record in wrong[:most]
    ]
