"""Articles, contraction, elision and numbers."""

import pytest

from encodery.demo.grammar import (
    conjunction,
    country_forms,
    definite,
    indefinite,
    join,
    number,
    opens_with_vowel,
    people,
)


@pytest.mark.parametrize(
    ("language", "word", "gender", "the", "a"),
    [
        ("en", "owl", "", "the ", "a "),
        ("de", "Donau", "f", "die ", "eine "),
        ("de", "Zebra", "n", "das ", "ein "),
        ("fr", "Rhin", "m", "le ", "un "),
        ("fr", "Èbre", "m", "l'", "un "),
        ("fr", "hippopotame", "m", "l'", "un "),
        ("fr", "hindi", "m", "le ", "un "),
        ("fr", "yen", "m", "le ", "un "),
        ("es", "lechuza", "f", "la ", "una "),
        ("es", "águila", "f", "el ", "un "),
        ("sw", "simba", "", "", ""),
    ],
)
def test_articles(language: str, word: str, gender: str, the: str, a: str) -> None:
    assert definite(language, word, gender) == the
    assert indefinite(language, word, gender) == a


@pytest.mark.parametrize(
    ("language", "before", "after", "joined"),
    [
        ("en", "is a ", "owl", "is an owl"),
        ("en", "A ", "elephant", "An elephant"),
        ("en", "a ", "lion", "a lion"),
        ("en", "a ", "European", "a European"),
        ("en", "extra ", "owl", "extra owl"),
        ("fr", "la capitale de ", "le Kenya", "la capitale du Kenya"),
        ("fr", "la capitale de ", "la France", "la capitale de la France"),
        ("fr", "près de ", "Athènes", "près d'Athènes"),
        ("fr", "De ", "Athènes", "D'Athènes"),
        ("fr", "vit à ", "Le Caire", "vit au Caire"),
        ("fr", "À ", "Le Caire", "Au Caire"),
        ("fr", "près de ", "Le Caire", "près du Caire"),
        ("fr", "plus grande que ", "Oslo", "plus grande qu'Oslo"),
        ("fr", "de ", "hongrois", "de hongrois"),
        ("es", "a orillas de ", "el Rin", "a orillas del Rin"),
        ("es", "vamos a ", "el Ebro", "vamos al Ebro"),
        ("es", "cerca de ", "El Cairo", "cerca de El Cairo"),
        ("es", "Suiza y ", "Italia", "Suiza e Italia"),
        ("es", "agua y ", "hierba", "agua y hierba"),
        ("es", "Suiza y ", "Austria", "Suiza y Austria"),
        ("de", "mündet in ", "das Schwarze Meer", "mündet ins Schwarze Meer"),
        ("de", "mündet in ", "die Nordsee", "mündet in die Nordsee"),
        ("sw", "ni a ", "owl", "ni a owl"),
    ],
)
def test_join(language: str, before: str, after: str, joined: str) -> None:
    assert "".join(join(language, before, after)) == joined


def test_country_forms() -> None:
    assert country_forms("fr", "Kenya", "m") == {"": "le ", "in": "au ", "bare": ""}
    assert country_forms("fr", "Ouganda", "m") == {"": "l'", "in": "en ", "bare": ""}
    assert country_forms("de", "Schweiz", "f") == {"": "die ", "in": "in der ", "of": "der ", "from": "aus der "}
    assert country_forms("de", "Polen", "") == {"": "", "in": "in ", "of": "von ", "from": "aus "}
    assert country_forms("es", "Perú", "") == {"": ""}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (997, ["997", "997", "997", "997", "997"]),
        (2850, ["2,850", "2.850", "2850", "2850", "2,850"]),
        (90000, ["90,000", "90.000", "90 000", "90 000", "90,000"]),
    ],
)
def test_numbers(value: int, expected: list[str]) -> None:
    assert [number(language, value) for language in ("en", "de", "fr", "es", "sw")] == expected


@pytest.mark.parametrize(
    ("language", "value", "expected"),
    [
        ("en", 8_900_000, "8.9 million people"),
        ("en", 68_000_000, "68 million people"),
        ("en", 1_410_000_000, "1410 million people"),
        ("de", 8_900_000, "8,9 Millionen Menschen"),
        ("de", 640_000, "640.000 Menschen"),
        ("fr", 1_700_000, "1,7 million d'habitants"),
        ("fr", 2_100_000, "2,1 millions d'habitants"),
        ("fr", 520_000, "520 000 habitants"),
        ("es", 3_300_000, "3,3 millones de habitantes"),
        ("es", 680_000, "680 000 habitantes"),
        ("sw", 4_400_000, "watu milioni 4.4"),
        ("sw", 400_000, "watu 400,000"),
    ],
)
def test_people(language: str, value: int, expected: str) -> None:
    assert people(language, value) == expected


def test_small_words() -> None:
    assert [conjunction(language) for language in ("en", "de", "fr", "es", "sw")] == [
        " and ", " und ", " et ", " y ", " na "
    ]  # fmt: skip
    assert opens_with_vowel("Helsinki")
    assert not opens_with_vowel("Hanoï")
