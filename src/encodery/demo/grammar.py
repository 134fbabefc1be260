"""The little grammar that filled-in names need: articles, prepositions with countries, contraction and elision."""

import re

_VOWELS = frozenset("aeiouàâäéèêëîïôöùûüœAEIOUÀÂÄÉÈÊËÎÏÔÖÙÛÜŒ")
_MUTE_H = ("Helsinki", "hippopotame", "hyène")
_STRESSED_A = ("águila",)
# English words whose first letter is a vowel and whose first sound is not.
_CONSONANT_SOUND = ("eu", "one", "uni", "use", "Eu")


def opens_with_vowel(word: str) -> bool:
    """Whether French elides before `word` (d'Athènes, l'hyène, but le haricot and le yen)."""
    return word[:1] in _VOWELS or word.startswith(_MUTE_H)


def definite(language: str, word: str, gender: str) -> str:
    """The definite article before a singular noun, with its space: "the ", "die ", "l'", "el ", "" in Swahili."""
    if language == "fr":
        return "l'" if opens_with_vowel(word) else {"m": "le ", "f": "la "}[gender]
    if language == "es":
        return "el " if gender == "m" or word in _STRESSED_A else "la "
    if language == "de":
        return {"m": "der ", "f": "die ", "n": "das "}[gender]
    return "the " if language == "en" else ""


def indefinite(language: str, word: str, gender: str) -> str:
    """The indefinite article before a singular noun, with its space; `join` turns "a" into "an"."""
    if language == "es" and word in _STRESSED_A:
        return "un "
    articles = {"en": "a a a", "de": "ein eine ein", "fr": "un une un", "es": "un una un"}
    return (
        dict(zip("mfn", articles[language].split(), strict=True))[gender or "m"] + " " if language in articles else ""
    )


def country_forms(language: str, name: str, gender: str) -> dict[str, str]:
    """What stands before a country's bare name in each form that patterns ask for (subject, in, of, from)."""
    if language == "fr":
        article = definite("fr", name, gender)
        within = "en " if gender == "f" or opens_with_vowel(name) else "au "
        return {"": article, "in": within, "bare": ""}
    if language == "de":
        # Die Schweiz, die Türkei: the article is part of the name and is declined.
        return (
            {"": "die ", "in": "in der ", "of": "der ", "from": "aus der "}
            if gender == "f"
            else {"": "", "in": "in ", "of": "von ", "from": "aus "}
        )
    return {"": ""}


def join(language: str, before: str, after: str) -> tuple[str, str]:
    """Make two neighbouring pieces fit: "de" + "le Caire" becomes "du" + "Caire", "a" + "elephant" "an" + it."""
    if language == "en" and (before.endswith(" a ") or before in ("a ", "A ")) and _needs_an(after):
        return before[:-1] + "n ", after
    if language == "fr":
        return _join_french(before, after)
    if language == "es":
        return _join_spanish(before, after)
    if language == "de" and before.endswith("in ") and after.startswith("das "):
        return before[:-1] + "s ", after[4:]
    return before, after


def _needs_an(after: str) -> bool:
    return after[:1] in "aeiouAEIOU" and bool(after) and not after.startswith(_CONSONANT_SOUND)


def _join_french(before: str, after: str) -> tuple[str, str]:
    if before.endswith((" de ", "De ")):
        if after[:3] in ("le ", "Le "):
            return before[:-2] + "u ", after[3:]
        if opens_with_vowel(after):
            return before[:-2] + "'", after
    if before.endswith((" à ", "À ")) and after[:3] in ("le ", "Le "):
        return before[:-2] + ("Au " if before.endswith("À ") else "au "), after[3:]
    if before.endswith("que ") and opens_with_vowel(after):
        return before[:-2] + "'", after
    return before, after


def _join_spanish(before: str, after: str) -> tuple[str, str]:
    if after.startswith("el ") and before.endswith((" de ", "De ")):
        return before[:-1] + "l ", after[3:]
    if after.startswith("el ") and before.endswith((" a ", "A ")):
        return before[:-1] + "l ", after[3:]
    if before.endswith(" y ") and re.match(r"[IiÍí]|[Hh]i(?!e)", after):
        return before[:-2] + "e ", after
    return before, after


def conjunction(language: str) -> str:
    """The word for "and" between the last two items of a list, with its spaces."""
    return {"en": " and ", "de": " und ", "fr": " et ", "es": " y ", "sw": " na "}[language]


def number(language: str, value: int) -> str:
    """A whole number with the thousands separator of the language (none below ten thousand where that is usual)."""
    if value < 1000 or (language in ("es", "fr") and value < 10000):
        return str(value)
    return f"{value:,}".replace(",", {"en": ",", "de": ".", "fr": " ", "es": " ", "sw": ","}[language])


def people(language: str, value: int) -> str:
    """A number of inhabitants as a noun phrase: "8.9 million people", "8,9 millions d'habitants"."""
    if value < 1_000_000:
        phrase = _PEOPLE[language].replace("d'", "").replace("de ", "")
        return phrase.format(number(language, value))
    count = f"{value / 1e6:,.1f}".removesuffix(".0").replace(",", "")
    if language in ("de", "fr", "es"):
        count = count.replace(".", ",")
    # French counts below two in the singular.
    noun = "million" if language == "fr" and value < 2_000_000 else _MILLION[language]
    return _PEOPLE[language].format(f"{count} {noun}" if language != "sw" else f"{noun} {count}")


_MILLION = {"en": "million", "de": "Millionen", "fr": "millions", "es": "millones", "sw": "milioni"}
_PEOPLE = {
    "en": "{} people",
    "de": "{} Menschen",
    "fr": "{} d'habitants",
    "es": "{} de habitantes",
    "sw": "watu {}",
}
