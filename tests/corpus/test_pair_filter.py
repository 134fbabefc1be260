"""What is left out of aligned sentences, and for which reason."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.pair_filter import SAMPLES, PairFilter, PairFilterTable
from encodery.corpus.parallel import SentencePair
from encodery.errors import UserError

Reasons = dict[str, list[str]]


def pair(source: str, target: str, place: str = "a:1", lacks: str = "") -> SentencePair:
    return SentencePair(source, target, place, ("en", "de"), lacks)


def judge(pairs: list[SentencePair], **table: Any) -> tuple[list[str], dict[str, int]]:
    """The sources that stay, and how many went for which reason."""
    wanted = PairFilter(PairFilterTable.parse(table, "corpus.clean_parallel"), Path())
    kept = [found.source for found in wanted(pairs)]
    assert len(kept) + wanted.dropped.counts.total() == len(pairs)
    return kept, dict(wanted.dropped.counts)


def test_without_a_table_only_what_says_nothing_goes() -> None:
    wanted = PairFilter(None, Path())
    pairs = [
        pair("", "leer"),
        pair("same", "same"),
        pair("same", "same"),
        pair("x", "", lacks="target"),
        pair("y", ""),
    ]
    assert [found.source for found in wanted(pairs)] == ["same", "same"]
    assert wanted.dropped.counts == {"empty": 2, "missing": 1}


@pytest.mark.parametrize(
    ("source", "target", "table", "reason"),
    [
        ("four", "vier!", {"min_length": 5}, "short"),
        ("fours", "vier!", {"min_length": 5}, ""),
        ("a" * 11, "b" * 7, {"max_length": 10}, "long"),
        ("a" * 7, "b" * 11, {"max_length": 11}, ""),
        ("a" * 7, "b" * 22, {"max_length_ratio": 3.0}, "ratio"),
        ("a" * 22, "b" * 7, {"max_length_ratio": 3.0}, "ratio"),
        ("a" * 21, "b" * 7, {"max_length_ratio": 3.0}, ""),
        ("a b c d", "abcdefghijklmnopqrstuvwxyz", {"max_length_ratio": 3.0, "unit": "word"}, "ratio"),
        ("a" * 99, "b", {"max_length_ratio": 3.0, "unit": "word"}, ""),
        ("Das  Bild", "das bild", {}, "identical"),
        ("Das Bild", "das bild", {"identical": False}, ""),
    ],
)
def test_each_limit_on_both_sides(source: str, target: str, table: dict[str, Any], reason: str) -> None:
    kept, dropped = judge([pair(source, target)], **table)
    assert dropped == ({reason: 1} if reason else {})
    assert kept == ([] if reason else [source])


def test_the_defaults_are_those_that_are_cited() -> None:
    table = PairFilterTable()
    assert (table.min_length, table.max_length, table.max_length_ratio, table.unit) == (1, 1050, 9.0, "character")
    assert (table.identical, table.duplicates, table.max_repeats, table.language) == (True, True, None, None)


def test_equal_pairs_stay_once() -> None:
    pairs = [pair("One", "Eins"), pair("one ", "EINS"), pair("One", "Eine"), pair("Eins", "One")]
    assert judge(pairs) == (["One", "One", "Eins"], {"duplicate": 1})
    assert judge(pairs, duplicates=False)[1] == {}
    assert judge([pair("a b", "c"), pair("a", "b c")])[1] == {}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=29), st.integers(1, 4))
def test_one_side_with_many_translations(sides: list[tuple[str, str]], most: int) -> None:
    kept, dropped = judge([pair(*both) for both in sides], duplicates=False, max_repeats=most)
    assert all(kept.count(source) <= most for source in kept)
    for source in set(dict(sides)):
        if not dropped:
            assert kept.count(source) == [one for one, _ in sides].count(source)


def test_a_repeated_source_and_a_repeated_target() -> None:
    pairs = [pair("More", other) for other in ("Mehr", "Weiter", "Noch")]
    pairs += [pair(other, "Ja") for other in ("Yes", "Yeah", "Yep")]
    assert judge(pairs, max_repeats=2) == (["More", "More", "Yes", "Yeah"], {"repeated": 2})


ENGLISH = "The weather was cold and the people of the town stayed at home for the whole week."
GERMAN = "Das Wetter war kalt, und die Leute in der Stadt blieben die ganze Woche lang zu Hause."
FRENCH = "Il faisait froid et les habitants de la ville sont restés chez eux pendant toute la semaine."


def test_languages_that_are_not_those_of_the_sides() -> None:
    pairs = [pair(ENGLISH, GERMAN), pair(FRENCH, GERMAN), pair(ENGLISH, FRENCH), pair("Ja.", "Yes.")]
    assert judge(pairs, language=True) == ([ENGLISH, "Ja."], {"language": 2})
    unsure = [pair("Chat.", "Die Stadt."), pair("The town.", "Gift.")]
    assert judge(unsure, language={"threshold": 1.0})[0] == ["Chat.", "The town."]
    assert judge(pairs, language=False)[1] == judge(pairs)[1] == {}


def test_languages_that_nobody_states_or_no_model_knows_are_not_judged() -> None:
    unknown = [SentencePair(FRENCH, GERMAN, "a:1", languages) for languages in ((None, None), ("zz", "de_DE"))]
    assert judge(unknown[:1], language=True)[1] == {}
    assert judge(unknown[1:], language=True)[1] == {}


def test_some_of_what_is_left_out_is_kept_for_reading() -> None:
    wanted = PairFilter(PairFilterTable(max_length=400), Path())
    pairs = [pair("a" * 500, f"{place}" * 3, f"f:{place}") for place in range(2, 9)]
    assert list(wanted([*pairs, pair("", "leer", "g:1")])) == []
    shown = wanted.dropped.to_json()
    assert list(shown) == ["long", "empty"]
    assert shown["long"]["pairs"] == 7
    assert [sample["place"] for sample in shown["long"]["samples"]] == [f"f:{place}" for place in (2, 3, 4)][:SAMPLES]
    assert shown["long"]["samples"][0] == {"place": "f:2", "source": "a" * 300, "target": "222"}


def test_order_and_chunks_change_nothing() -> None:
    pairs = [pair(f"s{number % 4999}", f"t{number % 4999}") for number in range(9001)]
    kept, dropped = judge(pairs)
    assert kept == [f"s{number}" for number in range(4999)]
    assert dropped == {"duplicate": 9001 - 4999}


def test_a_model_of_ones_own_is_a_file_that_is_read() -> None:
    table = PairFilterTable.parse({"language": {"model": "fasttext:lid.bin"}}, "recipe.toml")
    assert table.files_read(Path("base")) == [Path("base/lid.bin")]
    assert PairFilterTable.parse({"language": True}, "recipe.toml").files_read(Path("base")) == []


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"max_length_ratio": 0.5},
            "recipe.toml: max_length_ratio = 0.5: input should be greater than or equal to 1",
        ),
        ({"language": {"model": "cld3"}}, "recipe.toml: language.model = 'cld3': 'cld3' is no language model; "),
        ({"ratio": 3}, "recipe.toml: unknown key 'ratio'; allowed: duplicates, identical, language, "),
    ],
)
def test_settings_that_are_refused(table: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        PairFilterTable.parse(table, "recipe.toml")
    assert str(error.value).startswith(message)
