"""What the steps put down for the report: each measure, with the thresholds of their settings."""

from pathlib import Path

import pytest

from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page, Step
from encodery.corpus.steps.fineweb import FineWebConfig, FineWebStep
from encodery.corpus.steps.gopher import GopherConfig, GopherStep
from encodery.corpus.steps.repetition import RepetitionConfig, RepetitionStep

PROSE = "The ferry left the town at nine, and nobody on the pier looked up from what they did.\n" * 7
MENU = "Home\nContact\nImprint"
HERE = Path()


def pages() -> list[Page]:
    return [Page(text.strip(), f"f!{n}", language="en") for n, text in enumerate((PROSE, MENU))]


@pytest.mark.parametrize(
    ("step", "measures"),
    [
        (
            GopherStep(GopherConfig(min_words=53), HERE),
            {"words": (53.0, 100_000.0), "word_length": (3.0, 10.0), "with_letters": (0.8,)},
        ),
        (FineWebStep(FineWebConfig(max_repeated=1.0), HERE), {"end_marks": (0.12,), "short_lines": (0.67,)}),
        (RepetitionStep(RepetitionConfig(max_line_characters=0.7), HERE), {"line_characters": (0.7,)}),
    ],
    ids=["gopher", "fineweb", "repetition"],
)
def test_measures_have_the_thresholds_of_the_settings(step: Step, measures: dict[str, tuple[float, ...]]) -> None:
    ledger = Ledger()
    step(pages(), ledger)
    for measure, thresholds in measures.items():
        assert tuple(ledger.spreads[f"{step.name}/{measure}"].edges) == thresholds


def test_what_a_rule_drops_lies_on_its_side() -> None:
    ledger, found = Ledger(), pages()
    GopherStep(GopherConfig(), HERE)(found, ledger)
    below, above = ledger.spreads["gopher/words"].edges[50.0]
    assert found[1].dropped == "gopher/short"
    assert [sample["text"] for _, _, sample in below.samples] == [MENU]
    assert (below.count, above.count) == (1, 1)


def test_in_languages_without_spaces_words_are_not_measured() -> None:
    ledger = Ledger()
    GopherStep(GopherConfig(), HERE)([Page("这是一个句子。", "f!1", language="zh")], ledger)
    assert not ledger.spreads
