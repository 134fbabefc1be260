"""Copies, empty and repeated outputs: what counts as one."""

import pytest

from encodery.tasks.metrics.copying import Outputs, shared_words

ENGLISH = ["Anna sees the dog in Berlin", "the dog in the park", "Anna likes the hand"]
GERMAN = ["Anna sieht den Hund in Berlin", "die Hand in Berlin sieht Anna", "der Hund frisst the", *["ja"] * 40]


def test_words_of_both_languages_are_known_by_how_often_they_are() -> None:
    assert shared_words(ENGLISH, GERMAN) == {"anna", "in", "berlin", "hand"}
    assert "the" in shared_words(["the"], ["the"])


def outputs(*pairs: tuple[str, str]) -> Outputs:
    sources, told = zip(*pairs, strict=True)
    return Outputs(sources, told, shared_words(ENGLISH, GERMAN))


@pytest.mark.parametrize(
    ("source", "output", "share"),
    [
        ("Anna sees the dog", "Anna sees the dog", 1.0),
        ("Anna sees the dog.", "ANNA SEES, the dog", 1.0),
        ("Anna sees the dog in Berlin", "Anna sieht den Hund in Berlin", 0.0),
        ("Anna sees the dog", "Anna sieht the dog", 2 / 3),
        ("the dog", "the the the the", 1 / 4),
        ("Anna in Berlin", "Anna in Berlin", 0.0),
        ("the dog", "", 0.0),
    ],
)
def test_a_copy_is_what_only_the_source_has_words_for(source: str, output: str, share: float) -> None:
    assert outputs((source, output)).copied() == [pytest.approx(share)]


def test_facts_are_shares_of_the_outputs() -> None:
    facts = outputs(("the dog", "the dog"), ("the park", "..."), ("a", "ja"), ("b", "Ja!"), ("c", "nein")).facts()
    assert facts == {"copied": pytest.approx(0.2), "empty": pytest.approx(0.2), "repeated": pytest.approx(0.4)}


def test_the_same_source_twice_is_no_repetition() -> None:
    assert outputs(("a", "ja"), ("a", "ja"), ("b", "nein")).facts()["repeated"] == 0.0


def test_an_output_in_circles_is_a_repetition() -> None:
    assert outputs(("a", "ja " * 9), ("b", "eins zwei drei vier")).facts()["repeated"] == 0.5
    assert outputs(("a", "ja " * 7), ("b", "eins")).facts()["repeated"] == 0.0


def test_nothing_said_is_nothing_wrong() -> None:
    assert Outputs([], [], frozenset()).facts() == {"copied": 0.0, "empty": 0.0, "repeated": 0.0}
