"""Values become words: forms, genders, lists and labels."""

import pytest

from encodery.demo.slots import Value, label_of, one, realise


def text(value: Value, language: str, form: str = "") -> str:
    return "".join(piece for piece, _ in realise(value, language).parts(form))


@pytest.mark.parametrize(
    ("value", "language", "form", "expected"),
    [
        (one("country", "kenya"), "fr", "", "le Kenya"),
        (one("country", "kenya"), "fr", "in", "au Kenya"),
        (one("country", "switzerland"), "de", "in", "in der Schweiz"),
        (one("country", "switzerland"), "de", "", "die Schweiz"),
        (one("country", "poland"), "de", "of", "von Polen"),
        (one("country", "kenya"), "en", "in", "Kenya"),
        (one("continent", "europe"), "fr", "", "l'Europe"),
        (one("continent", "europe"), "fr", "bare", "Europe"),
        (one("river", "danube"), "es", "the", "el Danubio"),
        (one("river", "danube"), "de", "", "Donau"),
        (one("sea", "black_sea"), "sw", "", "Bahari Nyeusi"),
        (one("trade", "baker", "f"), "de", "", "Bäckerin"),
        (one("trade", "baker", "m"), "de", "", "Bäcker"),
        (one("trade", "doctor", "f"), "sw", "", "daktari"),
        (one("trade", "teacher", "f"), "en", "a", "a teacher"),
        (one("adjective", "excellent/excellente", "f"), "fr", "", "excellente"),
        (one("adjective", "superb", "f"), "en", "", "superb"),
        (one("number", "6650"), "de", "", "6.650"),
        (one("year", "1953"), "de", "", "1953"),
        (one("people", "5000000"), "sw", "", "watu milioni 5"),
        (one("name", "Greta Sow", "f"), "es", "", "Greta Sow"),
        (Value("country", ("france", "italy", "switzerland")), "de", "", "Frankreich, Italien und die Schweiz"),
        (Value("language", ("english", "french")), "fr", "", "l'anglais et le français"),
        (Value("ingredient", ("rice", "oil")), "sw", "", "mchele na mafuta ya zeituni"),
    ],
)
def test_words(value: Value, language: str, form: str, expected: str) -> None:
    assert text(value, language, form) == expected


@pytest.mark.parametrize(
    ("value", "language", "gender"),
    [
        (one("river", "danube"), "de", "f"),
        (one("river", "danube"), "fr", "m"),
        (one("river", "danube"), "en", ""),
        (one("country", "turkey"), "de", "f"),
        (one("country", "france"), "de", ""),
        (one("name", "Greta", "f"), "fr", "f"),
    ],
)
def test_genders(value: Value, language: str, gender: str) -> None:
    assert realise(value, language).gender == gender


def test_labels_sit_on_the_bare_name() -> None:
    assert realise(one("country", "kenya"), "fr").parts("") == (("le ", ""), ("Kenya", "LOC"))
    pair = realise(Value("country", ("spain", "peru")), "en").parts("")
    assert pair == (("Spain", "LOC"), (" and ", ""), ("Peru", "LOC"))


def test_labels_of_kinds() -> None:
    assert [label_of(kind) for kind in ("name", "brand", "city", "currency")] == ["PER", "ORG", "LOC", ""]
