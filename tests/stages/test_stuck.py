"""When a run is stuck, and what it says."""

from typing import Any

import pytest

from encodery.stages.stuck import why_stuck

GOOD = {"round_trip_bleu": 20.0, "copied en-de": 0.02, "copied de-en": 0.1, "empty en-de": 0.0, "repeated en-de": 0.0}


def why(*evaluations: dict[str, Any], patience: int = 3) -> str | None:
    return why_stuck(evaluations, "finetune.x", patience)


def test_a_run_that_learns_goes_on() -> None:
    assert why(*[GOOD] * 9) is None
    assert why() is None


@pytest.mark.parametrize(
    ("fact", "words", "advice"),
    [
        ("copied de-en", "60% or more of the output words are copied from the source", "one vocabulary over both"),
        ("empty en-de", "60% or more of the outputs are empty", "lower optimizer.lr"),
        ("repeated en-de", "60% or more of the outputs are the same, or one word again and again", "pretrain longer"),
    ],
)
def test_each_end_has_its_words(fact: str, words: str, advice: str) -> None:
    message = why(GOOD, *[{**GOOD, fact: share} for share in (0.9, 0.6, 0.7)])
    assert message is not None
    assert message.startswith("finetune.x is stuck: in 3 evaluations in a row, ")
    assert words in message
    assert f"({fact.split()[1]}); try: " in message
    assert advice in message
    assert message.endswith("or raise finetune.x.monolingual.patience")


def test_only_a_row_of_evaluations_counts() -> None:
    bad = {**GOOD, "copied en-de": 0.9}
    assert why(bad, bad) is None
    assert why(bad, bad, GOOD, bad) is None
    assert why(bad, bad, {**bad, "copied en-de": 0.49}) is None
    assert why(GOOD, bad, patience=1) is not None


def test_a_bleu_of_nothing_is_one_end() -> None:
    message = why(*[{**GOOD, "round_trip_bleu": 0.2}] * 3)
    assert message is not None
    assert "round_trip_bleu was below 1 in 3 evaluations in a row (0.20, 0.20, 0.20); try: pretrain longer" in message
    assert why(*[{**GOOD, "round_trip_bleu": 0.2}] * 2, GOOD) is None


def test_with_pairs_to_measure_on_their_bleu_decides() -> None:
    assert why(*[{**GOOD, "round_trip_bleu": 0.2, "bleu": 3.0}] * 3) is None
    message = why(*[{**GOOD, "bleu": 0.0}] * 3)
    assert message is not None
    assert "bleu was below 1" in message


def test_a_figure_that_was_no_number_counts_as_nothing() -> None:
    assert "round_trip_bleu was below" in str(why(*[{**GOOD, "round_trip_bleu": None}] * 3))
    assert why(*[{"loss": 1.0}] * 3) is None
