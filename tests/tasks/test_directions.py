"""From which language to which: what data says, what a folder says, and what an example means."""

from typing import Any

import pytest

from encodery.data.translations import TranslationExample
from encodery.errors import UserError
from encodery.tasks.directions import Directions

MANY = Directions((("en", "de"), ("de", "en"), ("en", "fr")))


def example(source: str | None, target: str | None, file: str | None = None) -> TranslationExample:
    return TranslationExample("a", "b", "a.jsonl:3", source, target, file)


def test_they_are_those_of_the_data_in_its_order() -> None:
    pairs = [("en", "de"), ("fr", "en"), ("en", "de")]
    found = Directions.of(example(*pair) for pair in pairs)
    assert found.pairs == (("en", "de"), ("fr", "en"))
    assert (found.names, found.languages, found.targets) == (["en-de", "fr-en"], ["en", "de", "fr"], ["de", "en"])


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (
            (None, "de"),
            "source_language is missing; give it in the record, or for all records as task.source_language",
        ),
        (
            ("en", None),
            "target_language is missing; give it in the record, or for all records as task.target_language",
        ),
        (("en", "en"), "source_language and target_language are both 'en'; a translation is between two languages"),
    ],
)
def test_training_data_must_say_both_languages(pair: tuple[str | None, str | None], message: str) -> None:
    with pytest.raises(UserError) as error:
        Directions.of([example("en", "de"), example(*pair)])
    assert str(error.value) == f"a.jsonl:3: {message}"


def test_a_folder_lists_them() -> None:
    assert Directions.read({"directions": [["en", "de"], ["zh-Hans", "de"]]}, "m").names == ["en-de", "zh-Hans-de"]


@pytest.mark.parametrize("stated", [None, [], "en-de", [["en"]], [["en", "de", "fr"]], [["en", 3]], [["en", ""]], {}])
def test_a_folder_that_lists_none_is_refused(stated: Any) -> None:
    with pytest.raises(UserError, match=r"m/encodery.json: directions = .*; a model that translates says here"):
        Directions.read({"directions": stated}, "m/encodery.json")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (("en", "fr"), ("en", "fr")),
        ((None, "fr"), ("en", "fr")),
        (("de", None), ("de", "en")),
        ((None, None, "de-en"), ("de", "en")),
        (("en", "fr", "de-en"), ("en", "fr")),
    ],
)
def test_what_an_example_means(asked: tuple[str | None, ...], found: tuple[str, str]) -> None:
    assert MANY.find(example(*asked)) == found


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ((None, None), "from which language to which is not said; give source_language and target_language, one of "),
        (("en", None), "from which language to which is not said; give source_language and target_language, one of "),
        (("xx", "de"), "source_language = 'xx' is not one of the model's languages (en, de, fr); name one of these"),
        ((None, "sw"), "target_language = 'sw' is not one of the model's languages (en, de, fr); name one of these"),
        (("de", "fr"), "the direction de-fr was not trained; this model translates en-de, de-en, en-fr"),
        (("fr", None), "the direction fr-? was not trained; this model translates en-de, de-en, en-fr"),
    ],
)
def test_what_cannot_be_translated(asked: tuple[str | None, ...], message: str) -> None:
    with pytest.raises(UserError) as error:
        MANY.find(example(*asked))
    assert str(error.value).startswith(f"a.jsonl:3: {message}")


def test_a_model_of_one_direction_needs_no_languages() -> None:
    assert Directions((("en", "de"),)).find(example(None, None, "some file")) == ("en", "de")
