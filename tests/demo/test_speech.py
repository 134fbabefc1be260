"""Saying plans: no pattern twice, order where it matters, the same facts in two languages."""

import random

import pytest

from encodery.demo.facts import LANGUAGES
from encodery.demo.slots import one
from encodery.demo.speech import choose, patterns_of, say, say_line, say_together
from encodery.demo.stories import KINDS, Line


@pytest.mark.parametrize("kind", KINDS)
def test_no_pattern_twice_for_the_same_entity(kind: str) -> None:
    for seed in range(29):
        plan = KINDS[kind][0]("train", random.Random(seed))
        chosen = [
            (line.topic, line.relation, id(line.values), index)
            for line, index in choose(plan, ["en"], random.Random(seed))
        ]
        assert len(chosen) == len(set(chosen)) > 0


def test_a_working_day_and_a_recipe_keep_their_order() -> None:
    for kind, relation in (("work", "work"), ("dish", "steps")):
        for seed in range(29):
            plan = KINDS[kind][0]("train", random.Random(seed))
            order = [
                index
                for line, index in choose(plan, ["sw"], random.Random(seed))
                if relation in (line.topic, line.relation)
            ]
            assert order == sorted(order)


def test_lines_beyond_the_patterns_are_left_out() -> None:
    values = {"city": one("city", "oslo")}
    plan = [Line("city", "transport", values)] * 7
    assert len(say(plan, "de", random.Random(0))) == len(patterns_of("city", "transport", "de")) == 4


def test_say_line_uses_the_pattern_it_is_given() -> None:
    line = Line("river", "mouth", {"river": one("river", "rhine"), "mouth": one("sea", "north_sea")})
    texts = [say_line(line, 0, language, random.Random(0)).text for language in LANGUAGES]
    assert texts == [
        "It flows into the North Sea.",
        "Der Fluss mündet in die Nordsee.",
        "Le fleuve se jette dans la mer du Nord.",
        "El río desemboca en el mar del Norte.",
        "Mto huo unaishia Bahari ya Kaskazini.",
    ]


def test_together_takes_the_same_alternative_in_each_language() -> None:
    line = Line("country", "life", {})
    markets = {"fruit": "Obst", "vegetables": "Gemüse", "milk": "Milch"}
    seen = set()
    for seed in range(53):
        for english, german in say_together([line], ["en", "de"], random.Random(seed)):
            for here, there in markets.items():
                if f"sell {here} at the market" in english.text:
                    assert f"verkaufen {there} auf" in german.text
                    seen.add(here)
    assert seen == set(markets)
