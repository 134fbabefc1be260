"""Codes of languages."""

import pytest

from encodery.corpus.languages import is_language_code, language_code


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        ("en", "en"),
        ("eng", "en"),
        ("ENG", "en"),
        ("eng_Latn", "en"),
        ("pt-BR", "pt"),
        ("zh_Hant", "zh"),
        ("cmn", "zh"),
        ("ger", "de"),
        ("deu", "de"),
        ("iw", "he"),
        ("heb", "he"),
        ("nob", "no"),
        ("nb", "no"),
        ("nno", "nn"),
        ("arb", "ar"),
        ("als", "sq"),
        ("swh", "sw"),
        ("kik", "ki"),
        ("gug", "gn"),
        ("fil", "tl"),
        ("ace", "ace"),
        ("yue", "yue"),
        (" fra ", "fr"),
        ("", ""),
    ],
)
def test_a_language_has_one_code(code: str, ours: str) -> None:
    assert language_code(code) == ours


@pytest.mark.parametrize("code", ["en", "zho", "nob", "als", "xyz", "mo", "jw"])
def test_a_code_of_ours_stays(code: str) -> None:
    assert language_code(language_code(code)) == language_code(code)


@pytest.mark.parametrize("code", ["en", "DEU", "zh-Hant", "eng_Latn", "pt_BR", "be-x-old", "sr-Latn-RS", " fr "])
def test_the_form_of_a_code(code: str) -> None:
    assert is_language_code(code)


@pytest.mark.parametrize(
    "value", ["", "e", "english", "../up", "en/us", "en us", "zh-", "à", "en\n\nx", "en-" * 9, "日本", "٣٣", "x" * 99]
)
def test_what_is_no_code(value: str) -> None:
    assert not is_language_code(value)
