import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.corpus.ledger import DAMAGE, SAMPLE_CHARACTERS, SAMPLES, Ledger
from encodery.corpus.page import Page
from encodery.corpus.spread import NEAREST, bin_of


def page(number: int, text: str = "one\ntwo", language: str = "en") -> Page:
    return Page(text, f"pages.warc.gz!{number}", url=f"https://example.org/{number}", language=language)


def test_a_dropped_page_is_counted_with_all_that_it_holds() -> None:
    ledger, one = Ledger(), page(7, "seven\nchars")
    ledger.drop(one, "quality/short")
    assert one.dropped == "quality/short"
    assert dict(ledger.counts) == {
        ("quality/short", "documents"): 1,
        ("quality/short", "paragraphs"): 2,
        ("quality/short", "characters"): 10,
    }


def test_a_page_without_text_is_a_document_without_paragraphs() -> None:
    ledger = Ledger()
    ledger.drop(page(7, ""), "extract/empty")
    assert ledger.counts["extract/empty", "documents"] == 1
    assert ledger.counts["extract/empty", "paragraphs"] == ledger.counts["extract/empty", "characters"] == 0


def test_cut_paragraphs_leave_the_document_in() -> None:
    ledger, one = Ledger(), page(7)
    ledger.cut(one, "lines/menu", ["Home", "Contact"])
    assert not one.dropped
    assert dict(ledger.counts) == {("lines/menu", "paragraphs"): 2, ("lines/menu", "characters"): 11}
    assert ledger.samples["lines/menu"][0][1]["text"] == "Home\nContact"


def test_cutting_nothing_leaves_no_trace() -> None:
    ledger = Ledger()
    ledger.cut(page(7), "lines/menu", [])
    assert ledger == Ledger()


def test_a_sample_says_where_it_comes_from() -> None:
    ledger = Ledger()
    ledger.drop(page(11, "Grüezi", "de"), "quality/short")
    assert [what for _, what in ledger.samples["quality/short"]] == [
        {"source": "pages.warc.gz!11", "url": "https://example.org/11", "language": "de", "text": "Grüezi"}
    ]


def test_a_sample_is_no_longer_than_can_be_read() -> None:
    ledger = Ledger()
    ledger.drop(page(1, "x" * 7919), "quality/long")
    assert ledger.samples["quality/long"][0][1]["text"] == "x" * SAMPLE_CHARACTERS


def test_a_few_samples_of_each_reason_are_kept() -> None:
    ledger = Ledger()
    for number in range(53):
        ledger.drop(page(number), "quality/short")
        ledger.cut(page(number), "lines/menu", ["Home"])
    assert len(ledger.samples["quality/short"]) == len(ledger.samples["lines/menu"]) == SAMPLES
    keys = [key for key, _ in ledger.samples["quality/short"]]
    assert keys == sorted(keys)


def test_text_that_utf8_cannot_hold_is_a_sample_as_well() -> None:
    ledger = Ledger()
    ledger.drop(page(1, "a\ud800"), "repair/surrogate")
    assert Ledger.from_json(json.loads(json.dumps(ledger.to_json()))) == ledger


def test_changes_are_counted_by_document_too_and_shown_where_text_is_given() -> None:
    ledger = Ledger()
    ledger.change(page(1), "personal/email", 3)
    ledger.change(page(2), "personal/email", 2, "write to <email>")
    assert dict(ledger.counts) == {("personal/email", "changes"): 5, ("personal/email", "changed documents"): 2}
    assert [what["text"] for _, what in ledger.samples["personal/email"]] == ["write to <email>"]


def test_what_is_observed_is_a_histogram() -> None:
    ledger = Ledger()
    for value in (0.0, 3, 3.0, 4.7):
        ledger.observe("gopher/word length", value, page(1))
    spread = ledger.spreads["gopher/word length"]
    assert spread.bins == {0: 1, bin_of(3.0): 2, bin_of(4.7): 1}
    assert not spread.edges


def test_each_threshold_has_what_is_below_and_what_is_not() -> None:
    ledger = Ledger()
    for number, value in enumerate((1, 3, 3, 5, 10, 12)):
        ledger.observe("gopher/word length", value, page(number), (3, 10.0))
    edges = ledger.spreads["gopher/word length"].edges
    assert {threshold: [side.count for side in sides] for threshold, sides in edges.items()} == {
        3.0: [1, 5],
        10.0: [4, 2],
    }
    below, above = edges[10.0]
    assert [found["value"] for _, _, found in below.samples] == [5.0, 3.0, 3.0]
    assert [found["value"] for _, _, found in above.samples] == [10.0, 12.0]


def test_a_threshold_shows_the_page_or_the_paragraph_that_was_measured() -> None:
    ledger = Ledger()
    ledger.observe("language/confidence", 0.7, page(3), (0.5,))
    ledger.observe("lines/length", 7, page(3), (5,), text="Contact")
    shown = [ledger.spreads[name].edges for name in ("language/confidence", "lines/length")]
    assert shown[0][0.5][1].samples[0][2]["text"] == "one\ntwo"
    assert shown[1][5.0][1].samples[0][2]["text"] == "Contact"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_counted_apart(value: float) -> None:
    ledger = Ledger()
    ledger.observe("perplexity/score", value, page(1), (0.5,))
    spread = ledger.spreads["perplexity/score"]
    assert (spread.other, spread.count, spread.edges) == (1, 0, {})


