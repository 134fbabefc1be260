"""What a model got wrong in its test file, for the report: the worst first."""

import json
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from encodery.report.page import Example
from encodery.tasks.class_errors import error_of, in_words
from encodery.tasks.metrics import AnswerRules, compare_answers
from encodery.tasks.metrics.translation import sentence_errors

AROUND = 120
"""Characters of a text that are shown before and behind an answer."""
NONE = "no answer"
Records = Sequence[Mapping[str, Any]]


def mistakes(path: Path, most: int) -> list[Example]:
    """Of the predictions in a file, the `most` wrong ones that the model was surest of; of numbers and entities, the
    ones that are furthest off."""
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for key, wrong in _BY_KEY.items():
        if all(key in record for record in records):
            return wrong(records, most)
    return wrong_labels(records, most)


def wrong_labels(records: Records, most: int) -> list[Example]:
    """Labels that are not the right ones, and numbers that are far from them."""
    wrong = sorted((r for r in records if r["label"] != r["true"]), key=lambda r: -error_of(r, r["true"]))
    return [
        Example(
            " / ".join(filter(None, (r["text"], r["text_pair"]))),
            in_words(r["label"]),
            in_words(r["true"]),
            {} if isinstance(r["true"], float) else r["scores"],
        )
        for r in wrong[:most]
    ]


def wrong_entities(records: Records, most: int) -> list[Example]:
    """Texts with entities that were missed, spurious, or of another label or extent."""
    return [Example(r["text"], _spans(r, "entities"), _spans(r, "true"), {}) for r in _worst_texts(records, most)]


def wrong_pairs(records: Records, most: int) -> list[Example]:
    """Pairs that are less or more similar than they should be."""
    return [
        Example(
            f"{r['text']} / {r['text_pair']}",
            in_words(r["similarity"]),
            None if r["true"] is None else in_words(r["true"]),
        )
        for r in _misjudged_pairs(records, most)
    ]


def wrong_answers(records: Records, most: int) -> list[Example]:
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


def wrong_choices(records: Records, most: int) -> list[Example]:
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


def worst_translations(records: Records, most: int) -> list[Example]:
    """Those that are furthest from the right one, by the chrF of the sentence."""
    errors = sentence_errors([r["translation"] for r in records], [r["true"] for r in records])
    order = sorted(range(len(records)), key=lambda place: -errors[place])
    return [
        Example(r["text"], r["translation"], r["true"], note=f"{r['source_language']} → {r['target_language']}")
        for r in (records[place] for place in order[:most] if errors[place])
    ]


def _misjudged_pairs(records: Records, most: int) -> Records:
    """The pairs whose place by similarity is furthest from their place by the true numbers; where these are not
    known, the least similar ones."""
    judged = [record for record in records if record["true"] is not None]
    if not judged:
        return sorted(records, key=lambda record: float(record["similarity"]))[:most]
    places = [
        {id(r): place for place, r in enumerate(sorted(judged, key=itemgetter(key)))}
        for key in ("similarity", "true")
    ]
    return sorted(judged, key=lambda r: -abs(places[0][id(r)] - places[1][id(r)]))[:most]


def _worst_texts(records: Records, most: int) -> Records:
    """The texts with the most entities that were missed, spurious or of another label or extent."""
    counts = [len(_places(record, "entities") ^ _places(record, "true")) for record in records]
    order = sorted(range(len(records)), key=lambda index: -counts[index])
    return [records[index] for index in order[:most] if counts[index]]


def _places(record: Mapping[str, Any], key: str) -> set[tuple[int, int, str]]:
    return {(entity["start"], entity["end"], entity["label"]) for entity in record[key]}


def _spans(record: Mapping[str, Any], key: str) -> str:
    found = (f"{record['text'][start:end]} ({label})" for start, end, label in sorted(_places(record, key)))
    return ", ".join(found) or "none"


_BY_KEY: Mapping[str, Callable[[Records, int], list[Example]]] = {
    "answer": wrong_answers,
    "choices": wrong_choices,
    "similarity": wrong_pairs,
    "entities": wrong_entities,
    "translation": worst_translations,
}
"""By what the predictions of a task hold; labels if it is none of these."""
