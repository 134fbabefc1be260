"""Values that fill the slots of a pattern: kept as ids, turned into words of a language when a sentence is made."""

from dataclasses import dataclass
from functools import cache

from encodery.demo import grammar
from encodery.demo.facts import Row, table

_TABLES = {
    "country": "countries",
    "city": "cities",
    "river": "rivers",
    "animal": "animals",
    "dish": "dishes",
    "trade": "trades",
    "product": "products",
    "aspect": "aspects",
}
_LABELS = {"country": "LOC", "city": "LOC", "river": "LOC", "continent": "LOC", "name": "PER", "brand": "ORG"}
_TERMS = ("continent", "currency", "language", "sea", "habitat", "diet", "ingredient")
# Kinds whose cells end in a gender mark (m, f, n) where the language has genders.
_GENDERED = ("country", "river", "animal", "dish", "product", "aspect", "continent", "currency", "language")
# Kinds that French names with their article ("la France", "le swahili") unless a pattern asks for `.bare`.
_FRENCH_ARTICLE = ("continent", "language")

Part = tuple[str, str]
"""A piece of text and the label of the entity it names ("" for none)."""


@dataclass(frozen=True)
class Value:
    """What a slot holds, in no language: a kind and the ids of one or more entities (or digits, or a name)."""

    kind: str
    ids: tuple[str, ...]
    gender: str = ""


@dataclass(frozen=True)
class Slot:
    """A value in one language: its parts in each grammatical form, and its gender for agreement."""

    forms: dict[str, tuple[Part, ...]]
    gender: str

    def parts(self, form: str) -> tuple[Part, ...]:
        """The parts of one form; a language without a form of its own uses the plain one."""
        return self.forms.get(form, self.forms[""])


def one(kind: str, key: str, gender: str = "") -> Value:
    """A value that holds one entity."""
    return Value(kind, (key,), gender)


def label_of(kind: str) -> str:
    """The entity label of a kind: PER, LOC, ORG, or "" when it names no entity."""
    return _LABELS.get(kind, "")


@cache
def realise(value: Value, language: str) -> Slot:
    """The words for a value in a language."""
    if value.kind in ("number", "people", "year"):
        digits = int(value.ids[0])
        write = {"number": grammar.number, "people": grammar.people}.get(value.kind)
        return Slot({"": ((write(language, digits) if write else str(digits), ""),)}, "")
    if value.kind in ("name", "brand"):
        return Slot({"": ((value.ids[0], label_of(value.kind)),)}, value.gender)
    if value.kind == "adjective":
        return Slot({"": ((_agreeing(value.ids[0], value.gender), ""),)}, value.gender)
    if len(value.ids) == 1:
        return _noun(value.kind, value.ids[0], language, value.gender)
    items = [_noun(value.kind, key, language, "").parts("") for key in value.ids]
    return Slot({"": _enumerate(items, language)}, "")


def _noun(kind: str, key: str, language: str, gender: str) -> Slot:
    """One entity with the forms its kind has."""
    word, own = _word(kind, _row(kind, key)[language], gender)
    gender = own or gender
    label = label_of(kind)
    if kind == "country":
        if language == "de":
            gender = "f" if word.startswith("die ") else ""
            word = word.removeprefix("die ")
        before = grammar.country_forms(language, word, gender)
    else:
        before = {"": "", "bare": ""}
        if gender or language in ("en", "sw"):
            before["the"] = grammar.definite(language, word, gender)
            before["a"] = grammar.indefinite(language, word, gender)
        if language == "fr" and kind in _FRENCH_ARTICLE:
            before[""] = before["the"]
    named: tuple[Part, ...] = ((word, label),)
    forms = {form: ((prefix, ""), *named) if prefix else named for form, prefix in before.items()}
    return Slot(forms, gender)


def _row(kind: str, key: str) -> Row:
    return table("terms" if kind in _TERMS else _TABLES[kind])[key]


def _word(kind: str, cell: str, gender: str) -> tuple[str, str]:
    """Split a cell into word and gender: "Donau f" by its mark, "Bäcker/Bäckerin" by the gender asked for."""
    if kind == "trade":
        return _agreeing(cell, gender), gender
    if kind in _GENDERED and cell[-2:] in (" m", " f", " n"):
        return cell[:-2], cell[-1]
    return cell, ""


def _agreeing(cell: str, gender: str) -> str:
    """The masculine or the feminine of "excellent/excellente"; a cell without a slash serves both."""
    masculine, _, feminine = cell.partition("/")
    return feminine if feminine and gender == "f" else masculine


def _enumerate(items: list[tuple[Part, ...]], language: str) -> tuple[Part, ...]:
    """Items with commas and a final "and" between them."""
    parts = list(items[0])
    for item in items[1:-1]:
        parts += [(", ", ""), *item]
    return (*parts, (grammar.conjunction(language), ""), *items[-1])
