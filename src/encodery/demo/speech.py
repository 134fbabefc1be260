"""Saying a plan in a language: each line becomes a sentence, no pattern twice in one document."""

import random
from collections import Counter
from collections.abc import Sequence
from functools import cache

from encodery.demo.facts import patterns
from encodery.demo.pattern import Sentence, fill
from encodery.demo.stories import Line, Plan


@cache
def patterns_of(topic: str, relation: str, language: str) -> tuple[str, ...]:
    """The patterns of a relation; pattern k says the same in every language that has one."""
    return tuple(patterns("patterns", topic)[relation][language])


def say(plan: Plan, language: str, rng: random.Random) -> list[Sentence]:
    """The sentences of a plan in a language."""
    return [say_line(line, index, language, rng) for line, index in choose(plan, [language], rng)]


def say_together(plan: Plan, languages: Sequence[str], rng: random.Random) -> list[tuple[Sentence, ...]]:
    """The sentences of a plan in several languages, from the same pattern in each."""
    pairs = []
    for line, index in choose(plan, languages, rng):
        # the same draws in each language: alternatives stand in the same order, so the same one is taken
        seed = rng.random()
        pairs.append(tuple(say_line(line, index, language, random.Random(seed)) for language in languages))
    return pairs


def choose(plan: Plan, languages: Sequence[str], rng: random.Random) -> list[tuple[Line, int]]:
    """Pick a pattern, that all languages have, for each line; lines beyond the patterns there are left out.

    No pattern is picked twice. A working day and the steps of a recipe keep the order of their patterns.
    """
    # the same relation about another entity (two cities in one text) chooses anew
    keys = [(line.topic, line.relation, id(line.values)) for line in plan]
    repeats = Counter(keys)
    left: dict[tuple[str, str, int], list[int]] = {}
    chosen = []
    for line, key in zip(plan, keys, strict=True):
        if key not in left:
            shared = min(len(patterns_of(line.topic, line.relation, language)) for language in languages)
            left[key] = rng.sample(range(shared), min(repeats[key], shared))
            if line.topic == "work" or line.relation == "steps":
                left[key].sort()
        if left[key]:
            chosen.append((line, left[key].pop(0)))
    return chosen


def say_line(line: Line, index: int, language: str, rng: random.Random) -> Sentence:
    """One line as a sentence, from pattern `index` of its relation."""
    pattern = patterns_of(line.topic, line.relation, language)[index]
    return fill(pattern, line.values, language, rng)
