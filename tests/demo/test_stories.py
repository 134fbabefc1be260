"""Plans: who they are about, in which split, and that every relation has patterns and slots."""

import random
import re

import pytest

from encodery.demo.facts import LANGUAGES, SPLITS, members, patterns, table
from encodery.demo.pattern import compile_pattern
from encodery.demo.stories import KINDS, Plan

SUBJECTS = {
    "country": "countries",
    "city": "cities",
    "compare": "cities",
    "river": "rivers",
    "animal": "animals",
    "dish": "dishes",
}
TOPICS = ("country", "city", "river", "animal", "dish", "person", "work", "product", "letter")


def plans(kind: str, split: str, count: int = 31) -> list[Plan]:
    return [KINDS[kind][0](split, random.Random(seed)) for seed in range(count)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("split", SPLITS)
def test_every_line_can_be_said_in_every_language(kind: str, split: str) -> None:
    for plan in plans(kind, split):
        assert len(plan) >= 4
        for line in plan:
            for language in LANGUAGES:
                for pattern in patterns("patterns", line.topic)[line.relation][language]:
                    assert names_in(pattern) <= set(line.values), (line.topic, line.relation, pattern)


def names_in(pattern: str) -> set[str]:
    """Slots that a pattern fills or agrees with."""
    compile_pattern(pattern)
    return set(re.findall(r"\{(\w+)", pattern)) | set(re.findall(r"<(\w+):", pattern))


@pytest.mark.parametrize(("kind", "name"), SUBJECTS.items())
def test_documents_are_about_entities_of_their_split(kind: str, name: str) -> None:
    slot = "city" if kind == "compare" else kind
    for split in SPLITS:
        subjects = {line.values[slot].ids[0] for plan in plans(kind, split) for line in plan}
        assert subjects <= set(members(name, split))


def test_people_and_firms_belong_to_one_split() -> None:
    names: dict[str, set[str]] = {split: set() for split in SPLITS}
    for split in SPLITS:
        for line in (line for plan in plans("person", split, 53) for line in plan):
            names[split] |= {line.values[slot].ids[0] for slot in ("person", "employer")}
    assert not names["train"] & (names["dev"] | names["test"])
    assert not names["dev"] & names["test"]


def test_the_larger_city_comes_first_in_a_comparison() -> None:
    cities = table("cities")
    for plan in plans("compare", "train"):
        for line in plan:
            if line.relation == "compare":
                large, small = (int(cities[line.values[slot].ids[0]]["population"]) for slot in ("city", "other"))
                assert large > small


@pytest.mark.parametrize("topic", TOPICS)
def test_enough_patterns_in_every_language(topic: str) -> None:
    for relation, entry in patterns("patterns", topic).items():
        for language in LANGUAGES:
            assert len(set(entry[language])) == len(entry[language]) >= 2, (topic, relation, language)
        assert len(entry["en"]) >= len(entry["de"]), relation


@pytest.mark.parametrize("topic", TOPICS)
def test_shared_patterns_have_the_same_alternatives_and_facts_in_every_language(topic: str) -> None:
    """Pattern k is a translation: the same groups in the same order, so the same draws mean the same."""
    for relation, entry in patterns("patterns", topic).items():
        for index, versions in enumerate(zip(*(entry[language] for language in LANGUAGES), strict=False)):
            assert len({groups(pattern) for pattern in versions}) == 1, (topic, relation, index)
            facts = [names_in(pattern) - {"person", "first"} for pattern in versions]
            assert all(names == facts[0] for names in facts), (topic, relation, index, facts)


def groups(pattern: str) -> tuple[int, ...]:
    """Sizes of the free choices of a pattern, in the order in which they are drawn."""

    def walk(pieces: tuple) -> list[int]:  # type: ignore[type-arg]
        sizes = []
        for kind, _, choices in pieces:
            if kind == "any":
                sizes.append(len(choices))
                for choice in choices:
                    sizes += walk(choice)
            elif kind == "gender":
                sizes += walk(choices[0])
        return sizes

    return tuple(walk(compile_pattern(pattern)))


@pytest.mark.parametrize("topic", TOPICS)
def test_questions_ask_for_a_slot_that_every_pattern_of_the_relation_fills(topic: str) -> None:
    for relation, entry in patterns("patterns", topic).items():
        if "ask" not in entry:
            assert "answer" not in entry
            continue
        for language in LANGUAGES:
            assert entry["ask"][language], (topic, relation)
            for pattern in entry[language]:
                assert "{" + entry["answer"] in pattern, (topic, relation, pattern)
            for question in entry["ask"][language]:
                assert question.endswith("?")
                assert entry["answer"] not in names_in(question)
