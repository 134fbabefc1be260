from collections import Counter

from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page
from encodery.stages.corpus_facts import CorpusFacts, Source, kept, left_behind, reasons, total


def make_ledger() -> Ledger:
    ledger = Ledger()
    pages = [Page("one\ntwo", "f!1"), Page("three", "f!2"), Page("quattro", "f!3"), Page("x", "f!4")]
    ledger.passed("read", pages)
    ledger.change(pages[0], "repair/mojibake", 3)
    ledger.passed("repair", pages)
    for page, language in zip(pages, ("en", "en", "it", "en"), strict=True):
        page.language = language
    ledger.drop(pages[3], "language/unsure")
    ledger.passed("language", pages)
    ledger.cut(pages[0], "quality/menu", ["one"])
    pages[0].text = "two"
    ledger.drop(pages[1], "quality/short")
    ledger.damaged("f!5", "bad")
    ledger.passed("quality", pages)
    return ledger


def test_what_is_left_is_by_language_and_the_largest_comes_first() -> None:
    left = left_behind(make_ledger(), "language")
    assert list(left) == ["en", "it"]
    assert left["en"] == Counter(documents=2, paragraphs=3, characters=11)
    assert total(left) == Counter(documents=3, paragraphs=4, characters=18)


def test_the_corpus_is_what_the_last_step_left() -> None:
    assert kept(make_ledger()) == {
        "it": Counter(documents=1, paragraphs=1, characters=7),
        "en": Counter(documents=1, paragraphs=1, characters=3),
    }
    assert kept(Ledger()) == {}


def test_before_languages_are_known_all_is_one() -> None:
    assert list(left_behind(make_ledger(), "read")) == [""]


def test_reasons_are_in_the_order_of_steps_and_the_largest_comes_first() -> None:
    assert [reason.name for reason in reasons(make_ledger())] == [
        "repair/mojibake",
        "language/unsure",
        "quality/short",
        "quality/menu",
    ]


def test_a_reason_says_how_much() -> None:
    found = {reason.name: reason.units for reason in reasons(make_ledger())}
    assert found["quality/menu"] == {"paragraphs": 1, "characters": 3}
    assert found["repair/mojibake"] == {"changes": 3, "changed documents": 1}


def test_reasons_of_no_step_come_last() -> None:
    ledger = make_ledger()
    ledger.drop(Page("y", "f!9"), "by hand/gone")
    assert reasons(ledger)[-1].step == "by hand"


def test_inputs_add_up() -> None:
    sources = [Source("a", 2, 1000, "f"), Source("b", 1, 234, "f")]
    assert CorpusFacts("name", sources, {}, {}).size == 1234
