"""When a run is stuck, and what it says."""

from typing import Any

import pytest

from encodery.recipe.stuck import StuckTable
from encodery.stages.stuck import why_stuck
from encodery.train.optim import OptimizerConfig

GOOD = {
    "step": 500,
    "round_trip_bleu": 20.0,
    "round_trip_bleu en-de": 20.0,
    "round_trip_bleu de-en": 20.0,
    "copied en-de": 0.02,
    "copied de-en": 0.1,
    "empty en-de": 0.0,
    "repeated en-de": 0.0,
}


def why(*evaluations: dict[str, Any], patience: int = 3, **settings: Any) -> str | None:
    return why_stuck(evaluations, "finetune.x", patience, **settings)


def test_a_run_that_learns_goes_on() -> None:
    assert why(*[GOOD] * 9) is None
    assert why() is None


@pytest.mark.parametrize(
    ("fact", "words", "advice", "more"),
    [
        (
            "copied de-en",
            "60% or more of the output words are copied from the source",
            "one vocabulary over both",
            "noise.word_drop",
        ),
        ("empty en-de", "60% or more of the outputs are empty", "lower optimizer.lr", "let denoise weigh more"),
        ("repeated en-de", "the outputs are the same, or one word again and again", "pretrain longer", "let denoise"),
    ],
)
def test_each_end_has_its_words(fact: str, words: str, advice: str, more: str) -> None:
    evaluations = [GOOD, *({**GOOD, fact: share} for share in (0.9, 0.6, 0.7))]
    message = why(*evaluations)
    assert message is not None
    assert message.startswith("finetune.x is stuck: in 3 evaluations in a row, ")
    assert words in message
    assert f"({fact.split()[1]}); try: " in message
    assert advice in message
    assert more in message
    assert message.endswith(
        "run the same command, which looks again at its next evaluation, or with a larger finetune.x.stuck.patience"
    )
    of_pairs = why(*evaluations, monolingual=False)
    assert of_pairs is not None
    assert advice in of_pairs
    assert more not in of_pairs


def test_only_a_row_of_evaluations_counts() -> None:
    bad = {**GOOD, "copied en-de": 0.9}
    assert why(bad, bad) is None
    assert why(bad, bad, GOOD, bad) is None
    assert why(bad, bad, {**bad, "copied en-de": 0.49}) is None
    assert why(GOOD, bad, patience=1) is not None


def test_what_comes_too_early_does_not_count() -> None:
    bad = [{**GOOD, "copied en-de": 0.9, "step": step} for step in (500, 1000, 1500, 2000)]
    assert why(*bad[:3], after=1000) is None
    assert why(*bad, after=1000) is not None
    assert why(*bad, after=1001) is None


def test_it_is_the_warm_up_that_is_too_early() -> None:
    short, long = OptimizerConfig(warmup_steps=500), OptimizerConfig(warmup_steps=4000)
    assert StuckTable().first_step(short, 10**6) == 1000
    assert StuckTable().first_step(long, 10**6) == 4000
    assert StuckTable().first_step(OptimizerConfig(warmup_ratio=0.1), 30_000) == 3000
    assert StuckTable(after=7).first_step(long, 10**6) == 7


def test_a_bleu_of_nothing_is_one_end() -> None:
    low = {**GOOD, "round_trip_bleu en-de": 0.2}
    message = why(*[low] * 3)
    assert message is not None
    assert (
        "round_trip_bleu was below 1 in 3 evaluations in a row (en-de: 0.20, 0.20, 0.20); try: pretrain longer"
        in (message)
    )
    assert why(*[low] * 2, GOOD) is None


def test_one_dead_direction_is_found_beside_one_that_lives() -> None:
    half = {"step": 9, "bleu": 1.7, "bleu en-de": 3.4, "bleu de-en": 0.0}
    message = why(*[half] * 3, monolingual=False)
    assert message is not None
    assert "bleu was below 1 in 3 evaluations in a row (de-en: 0.00, 0.00, 0.00); try: look whether the lines" in (
        message
    )
    assert why(*[{**half, "bleu de-en": 1.0}] * 3) is None


def test_with_pairs_to_measure_on_their_bleu_decides() -> None:
    low = {**GOOD, "round_trip_bleu en-de": 0.2}
    assert why(*[{**low, "bleu en-de": 3.0}] * 3) is None
    assert why(*[{**low, "bleu de-en": 3.0}] * 3) is not None  # this one says nothing of the other
    message = why(*[{**GOOD, "bleu en-de": 0.0}] * 3)
    assert message is not None
    assert "bleu was below 1" in message


def test_a_figure_that_was_no_number_counts_as_nothing() -> None:
    assert "round_trip_bleu was below" in str(why(*[{**GOOD, "round_trip_bleu en-de": None}] * 3))
    assert why(*[{"step": 1, "loss": 1.0}] * 3) is None
