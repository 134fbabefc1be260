"""What the steps put down for the report: each measure, with the thresholds of their settings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from encodery.config import Config
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page, Step
from encodery.corpus.steps.c4 import C4Config, C4Step
from encodery.corpus.steps.fineweb import FineWebConfig, FineWebStep
from encodery.corpus.steps.gopher import GopherConfig, GopherStep
from encodery.corpus.steps.lines import LinesConfig, LinesStep
from encodery.corpus.steps.repair import RepairConfig, RepairStep
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


LIMITS: list[tuple[Callable[[Any], Step], type[Config], dict[str, Any]]] = [
    (
        lambda config: GopherStep(config, HERE),
        GopherConfig,
        {
            "min_words": 7, "max_words": 977, "min_word_length": 2.5, "max_word_length": 11.0, "max_symbols": 0.3,
            "max_bullets": 0.7, "max_ellipses": 0.43, "min_with_letters": 0.59, "min_stop_words": 3,
        },
    ),
    (
        lambda config: RepetitionStep(config, HERE),
        RepetitionConfig,
        {"max_lines": 0.93, "max_line_characters": 0.97, "top_runs": (0.9,), "repeated_runs": (0.8, 0.01)},
    ),
    (
        lambda config: FineWebStep(config, HERE),
        FineWebConfig,
        {"min_end_marks": 0.13, "max_short_lines": 0.61, "max_repeated": 0.97, "max_lines_per_word": 0.47},
    ),
    (lambda config: C4Step(config, HERE), C4Config, {"min_sentences": 3}),
    (RepairStep, RepairConfig, {"max_lost": 0.29}),
    (lambda config: LinesStep(config, HERE), LinesConfig, {"min_characters": 19}),
]  # fmt: skip
NOT_MEASURED = {"short_line", "min_words", "max_word_length", "tail_after"}
"""What says what is looked at, and C4's limits of a line; docs/corpus.md names them."""
RUNS = {"top_runs", "repeated_runs"}
"""Of several limits: what is measured is the share of what is allowed."""


@pytest.mark.parametrize(("make", "config", "limits"), LIMITS, ids=[config.__name__ for _, config, _ in LIMITS])
def test_every_limit_is_a_threshold_in_the_report(
    make: Callable[[Any], Step], config: type[Config], limits: dict[str, Any]
) -> None:
    numbers = {
        name
        for name, info in config.model_fields.items()
        if isinstance(info.default, int | float) and not isinstance(info.default, bool)
    }
    assert numbers - limits.keys() - NOT_MEASURED == set(), "a limit that is new: measure it, or say that it is not"
    ledger, text = Ledger(), PROSE + "of a river that is here"
    make(config.parse(limits, "test"))([Page(text, "f!1", language="en"), Page("caf\ufffd noir", "f!2")], ledger)
    thresholds = {threshold for spread in ledger.spreads.values() for threshold in spread.edges}
    assert {float(limit) for name, limit in limits.items() if name not in RUNS} <= thresholds
    for name in RUNS & limits.keys():
        assert list(ledger.spreads[f"repetition/{name}"].edges) == [1.0]


def test_runs_of_words_are_measured_by_what_is_allowed() -> None:
    """The rule that a page is nearest to breaking decides; beyond 1 it goes."""
    phrase = "one of the old ferries went "
    texts = [phrase * count + " ".join(f"word{n}" for n in range(41)) for count in (1, 2, 7)]
    pages, ledger = [Page(text, f"f!{n}", language="en") for n, text in enumerate(texts)], Ledger()
    RepetitionStep(RepetitionConfig(repeated_runs=()), HERE)(pages, ledger)
    assert [bool(page.dropped) for page in pages] == [False, False, True]
    below, above = ledger.spreads["repetition/top_runs"].edges[1.0]
    assert {sample["source"] for _, _, sample in above.samples} == {"f!2"}
    assert (below.count, above.count) == (2, 1)
    assert max(sample["value"] for _, _, sample in above.samples) == pytest.approx(
        max(7 * size / share for size, share in ((9, 0.20), (12, 0.18), (15, 0.16))) / len(texts[2]), rel=0.2
    )


def test_nothing_allowed_is_no_number() -> None:
    ledger = Ledger()
    pages = [Page("a b a b c d", "f!1", language="en")]
    RepetitionStep(RepetitionConfig(top_runs=(0.0,)), HERE)(pages, ledger)
    assert pages[0].dropped == "repetition/top_2"
    assert ledger.spreads["repetition/top_runs"].other == 1


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
    assert set(ledger.spreads) == {"gopher/bullets", "gopher/line_ellipses"}
