"""What the translations of dev data show of each direction."""

import pytest

from encodery.data.translations import TranslationExample
from encodery.stages.by_direction import DevDirections
from encodery.tasks.directions import Directions

pytest.importorskip("sacrebleu")

BOTH = Directions((("en", "de"), ("de", "en")))
ENGLISH = ["a red dog runs here", "two cats see a big house", "the small man sleeps now"]
GERMAN = ["ein roter Hund läuft hier", "zwei Katzen sehen ein großes Haus", "der kleine Mann schläft jetzt"]


def examples(texts: list[str], others: list[str], source: str, target: str) -> list[TranslationExample]:
    return [
        TranslationExample(text, other, "x:1").between(source, target)
        for text, other in zip(texts, others, strict=True)
    ]


THERE, BACK = examples(ENGLISH, GERMAN, "en", "de"), examples(GERMAN, ENGLISH, "de", "en")


def said(*texts: str) -> list[dict[str, str]]:
    return [{"translation": text} for text in texts]


def test_a_direction_that_is_right_and_one_that_copies() -> None:
    mixed = [side[row] for row in range(3) for side in (THERE, BACK)]
    found = DevDirections.of(BOTH, THERE + BACK, mixed).measure(
        said(*(text for right in GERMAN for text in (right, right)))
    )
    assert found["bleu en-de"] == pytest.approx(100)
    assert found["bleu de-en"] < 1
    assert (found["copied en-de"], found["copied de-en"]) == (0, 1)
    assert {*found} == {
        f"{fact} {way}" for fact in ("bleu", "copied", "empty", "repeated") for way in ("en-de", "de-en")
    }


def test_nothing_and_always_the_same() -> None:
    directions = DevDirections.of(BOTH, THERE, THERE)
    assert directions.measure(said("", "", "Haus"))["empty en-de"] == pytest.approx(2 / 3)
    assert directions.measure(said("Hund", "Hund", "Haus"))["repeated en-de"] == pytest.approx(2 / 3)


def test_without_pairs_of_a_direction_its_shared_words_are_not_known() -> None:
    assert {*DevDirections.of(BOTH, BACK, THERE).measure(said(*GERMAN))} == {"bleu en-de"}


def test_words_by_themselves_have_no_bleu_that_would_say_anything() -> None:
    words = examples(["dog", "red cat", "house"], ["Hund", "rote Katze", "Haus"], "en", "de")
    found = DevDirections.of(BOTH, words, words).measure(said("Hund", "rote Katze", "Haus"))
    assert "bleu en-de" not in found
    assert found["copied en-de"] == 0
