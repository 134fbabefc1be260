"""The tables hold together: ids that exist, names in every language, splits without overlap."""

import pytest

from encodery.demo.facts import LANGUAGES, SPLITS, check_language, check_split, members, patterns, table
from encodery.errors import UserError

TABLES = ("countries", "cities", "rivers", "animals", "dishes", "trades", "products", "aspects", "terms")
# (table, column, table or kind of term its ids point to)
LINKS = (
    ("countries", "capital", "cities"),
    ("countries", "continent", "continent"),
    ("countries", "currency", "currency"),
    ("countries", "languages", "language"),
    ("countries", "neighbours", "countries"),
    ("cities", "country", "countries"),
    ("cities", "river", "rivers"),
    ("rivers", "source", "countries"),
    ("rivers", "mouth", "sea"),
    ("rivers", "countries", "countries"),
    ("animals", "habitat", "habitat"),
    ("animals", "diet", "diet"),
    ("animals", "continent", "continent"),
    ("dishes", "country", "countries"),
    ("dishes", "ingredients", "ingredient"),
    ("products", "aspects", "aspects"),
)


@pytest.mark.parametrize("name", TABLES)
def test_every_row_has_a_name_in_every_language(name: str) -> None:
    for key, row in table(name).items():
        for language in LANGUAGES:
            assert row[language].strip() == row[language] != "", (key, language)


@pytest.mark.parametrize(("name", "column", "target"), LINKS)
def test_ids_point_to_rows_that_exist(name: str, column: str, target: str) -> None:
    known = {key for key, row in table("terms").items() if row["kind"] == target} or set(table(target))
    for key, row in table(name).items():
        assert set(row[column].split()) <= known, (key, column)


def test_capitals_lie_in_their_country() -> None:
    for key, row in table("countries").items():
        assert table("cities")[row["capital"]]["country"] == key


def test_neighbours_are_mutual_or_at_least_never_the_country_itself() -> None:
    countries = table("countries")
    for key, row in countries.items():
        assert key not in row["neighbours"].split()
        for other in row["neighbours"].split():
            assert key in countries[other]["neighbours"].split(), (key, other)


@pytest.mark.parametrize("name", [*TABLES[:5], "names", "brands"])
def test_splits_partition_each_table(name: str) -> None:
    parts = [set(members(name, split)) for split in SPLITS]
    assert set.union(*parts) == set(table(name))
    assert sum(map(len, parts)) == len(table(name))
    assert all(parts)
    assert len(parts[0]) > 2 * len(parts[1])


def test_a_city_is_in_the_split_of_its_country() -> None:
    for split in SPLITS:
        countries = members("countries", split)
        assert {table("cities")[city]["country"] for city in members("cities", split)} == set(countries)


def test_no_river_or_brand_shares_its_name_with_a_person() -> None:
    people = {name for row in table("names").values() for name in row.values()}
    assert not people & set(table("brands"))


@pytest.mark.parametrize(
    ("name", "kinds", "genders"),
    [
        ("rivers", ("de", "fr", "es"), "mfn"),
        ("animals", ("de", "fr", "es"), "mfn"),
        ("aspects", ("de", "fr", "es"), "mfn"),
    ],
)
def test_nouns_carry_their_gender(name: str, kinds: tuple[str, ...], genders: str) -> None:
    for key, row in table(name).items():
        for language in kinds:
            assert row[language][-2] == " ", (key, language)
            assert row[language][-1] in (genders if language == "de" else "mf"), (key, language)


def test_patterns_are_read_from_toml() -> None:
    assert patterns("patterns", "country")["capital"]["answer"] == "capital"


def test_unknown_language_and_split_are_explained() -> None:
    with pytest.raises(UserError) as caught:
        check_language("it")
    assert str(caught.value) == "language 'it' is not in the demo world; allowed: en, de, fr, es, sw"
    with pytest.raises(UserError) as caught:
        check_split("valid")
    assert str(caught.value) == "split 'valid' is not in the demo world; allowed: train, dev, test"
