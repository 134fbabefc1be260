"""The tables and the page of a comparison: which differences mean something, and names that are not markup."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from encodery.stages.comparison import Comparison, to_json
from encodery.stages.comparison import compared as made
from encodery.stages.comparison_page import comparison_page
from encodery.stages.comparison_tables import tables, to_markdown, verdict
from encodery.stages.figures import PRETRAINING, TASKS, Figure, outcome
from encodery.stages.schemes import load_schemes, seeded
from encodery.tasks.metrics import Estimate

from .conftest import RECIPES

HOSTILE = '<script>alert(1)</script>|"&'


@pytest.fixture
def comparison(compared: Path) -> Comparison:
    schemes = load_schemes([Path(name) for name in RECIPES], [])
    runs = seeded(schemes, range(1, 3), Path("result"), Console(quiet=True))
    return made(schemes, range(1, 3), [outcome(run) for run in runs], [], "tokens")


def test_names_are_text_wherever_they_stand(comparison: Comparison) -> None:
    figures = [replace(figure, name=f"{HOSTILE}: {figure.name}") for figure in comparison.figures]
    hostile = replace(comparison, figures=figures, notes=[HOSTILE])
    page = comparison_page(hostile, HOSTILE)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 20
    text = to_markdown(hostile, HOSTILE)
    assert "<script" not in text.replace(r"\<script", "")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "script" in line]
    assert len(rows) > 20
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {
        4,
        5,
    }  # figure and schemes; and figure, scheme, seeds


def test_bits_per_character_are_for_vocabularies_that_differ(comparison: Comparison) -> None:
    keys = [figure.key for figure in comparison.shown(PRETRAINING)]
    assert keys[:4] == ["exam.mlm_loss", "exam.mlm_accuracy", "as_trained.mlm_loss", "as_trained.mlm_accuracy"]
    assert "vocabularies" not in " ".join(comparison.notes)
    other = with_other_vocabulary(comparison)
    assert "exam.bits_per_character" in [figure.key for figure in other.shown(PRETRAINING)]
    differences = {figure.key: other.differences(figure) for figure in other.shown(TASKS, PRETRAINING)}
    assert [key for key, found in differences.items() if found] == [
        "finetune.mood.test.accuracy",
        "exam.bits_per_character",
    ]
    assert any("The vocabularies differ, so losses and accuracies per token" in note for note in other.notes)


def with_other_vocabulary(comparison: Comparison) -> Comparison:
    """The same, as if the second scheme had a tokenizer of its own."""
    outcomes = []
    for one in comparison.outcomes:
        if one.run.scheme.name == "roberta":
            planned = [
                replace(item, key="another") if item.stage.name == "shards" else item for item in one.run.planned
            ]
            one = replace(one, run=replace(one.run, planned=planned))
        outcomes.append(one)
    return made(comparison.schemes, comparison.seeds, outcomes, [], "tokens")


def test_the_time_budget_names_both_numbers(comparison: Comparison) -> None:
    seconds = next(figure for figure in comparison.figures if figure.key == "pretraining.seconds")
    timed = made(comparison.schemes, comparison.seeds, comparison.outcomes, [], "time")
    low, high = sorted((sum(values) / 2, name) for name, values in seconds.values.items())
    if round(high[0], 1) > round(low[0], 1) * 1.01:
        assert f"{low[1]} has {low[0]:.1f} seconds, {high[1]} {high[0]:.1f} (" in timed.notes[0]
    else:
        assert timed.notes == []


def test_a_verdict_knows_which_way_is_better() -> None:
    loss = Figure("loss", "loss", PRETRAINING, {})
    score = replace(loss, is_score=True)
    up, down = Estimate(0.2, (0.1, 0.3)), Estimate(-0.2, (-0.3, -0.1))
    assert [verdict(figure, found) for figure in (loss, score) for found in (up, down)] == [
        "worse",
        "better",
        "better",
        "worse",
    ]
    assert verdict(score, Estimate(0.2, (-0.1, 0.5))) == "unclear: 0 is inside"
    assert verdict(score, Estimate(0.2, None)) == "unknown: one seed"


def test_tables_without_rows_are_left_out(comparison: Comparison) -> None:
    bare = replace(comparison, figures=[])
    assert [table.caption.partition(" (")[0] for table in tables(bare)] == ["Keys of the recipes that differ"]
    assert '"figures": {}' in to_json(bare)
    assert "<svg" not in comparison_page(bare, "t")
