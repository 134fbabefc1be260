"""Patterns: parsing, choices, agreement, contraction and exact spans."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.demo.pattern import Span, compile_pattern, fill, variants
from encodery.demo.slots import Value, one

VALUES = {
    "person": one("name", "Greta Sow", "f"),
    "country": one("country", "kenya"),
    "city": one("city", "cairo"),
    "river": one("river", "danube"),
    "neighbours": Value("country", ("spain", "switzerland")),
}


def say(pattern: str, language: str = "en", seed: int = 0) -> str:
    return fill(pattern, VALUES, language, random.Random(seed)).text


def test_plain_text_and_slots() -> None:
    assert say("{person} lives in {city}.") == "Greta Sow lives in Cairo."


def test_first_letter_is_capital_also_after_quotation_marks() -> None:
    assert say("¿cuál es?", "es") == "¿Cuál es?"
    assert say('"no", she said.') == '"No", she said.'
    assert say("4 of 5 stars.") == "4 of 5 stars."


def test_choices_take_every_alternative_and_only_those() -> None:
    seen = {say("[one|two [big|small]|] end", seed=seed) for seed in range(53)}
    assert seen == {"One end", "Two big end", "Two small end", " End"}


@pytest.mark.parametrize(("gender", "expected"), [("m", "His"), ("f", "Her"), ("", "His")])
def test_agreement(gender: str, expected: str) -> None:
    values = {"person": one("name", "Kim", gender)}
    assert fill("<person:his|her>", values, "en", random.Random(0)).text == expected


def test_neuter_takes_the_third_choice_or_the_last() -> None:
    values = {"animal": one("animal", "zebra")}
    assert fill("<animal:der|die|das> {animal}", values, "de", random.Random(0)).text == "Das Zebra"
    assert fill("<animal:er|sie>", values, "de", random.Random(0)).text == "Sie"


def test_slots_inside_choices_and_agreement() -> None:
    assert say("[{person}] <person:x|[{city}]>") == "Greta Sow Cairo"


def test_spans_are_exact_after_contraction() -> None:
    sentence = fill(
        "la capitale de {country} n'est pas près de {city}, dit {person}.", VALUES, "fr", random.Random(0)
    )
    assert sentence.text == "La capitale du Kenya n'est pas près du Caire, dit Greta Sow."
    named = [(sentence.text[span.start : span.end], span.label) for span in sentence.entities]
    assert named == [("Kenya", "LOC"), ("Caire", "LOC"), ("Greta Sow", "PER")]


def test_a_list_is_one_slot_and_several_entities() -> None:
    sentence = fill("grenzt an {neighbours}.", VALUES, "de", random.Random(0))
    assert sentence.text == "Grenzt an Spanien und die Schweiz."
    assert sentence.slots == (Span(10, 33, "neighbours", ""),)
    assert [sentence.text[span.start : span.end] for span in sentence.entities] == ["Spanien", "Schweiz"]


def test_a_form_of_a_slot() -> None:
    assert say("{river.the} y {country}", "es") == "El Danubio y Kenia"


@pytest.mark.parametrize(
    ("pattern", "count"), [("a", 1), ("[a|b]", 2), ("[a|b] [c|d|e]", 6), ("[a|b [c|d]]", 3), ("<x:m|f>[a|b]", 2)]
)
def test_variants(pattern: str, count: int) -> None:
    assert variants(pattern) == count


@pytest.mark.parametrize("pattern", ["[a|b", "<x:a|b", "a [b [c]"])
def test_unclosed_groups_are_caught(pattern: str) -> None:
    with pytest.raises(AssertionError, match="unclosed group"):
        compile_pattern.__wrapped__(pattern)


@given(st.lists(st.text("abc ", min_size=1), min_size=1, max_size=5), st.integers(0, 97))
def test_a_choice_is_always_one_of_its_alternatives(choices: list[str], seed: int) -> None:
    text = fill("1 [" + "|".join(choices) + "]", {}, "sw", random.Random(seed)).text
    assert text.removeprefix("1 ") in choices
