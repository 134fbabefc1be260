"""A text and its translation: what a record says, and what is wrong with one that says none."""

from typing import Any

import pytest

from encodery.data.translations import TranslationExample, TranslationFields, input_translation, read_translation
from encodery.errors import UserError

RECORD = {"text": "A dog.", "translation": "Ein Hund.", "source_language": "en", "target_language": "de"}
TABLE = {"en": "A dog.", "de": "Ein Hund.", "fr": "Un chien."}
PLAIN = TranslationFields()


def sides(example: TranslationExample) -> tuple[str, str | None, str | None]:
    return example.text, example.translation, example.language


def test_a_record() -> None:
    example = read_translation("a.jsonl:3", {**RECORD, "more": 1}, PLAIN)
    assert example == TranslationExample("A dog.", "Ein Hund.", "a.jsonl:3", "en", "de", "en-de")
    assert example.texts == ("A dog.",)


def test_languages_may_be_left_out_and_said_later() -> None:
    example = read_translation("x:1", {"text": "a", "translation": "b", "target_language": "de"}, PLAIN)
    assert (example.source_language, example.target_language, example.language) == (None, "de", None)
    assert example.between("en", "fr") == TranslationExample("a", "b", "x:1", "en", "de", "en-de")


def test_columns_of_other_names_and_within_tables() -> None:
    fields = TranslationFields(text="translation.de", translation="translation.en", source_language="from")
    example = read_translation("x:1", {"translation": TABLE, "from": "de"}, fields)
    assert sides(example) == ("Ein Hund.", "A dog.", None)
    dotted = TranslationFields(text="a.b", translation="t")
    assert read_translation("x:1", {"a.b": "one", "t": "two"}, dotted).text == "one"


def test_a_table_of_both_sides_goes_from_the_first_to_the_second() -> None:
    two = {"en": "A dog.", "de": "Ein Hund."}
    assert sides(read_translation("x:1", {"translation": two}, PLAIN)) == ("A dog.", "Ein Hund.", "en-de")
    back = {"translation": two, "source_language": "de"}
    assert sides(read_translation("x:1", back, PLAIN)) == ("Ein Hund.", "A dog.", "de-en")
    into = {"translation": two, "target_language": "en"}
    assert sides(read_translation("x:1", into, PLAIN)) == ("Ein Hund.", "A dog.", "de-en")
    chosen = {"translation": TABLE, "source_language": "fr", "target_language": "de"}
    assert sides(read_translation("x:1", chosen, PLAIN)) == ("Un chien.", "Ein Hund.", "fr-de")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({**RECORD, "text": " "}, "text is empty; remove or repair the record"),
        ({**RECORD, "translation": ""}, "translation is empty; remove or repair the record"),
        ({**RECORD, "translation": 7}, "translation = 7 is not a string; repair the record"),
        ({**RECORD, "source_language": ["en"]}, "source_language = ['en'] is not a string; repair the record"),
        (
            {"text": "a"},
            "no column 'translation'; the columns are: text; set fields.translation to the one that holds",
        ),
        ({"translation": TABLE}, "translation holds the languages en, de, fr; "),
        ({"translation": {}}, "translation holds the languages none; "),
        ({"translation": {"en": "a"}}, "translation holds the languages en; "),
        ({"translation": TABLE, "source_language": "en", "target_language": "es"}, "the languages en, de, fr; "),
        ({"translation": TABLE, "source_language": "en", "target_language": "en"}, "the languages en, de, fr; "),
        ({"translation": {"en": "a", "de": None}}, "translation: de = None is not a string; repair the record"),
        ({"translation": {"en": " ", "de": "b"}}, "translation: en is empty; remove or repair the record"),
    ],
)
def test_records_that_are_none(record: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        read_translation("a:1", record, PLAIN)
    assert str(error.value).startswith("a:1: ")
    assert message in str(error.value)


def test_a_record_to_predict_for_may_be_blank_and_its_translation_is_passed_over() -> None:
    example = input_translation("record 1", {**RECORD, "text": "", "translation": 5})
    assert example == TranslationExample("", None, "record 1", "en", "de", "en-de")
    assert input_translation("record 1", {"text": "a", "target_language": None}).target_language is None


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({}, "text = None; a string is needed"),
        ({"text": 3}, "text = 3; a string is needed"),
        ({"text": "a", "target_language": 3}, "target_language = 3; a string is needed"),
    ],
)
def test_records_to_predict_for_that_are_none(record: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match="record 1: " + message):
        input_translation("record 1", record)
