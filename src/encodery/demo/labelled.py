"""Labelled sets drawn from the demo world: topics, entities, questions and parallel sentences."""

import random
from collections.abc import Iterator
from itertools import cycle
from typing import Any

from encodery.demo.facts import patterns
from encodery.demo.pattern import Sentence, fill
from encodery.demo.speech import choose, say, say_line, say_together
from encodery.demo.stories import KINDS, Plan

Record = dict[str, Any]

TOPICS = tuple(sorted({topic for _, _, topic in KINDS.values()}))


def random_plan(split: str, rng: random.Random, topic: str | None = None) -> Plan:
    """A plan of a random kind, as often as its weight says; only of one topic when given."""
    kinds = [entry for entry in KINDS.values() if topic in (None, entry[2])]
    make = rng.choices([entry[0] for entry in kinds], [entry[1] for entry in kinds])[0]
    return make(split, rng)


def topic_records(language: str, split: str, rng: random.Random) -> Iterator[Record]:
    """Endless {"text", "label"}: one or two neighbouring sentences and the topic they come from, in turn."""
    for topic in cycle(TOPICS):
        sentences = say(random_plan(split, rng, topic), language, rng)
        count = rng.randint(1, 2)
        start = rng.randrange(len(sentences) - count + 1)
        yield {"text": " ".join(s.text for s in sentences[start : start + count]), "label": topic}


def entity_records(language: str, split: str, rng: random.Random) -> Iterator[Record]:
    """Endless {"text", "entities"} of one to three sentences; labels LOC, PER and ORG, character offsets."""
    while True:
        sentences = say(random_plan(split, rng), language, rng)
        count = rng.randint(1, 3)
        start = rng.randrange(max(1, len(sentences) - count + 1))
        text, moved = _joined(sentences[start : start + count])
        entities = [
            {"start": shift + span.start, "end": shift + span.end, "label": span.label}
            for shift, sentence in moved
            for span in sentence.entities
        ]
        yield {"text": text, "entities": entities}


def question_records(language: str, split: str, rng: random.Random) -> Iterator[Record]:
    """Endless {"question", "context", "answers"} in SQuAD's form; one answer, which is a span of the context."""
    while True:
        chosen = choose(random_plan(split, rng), [language], rng)
        sentences = [say_line(line, index, language, rng) for line, index in chosen]
        context, moved = _joined(sentences)
        asked = [
            (line, shift, sentence, relation)
            for (line, _), (shift, sentence) in zip(chosen, moved, strict=True)
            if "ask" in (relation := patterns("patterns", line.topic)[line.relation])
        ]
        if not asked:
            continue
        line, shift, sentence, relation = rng.choice(asked)
        span = next(span for span in sentence.slots if span.slot == relation["answer"])
        question = fill(rng.choice(relation["ask"][language]), line.values, language, rng)
        answer = {"text": [sentence.text[span.start : span.end]], "answer_start": [shift + span.start]}
        yield {"question": question.text, "context": context, "answers": answer}


def parallel_records(source: str, target: str, split: str, rng: random.Random) -> Iterator[Record]:
    """Endless {"text", "translation", "source_language", "target_language"}: two sentences that say the same."""
    while True:
        for here, there in say_together(random_plan(split, rng), (source, target), rng):
            yield {
                "text": here.text,
                "translation": there.text,
                "source_language": source,
                "target_language": target,
            }


def _joined(sentences: list[Sentence]) -> tuple[str, list[tuple[int, Sentence]]]:
    """Sentences on one line, and each with the offset at which it begins there."""
    moved = []
    offset = 0
    for sentence in sentences:
        moved.append((offset, sentence))
        offset += len(sentence.text) + 1
    return " ".join(sentence.text for sentence in sentences), moved
