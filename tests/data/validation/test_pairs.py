"""Texts with translations: what training would refuse, leave out, or learn badly."""

from typing import Any

import pytest

from encodery.corpus.pair_filter import PairFilterTable
from encodery.data.validation.columns import Columns
from encodery.data.validation.survey import Length, Options, Pairs
from tests.data.validation.records import Record, find, of, told

EN_DE = {"source_language": "en", "target_language": "de"}
DE_EN = {"source_language": "de", "target_language": "en"}


def pair(text: Any, translation: Any, **more: Any) -> Record:
    return {"text": text, "translation": translation, **more}


def table(text: Any, translation: Any, **more: Any) -> Record:
    return {"translation": {"en": text, "de": translation}, **more}


GOOD = [pair(f"dog {n}", f"Hund {n}", **EN_DE) for n in range(7)]
BACK = [pair(f"Katze {n}", f"cat {n}", **DE_EN) for n in range(5)]
SILENT = [pair(f"dog {n}", f"Hund {n}") for n in range(7)]
WHOLE = Options(pairs=Pairs(complete=True))
BY_RECIPE = Options(columns=Columns(defaults=EN_DE), pairs=Pairs(complete=True))


def words(max_seqlen: int, on_overflow: Any = "window") -> Options:
    """A word is a token, and two are around each text."""
    return Options(length=Length(lambda text, pair: len(text.split()) + 2, max_seqlen, on_overflow))


@pytest.mark.parametrize("options", [None, WHOLE, BY_RECIPE])
def test_good_records(options: Options | None) -> None:
    assert find(options, train=[*GOOD, *BACK], dev=[pair("a cat", "eine Katze", **EN_DE)]) == []
    assert find(options, train=[table(f"dog {n}", f"Hund {n}") for n in range(7)], dev=[table("a", "ein")]) == []


def test_a_recipe_may_say_the_languages() -> None:
    assert find(train=SILENT, dev=[pair("a cat", "eine Katze")]) == []
    assert find(BY_RECIPE, train=SILENT, dev=[pair("a cat", "eine Katze")]) == []
    found = find(WHOLE, train=SILENT[:1])
    assert told(found, "P001") == ["train:1: source_language and target_language are missing"]
    assert of(found, "P001") == found


def test_languages_that_some_say_are_missing_in_others() -> None:
    assert told(find(train=[*GOOD, pair("a", "ein", target_language="de")]), "P001") == [
        "train:8: source_language is missing"
    ]


def test_what_is_judged_may_leave_out_what_is_clear() -> None:
    dev = [pair("a cat", "eine Katze"), pair("two", "zwei", target_language="de")]
    assert find(train=GOOD, dev=dev) == []
    found = find(train=[*GOOD, *BACK], dev=dev)
    assert told(found, "P001") == [
        "dev:1: source_language and target_language missing, and several directions are learned: en-de, de-en"
    ]
    assert of(found, "P001") == found


def test_a_language_that_the_model_does_not_know() -> None:
    options = Options(pairs=Pairs(languages=("en", "de")))
    french = pair("a", "un", source_language="en", target_language="fr")
    found = find(options, train=GOOD, dev=[french])
    assert told(found, "P002") == ["dev:1: target_language = 'fr' is not one of the model's languages (en, de)"]
    assert of(found, "P002") == found
    assert told(find(Options(pairs=Pairs(languages=())), train=GOOD[:1]), "P002")[0].endswith("languages (none)")


def test_a_pair_in_one_language() -> None:
    found = find(train=[*GOOD, pair("a", "ein", source_language="en", target_language="en")])
    assert told(found, "P003") == ["train:8: source_language and target_language are both 'en'"]
    assert of(found, "P003") == found


def test_a_direction_that_is_not_learned() -> None:
    dev = [pair("ein", "a", **DE_EN), pair("un", "a", source_language="fr")]
    found = find(train=GOOD, dev=dev)
    assert told(found, "P004") == [
        "dev:1: the direction de-en is not learned; these are: en-de",
        "dev:2: the direction fr-? is not learned; these are: en-de",
    ]
    assert of(found, "P004") == found
    assert find(Options(pairs=Pairs(directions=(("de", "en"),))), train=GOOD, dev=dev[:1]) == []
    assert find(dev=dev) == []  # without train nobody knows


@pytest.mark.parametrize(
    ("text", "translation", "but"),
    [
        ("the dog runs", "the dog runs", ""),
        ("The dog", "the  DOG", " but for case, white space or Unicode form"),
        ("1984", "1984", None),
        ("the dog", "the dogs", None),
    ],
)
def test_a_translation_that_is_its_text(text: str, translation: str, but: str | None) -> None:
    found = find(train=[*GOOD, pair(text, translation, **EN_DE)])
    assert told(found, "P005") == ([] if but is None else [f"train:8: the translation is the text{but}"])


def test_lengths_that_are_unlike() -> None:
    train = [pair("x" * 18, "yz", **EN_DE), pair("x" * 19, "yz", **EN_DE), pair("y", "x" * 11, **EN_DE)]
    found = find(train=train)
    assert told(found, "P006") == [
        "train:2: text and translation have 19 and 2 characters, 10 times as many in one as in the other, 'yz'",
        "train:3: text and translation have 1 and 11 characters, 11 times as many in one as in the other, 'y'",
    ]
    assert of(found, "P006") == found
    assert find(Options(pairs=Pairs(max_length_ratio=11.0)), train=train) == []


