"""The report of a corpus, from a ledger to the page: what it counts is there, and texts are only text."""

import re
from pathlib import Path

import pytest

from encodery.corpus.ledger import DAMAGE, Ledger
from encodery.corpus.page import Page
from encodery.report.page import RunReport, Section, render_report
from encodery.stages.corpus_facts import UNITS, CorpusFacts, Source
from encodery.stages.corpus_page import SHOWN_DAMAGE, SPREADS, corpus_page, write_corpus_report

HOSTILE = "</p></details><script>alert(1)</script><img src=x onerror='a'>\x00\u202e"
FACTS = CorpusFacts("crawl", [Source("a/*.gz", 5, 3_000_000, "f")], {"quality": {"words": 50}}, {})


def make_ledger(text: str = "some words of a page") -> Ledger:
    ledger = Ledger()
    pages = [Page(f"{text} {n}", f"a.gz!{n}", f"https://example.org/{n}") for n in range(11)]
    ledger.passed("read", pages)
    for number, page in enumerate(pages):
        page.language = "de" if number % 3 else "en"
        ledger.observe("language/confidence", number / 11, page, (0.3,))
        ledger.observe(f"language/confidence/{page.language}", number / 11, page)
    for page in pages[:3]:
        ledger.drop(page, "language/unsure")
    ledger.passed("language", pages)
    ledger.cut(pages[5], "quality/menu", [HOSTILE])
    ledger.counts["quality/email", "replaced"] += 7
    ledger.passed("quality", pages)
    ledger.damaged("a.gz!7", "a record ends before its length")
    return ledger


def section(report: RunReport, heading: str) -> Section:
    return next(part for part in report.sections if part.heading == heading)


def test_the_page_says_first_how_much_is_kept() -> None:
    report = corpus_page(make_ledger(), FACTS)
    assert report.title == "Corpus of crawl"
    assert report.summary[0].startswith("5 files, 3 MB.")
    assert [(fact.label, fact.value, fact.note) for fact in report.results] == [
        ("characters kept", "177", "72.8% of 243"),
        ("documents", "8", "72.7% of 11"),
        ("languages", "2", ""),
        ("damaged places", "1", "in the files"),
    ]


def test_the_funnel_has_a_row_for_each_step() -> None:
    funnel = section(corpus_page(make_ledger(), FACTS), "Funnel")
    assert [row[0] for row in funnel.tables[0].rows] == ["read", "language", "quality"]
    assert funnel.tables[0].rows[1][1] == "8"
    assert funnel.tables[0].rows[1][4] == "27.3%"
    assert len(funnel.charts) == 2


def test_reasons_have_their_samples() -> None:
    reasons = section(corpus_page(make_ledger(), FACTS), "Reasons")
    assert reasons.tables[0].header == ("reason", *UNITS, "replaced", "of all characters")
    assert [(row[0], row[1], row[4], row[5]) for row in reasons.tables[0].rows] == [
        ("language/unsure", "3", "", "27.2%"),
        ("quality/menu", "", "", "26.3%"),
        ("quality/email", "", "7", ""),
    ]
    unsure, menu = reasons.samples
    assert unsure.note == "3 documents, 3 paragraphs, 66 characters"
    assert {sample.note for sample in unsure.samples} == {
        f"{language} · https://example.org/{n} · a.gz!{n}" for n, language in ((0, "en"), (1, "de"), (2, "de"))
    }
    assert [sample.text for sample in menu.samples] == [HOSTILE]


def test_languages_say_how_much_was_kept_and_how_sure() -> None:
    rows = section(corpus_page(make_ledger(), FACTS), "Languages").tables[0].rows
    assert [row[0] for row in rows] == ["de", "en"]
    assert rows[1][1] == "3"
    assert rows[1][6] == "0.27"


def test_a_language_that_nobody_asked_for_is_unknown() -> None:
    ledger = Ledger()
    ledger.passed("read", [Page("text", "f!1")])
    rows = section(corpus_page(ledger, FACTS), "Languages").tables[0].rows
    assert [(row[0], row[6]) for row in rows] == [("unknown", "–")]


def test_each_measure_is_drawn_with_samples_on_both_sides() -> None:
    measures = section(corpus_page(make_ledger(), FACTS), "Scores and lengths").measured
    assert len(measures) == 1  # those of each language say the same again
    below, above = measures[0].sides
    assert (below.title, below.note) == ("below 0.3", "4 values (36.4%), nearest first")
    assert above.title == "0.3 and above"
    assert [sample.note.split(" ")[0] for sample in below.samples] == ["0.2727", "0.1818", "0.09091"]


def test_a_measure_without_thresholds_is_a_chart_alone() -> None:
    ledger = make_ledger()
    ledger.observe("read/characters", 4030, Page("t", "f!1"))
    first, _ = section(corpus_page(ledger, FACTS), "Scores and lengths").measured
    assert first.sides == []
    assert first.caption == "1 values; quartiles 3,968, 3,968, 3,968."


def test_of_many_languages_the_largest_are_drawn() -> None:
    ledger = make_ledger()
    for number in range(SPREADS + 5):
        for value in range(number + 50):
            ledger.observe(f"perplexity/score/x{number:02}", value + 1, Page("t", f"f!{value}"))
    measures = section(corpus_page(ledger, FACTS), "Scores and lengths")
    drawn = re.findall(r"perplexity/score/x(\d\d)", " ".join(measure.svg for measure in measures.measured))
    assert sorted(set(drawn)) == [f"{number:02}" for number in range(5, SPREADS + 5)]
    assert "5 are not" in measures.paragraphs[1]


def test_damage_is_listed_up_to_an_end() -> None:
    ledger = make_ledger()
    for number in range(DAMAGE):
        ledger.damaged(f"b.gz!{number:05}", "bad")
    damage = section(corpus_page(ledger, FACTS), "Damage")
    assert len(damage.tables[0].rows) == SHOWN_DAMAGE
    assert damage.paragraphs[0] == f"{DAMAGE + 1:,} places could not be read; everything around them was."
    assert damage.paragraphs[1] == "The first 200 are listed here, ledger.json the first 1,000."


def test_hostile_text_stays_text() -> None:
    html = render_report(corpus_page(make_ledger(HOSTILE), FACTS))
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;alert(1)" in html


@pytest.mark.parametrize("ledger", [Ledger(), Ledger(steps=["read"])], ids=["nothing", "no pages"])
def test_a_run_without_pages_has_a_report(ledger: Ledger) -> None:
    assert "<h1>Corpus of crawl</h1>" in render_report(corpus_page(ledger, FACTS))


def test_both_files_are_written(tmp_path: Path) -> None:
    write_corpus_report(make_ledger(), FACTS, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["card.md", "report.html"]