def test_what_is_left_is_counted_by_language() -> None:
    ledger = Ledger()
    pages = [page(1), page(2, "eins\nzwei\ndrei", "de"), page(3, "vier", "de"), page(4)]
    pages[3].dropped = "quality/short"
    ledger.passed("quality", pages)
    assert dict(ledger.counts) == {
        ("left/quality/en", "documents"): 1,
        ("left/quality/en", "paragraphs"): 2,
        ("left/quality/en", "characters"): 6,
        ("left/quality/de", "documents"): 2,
        ("left/quality/de", "paragraphs"): 4,
        ("left/quality/de", "characters"): 16,
    }
    assert ledger.steps == ["quality"]


def test_a_step_that_nothing_reached_is_named_all_the_same() -> None:
    ledger = Ledger()
    ledger.passed("read", [])
    ledger.passed("quality", [])
    ledger.passed("read", [page(1)])
    assert ledger.steps == ["read", "quality"]


def test_what_goes_in_comes_out_or_is_named() -> None:
    ledger = Ledger()
    pages = [page(number, "\n".join(f"line {n}" for n in range(number))) for number in range(1, 8)]
    ledger.passed("read", pages)
    for one in pages[:2]:
        ledger.drop(one, "quality/short")
    for one in pages[2:]:
        first, *rest = one.paragraphs
        ledger.cut(one, "quality/menu", [first])
        one.text = "\n".join(rest)
    ledger.passed("quality", pages)
    for unit in ("documents", "paragraphs", "characters"):
        lost = sum(ledger.counts[reason, unit] for reason in ("quality/short", "quality/menu"))
        assert ledger.counts["left/read/en", unit] == ledger.counts["left/quality/en", unit] + lost, unit


def test_damage_is_listed_once_and_in_order() -> None:
    ledger = Ledger()
    for place in ("b.gz!7", "a.gz!5", "b.gz!7"):
        ledger.damaged(place, "the record ends before its length")
    assert [place for place, _ in ledger.damage] == ["a.gz!5", "b.gz!7"]
    assert ledger.counts["damage", "places"] == 3


def test_a_list_of_damage_ends_but_its_count_does_not() -> None:
    ledger = Ledger()
    for number in reversed(range(DAMAGE + 13)):
        ledger.damaged(f"a.gz!{number:06}", "bad")
    assert len(ledger.damage) == DAMAGE
    assert ledger.damage[0] == ("a.gz!000000", "bad")
    assert ledger.counts["damage", "places"] == DAMAGE + 13


def worked(numbers: list[int]) -> Ledger:
    """All that a ledger can hold, a function of the pages alone."""
    ledger = Ledger()
    pages = [page(n, "word\n" * (n % 5) + f"end {n}", "de" if n % 3 else "en") for n in numbers]
    ledger.passed("read", pages)
    for number, one in zip(numbers, pages, strict=True):
        ledger.observe("quality/length", len(one.text), one, (10, 20.5))
        if number % 2:
            ledger.drop(one, f"quality/{number % 4}")
        else:
            ledger.cut(one, "quality/first", one.paragraphs[:1])
        if number % 7 == 0:
            ledger.damaged(one.source, "bad")
            ledger.change(one, "personal/email", number, one.text)
    ledger.passed("quality", pages)
    return ledger


@settings(deadline=None, max_examples=7)
@given(st.integers(0, 97), st.integers(0, 97), st.randoms(use_true_random=False))
def test_a_sum_does_not_depend_on_how_tasks_are_split(first: int, second: int, chance: random.Random) -> None:
    numbers = list(range(97))
    whole = worked(numbers)
    first, second = sorted((first, second))
    parts = [numbers[:first], numbers[first:second], numbers[second:]]
    chance.shuffle(parts)
    total = Ledger()
    for part in parts:
        chance.shuffle(part)
        total.add(Ledger.from_json(json.loads(json.dumps(worked(part).to_json()))))
    assert total.to_json() == whole.to_json()


def test_the_steps_of_later_phases_come_behind() -> None:
    first, second, total = Ledger(), Ledger(), Ledger()
    first.passed("read", [])
    first.passed("repair", [])
    second.passed("language", [])
    for ledger in (first, first, second, second):
        total.add(ledger)
    assert total.steps == ["read", "repair", "language"]


def test_adding_changes_nothing_in_what_is_added() -> None:
    one, other = worked([1, 2, 7]), worked([4, 14])
    before = other.to_json()
    total = Ledger()
    total.add(other)
    total.add(one)
    assert other.to_json() == before
    assert all(len(sides[0].samples) <= NEAREST for s in total.spreads.values() for sides in s.edges.values())


def test_json_both_ways() -> None:
    ledger = worked(list(range(31)))
    assert Ledger.from_json(json.loads(json.dumps(ledger.to_json()))) == ledger
