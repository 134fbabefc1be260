"""Topics, entities, questions and parallel text: labels, exact offsets, alignment."""

import random
import re
from itertools import islice
from typing import Any

import pytest

from encodery.demo import labelled, world
from encodery.demo.facts import LANGUAGES, SPLITS, members, table


def test_topics_come_in_turn() -> None:
    records = list(islice(labelled.topic_records("en", "train", random.Random(0)), 53))
    assert labelled.TOPICS == ("food", "geography", "nature", "people", "products")
    assert [record["label"] for record in records[:5]] == list(labelled.TOPICS)
    assert all(set(record) == {"text", "label"} and record["text"] for record in records)


@pytest.mark.parametrize("language", LANGUAGES)
def test_entities_are_names_from_the_tables(language: str) -> None:
    places = {
        re.sub(r" [mfn]$|^die ", "", row[language])
        for name in ("countries", "cities", "rivers")
        for row in table(name).values()
    }
    places |= {re.sub(r" [mfn]$", "", row[language]) for row in table("terms").values() if row["kind"] == "continent"}
    places |= {place.split(" ", 1)[1] for place in places if place.startswith("Le ")}
    labels = set()
    for record in world.entities(language, "train", 199):
        text, last = record["text"], -1
        for entity in record["entities"]:
            assert last < entity["start"] < entity["end"] <= len(text)
            last = entity["end"] - 1
            name = text[entity["start"] : entity["end"]]
            assert name == name.strip()
            labels.add(entity["label"])
            if entity["label"] == "LOC":
                assert name in places
            elif entity["label"] == "ORG":
                assert name in table("brands")
            else:
                assert all(part in all_names() for part in name.split())
    assert labels == {"LOC", "PER", "ORG"}


def all_names() -> set[str]:
    return {name for row in table("names").values() for name in row.values()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_name_of_a_firm_or_full_name_is_left_unlabelled(language: str) -> None:
    brands = re.compile(r"\b(" + "|".join(table("brands")) + r")\b")
    for record in world.entities(language, "train", 127):
        labelled_at = {entity["start"] for entity in record["entities"] if entity["label"] == "ORG"}
        assert {match.start() for match in brands.finditer(record["text"])} == labelled_at, record["text"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("split", SPLITS)
def test_answers_are_spans_of_the_context(language: str, split: str) -> None:
    asked = set()
    for record in world.questions(language, split, 53):
        assert set(record) == {"question", "context", "answers"}
        (answer,), (start,) = record["answers"]["text"], record["answers"]["answer_start"]
        assert record["context"][start : start + len(answer)] == answer != ""
        assert record["question"].endswith("?")
        asked.add(record["question"])
    assert len(asked) > 25


def test_capitals_are_right() -> None:
    capitals = {row["en"]: table("cities")[row["capital"]]["en"] for row in table("countries").values()}
    found = 0
    for record in world.questions("en", "train", 397):
        if match := re.match(r"(?:What|Which city) is the capital of (.*)\?", record["question"]):
            assert record["answers"]["text"] == [capitals[match[1]]]
            found += 1
    assert found > 8


@pytest.mark.parametrize("target", [language for language in LANGUAGES if language != "en"])
def test_parallel_sentences_state_the_same_numbers_and_names(target: str) -> None:
    def digits(record: dict[str, Any], key: str) -> str:
        return re.sub(r"\D", "", record[key])

    pairs = list(world.parallel("en", target, "train", 307))
    assert all(set(pair) == {"text", "translation", "source_language", "target_language"} for pair in pairs)
    assert {pair["target_language"] for pair in pairs} == {target}
    assert all(digits(pair, "text") == digits(pair, "translation") for pair in pairs)
    brands = members("brands", "train")
    for pair in pairs:
        assert {b for b in brands if b in pair["text"].split()} <= set(re.findall(r"\w+", pair["translation"]))
    # a translation is about as long as its source
    assert all(0.3 < len(pair["translation"]) / len(pair["text"]) < 2.6 for pair in pairs)


def test_parallel_text_goes_both_ways() -> None:
    pair = next(world.parallel("sw", "fr", "dev", 1))
    assert (pair["source_language"], pair["target_language"]) == ("sw", "fr")
    assert pair["text"] != pair["translation"]
