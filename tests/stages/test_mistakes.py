"""The mistakes that a report shows: wrong ones only, the surest first."""

import json
from pathlib import Path
from typing import Any

from encodery.stages.mistakes import mistakes, wrong_answers, wrong_choices, wrong_pairs


def answered(answer: str | None, score: float, *right: str, context: str = "Ama lives in Accra.") -> dict[str, Any]:
    start = None if answer is None else context.index(answer)
    end = None if answer is None or start is None else start + len(answer)
    true = [{"text": text, "start": context.index(text), "end": context.index(text) + len(text)} for text in right]
    said = {"answer": answer, "start": start, "end": end, "score": score}
    return {"question": f"Who {score}?", "context": context, "true": true, **said}


def test_answers_without_a_right_word() -> None:
    records = [
        answered("Ama", 0.3, "Accra"),
        answered("in Accra", 0.99, "Accra"),
        answered("Accra", 0.7),
        answered(None, 0.5, "Accra", "in Accra"),
        answered(None, 0.9),
    ]
    found = wrong_answers(records, 8)
    assert [(item.prediction, item.expected, item.scores["score"]) for item in found] == [
        ("Accra", "no answer", 0.7),
        ("no answer", "Accra / in Accra", 0.5),
        ("Ama", "Accra", 0.3),
    ]
    assert found[0].text == "Who 0.7? / Ama lives in Accra."
    assert len(wrong_answers(records, 2)) == 2


def test_of_a_long_text_what_is_around_the_right_answer() -> None:
    context = "x " * 500 + "Accra" + " y" * 500 + " Ama"
    (item,) = wrong_answers([answered("Ama", 0.3, "Accra", context=context)], 8)
    assert item.text == f"Who 0.3? / …{'x ' * 60}Accra{' y' * 60}…"


def test_wrong_choices() -> None:
    def chosen(label: int, score: float) -> dict[str, Any]:
        choices = ["wet", "dry"]
        scores = [score, 1 - score] if label == 0 else [1 - score, score]
        said = {"label": label, "choice": choices[label], "score": score, "scores": scores}
        return {"text": "It rains.", "choices": choices, "true": 0, **said}

    first, second = wrong_choices([chosen(1, 0.6), chosen(0, 0.9), chosen(1, 0.8)], 8)
    assert (first.text, first.prediction, first.expected) == ("It rains.", "dry", "wet")
    assert (first.scores["dry"], second.scores["dry"]) == (0.8, 0.6)


def test_a_true_number_of_zero_is_a_number() -> None:
    pair = {"text": "a", "text_pair": "b", "similarity": 0.9}
    (zero,) = wrong_pairs([{**pair, "true": 0.0}], 1)
    (unknown,) = wrong_pairs([{**pair, "true": None}], 1)
    assert (zero.expected, unknown.expected) == ("0", None)


def test_each_task_has_its_mistakes(tmp_path: Path) -> None:
    entity = {"start": 0, "end": 4, "label": "LOC"}
    cases: list[tuple[list[dict[str, Any]], str, str | None]] = [
        ([{"text": "Bonn", "entities": [entity], "true": []}], "Bonn (LOC)", "none"),
        (
            [
                {"text": "a", "text_pair": "b", "similarity": 0.9, "true": 0.1},
                {"text": "c", "text_pair": "d", "similarity": 0.2, "true": 0.8},
            ],
            "0.9",
            "0.1",
        ),
        (
            [{"text": "a", "text_pair": None, "label": "x", "true": "y", "scores": {"x": 0.7, "y": 0.3}}],
            "x",
            "y",
        ),
    ]
    for records, predicted, true in cases:
        path = tmp_path / "predictions.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        first = mistakes(path, 1)
        assert [(example.prediction, example.expected) for example in first] == [(predicted, true)]