def test_the_rule_of_lengths_is_that_of_the_corpus() -> None:
    assert Pairs().max_length_ratio == PairFilterTable().max_length_ratio
    assert PairFilterTable().unit == "character"


def test_pairs_that_are_not_learned() -> None:
    train = [
        pair("a b c", "w x y z", **EN_DE),  # five tokens around and in the text, five with the one that begins
        pair("a b c d", "w x", **EN_DE),
        pair("b a", "w v x y z", **EN_DE),
    ]
    said = [
        "train:2: text: 6 tokens where 5 are learned at most",
        "train:3: translation: 6 tokens where 5 are learned at most",
    ]
    for overflow in ("window", "truncate"):
        found = find(words(5, overflow), train=train)
        assert told(found, "P007") == said
        assert of(found, "P007") == found
    found = find(words(5, "error"), train=train)
    assert told(found, "P007") == said[1:]
    assert told(found, "T005") == ["train:2: 6 tokens where 5 are read: training will refuse it"]
    found = find(words(5), train=GOOD, dev=train[1:])
    assert told(found, "T006") == ["dev:1: 6 tokens where 5 are read at once: it is translated in pieces"]
    assert of(found, "T006") == found


def test_lines_are_translated_one_by_one() -> None:
    train = [pair("a\n\nb\nc", "w", **EN_DE), pair("a\n", "w", **EN_DE)]
    told_of = ["train:1: the text has 3 lines, and each line is translated by itself"]
    assert told(find(train=train), "P007") == told_of
    assert told(find(words(9), train=train), "P007") == told_of
    assert told(find(words(9, "truncate"), train=train), "P007") == []
    assert told(find(dev=train), "P007") == []


def test_white_space_at_the_edges() -> None:
    found = find(train=[*GOOD, pair(" a", "ein\u00a0\n", **EN_DE)])
    assert told(found, "P008") == [
        "train:8: text begins or ends with white space",
        "train:8: translation begins or ends with white space",
    ]
    assert of(found, "P008") == found
    places = [finding.place for finding in found if finding.place]
    assert [place.text[place.start : place.end] for place in places] == [" ", "\u00a0\n"]


@pytest.mark.parametrize(
    ("record", "code", "message"),
    [
        (pair("a", "", **EN_DE), "R003", "translation is empty"),
        (table(" ", "ein"), "R003", "text is blank"),
        (pair("a", 7, **EN_DE), "R002", "translation = 7; a text is needed"),
        (pair("a", "ein", source_language=1, target_language="de"), "R002", "source_language = 1; a text is needed"),
        ({"translation": "ein", **EN_DE}, "R001", "no column 'text'; the columns are: translation, source_language"),
        ({"text": "a", **EN_DE}, "R001", "no column 'translation'; the columns are: text, source_language"),
        ({"translation": {"en": "a"}, **EN_DE}, "R002", "translation = {'en': 'a'}; a text is needed, or without"),
        ({"translation": {"en": "a", "de": "b", "fr": "c"}}, "R002", "translation = {'en': 'a', 'de': 'b', 'fr'"),
    ],
)
def test_what_is_no_pair(record: Record, code: str, message: str) -> None:
    found = find(train=[*GOOD, record])
    assert [line.startswith(f"train:8: {message}") for line in told(found, code)] == [True]


def test_repetitions_and_leaks() -> None:
    train = [
        *GOOD,
        *BACK,
        pair("dog 1", "Hund 1 ", **EN_DE),
        pair("dog 2", "Rüde 2", **EN_DE),
        pair("DOG 3", "Hund 3", **EN_DE),
    ]
    dev = [table("dog 4", "Hund 4"), table("dog 5", "Rüde 5"), pair("cat 1", "Katze 1", **EN_DE)]
    found = [f"{f.code} {f.source}: {f.message}" for f in find(train=train, dev=dev) if f.code[0] == "D"]
    assert found == [
        "D001 train:13: the same text and translation as train:2",
        "D007 train:14: train:3 has the same text with another translation",
        "D002 train:15: the same as train:4 but for case, white space or Unicode form",
        "D003 dev:1: the text is also in train: train:5",
        "D003 dev:2: the text is also in train: train:6, which has another translation",
    ]


def test_a_text_of_both_languages_is_none_of_the_other_direction() -> None:
    names = [pair("Hotel", "Hotel-Haus", **EN_DE), pair("Hotel", "house", **DE_EN)]
    assert find(train=[*GOOD, *names]) == []


def test_the_task_is_told_by_the_records() -> None:
    assert find(train=[pair("a", "b", label="x")])[0].code != "P001"
    fields = Options(columns=Columns({"text": "en", "translation": "de"}))
    found = find(fields, train=[{"en": f"dog {n}", "de": f"Hund {n}"} for n in range(5)] + [{"en": "a", "de": "A"}])
    assert told(found, "P005") == ["train:6: the translation is the text but for case, white space or Unicode form"]
    assert of(found, "P005") == found
