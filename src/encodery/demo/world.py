"""The demo world: documents and labelled sets in five languages, made from tables of facts written for Encodery.

Everything is a pure function of its arguments: same arguments, same text, on every machine. What is said in `dev` and
`test` is about countries, rivers, people, brands, ... that `train` says nothing about.
"""

import json
import random
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from encodery.demo import labelled
from encodery.demo.facts import LANGUAGES, check_language, check_split
from encodery.demo.labelled import Record
from encodery.demo.opinions import POLARITIES, labelled_review, unlabelled_review
from encodery.demo.speech import say

# Words of pretraining text per language; held-out text is a twentieth of it.
WORDS = {"en": 400_000, "de": 200_000, "fr": 200_000, "es": 200_000, "sw": 200_000}
REVIEWS = {"train": 300, "dev": 300, "test": 1000}
# Twenty labelled texts a language: as little as a user has on the first day.
TOPICS = {"train": 100, "dev": 200, "test": 1000}
PAIRS = {"train": 2500, "dev": 100, "test": 200}
# How much of the pretraining text is reviews; the rest is about the world.
_REVIEW_SHARE = 0.5


def documents(language: str, split: str = "train", seed: int = 0, words: int | None = None) -> Iterator[list[str]]:
    """Documents of a language, each a list of sentences, until `words` words are said (None: the demo's size).

    Raises:
        UserError: unknown language or split.
    """
    rng = _rng("documents", language, split, seed)
    left = words if words is not None else WORDS[language] // (1 if split == "train" else 20)
    while left > 0:
        if rng.random() < _REVIEW_SHARE:
            sentences = unlabelled_review(language, split, rng.choice(POLARITIES), rng)
        else:
            sentences = say(labelled.random_plan(split, rng), language, rng)
        document = [sentence.text for sentence in sentences]
        left -= sum(len(sentence.split()) for sentence in document)
        yield document


def reviews(language: str, split: str, size: int, seed: int = 0) -> Iterator[Record]:
    """`size` different {"text", "label"}, half positive and half negative, of products only this split knows.

    `train` uses a third of the words of praise and blame. `dev` and `test` each mostly use another third, that
    documents(...) holds in company that tells what they mean: what pretraining is good for, in small.

    Raises:
        UserError: unknown language or split.
    """
    rng = _rng("reviews", language, split, seed)
    seen: set[str] = set()
    while len(seen) < size:
        label = POLARITIES[len(seen) % 2]
        text = labelled_review(language, split, label, rng)
        if text not in seen:
            seen.add(text)
            yield {"text": text, "label": label}


def mixed_reviews(split: str, size: int, seed: int = 0) -> list[Record]:
    """`size` reviews, the languages in equal shares (the first ones get what is left over), shuffled.

    Raises:
        UserError: unknown split.
    """
    return _mixed(reviews, split, size, seed)


def mixed_topics(split: str, size: int, seed: int = 0) -> list[Record]:
    """`size` texts with their topics, the languages in equal shares, shuffled.

    Raises:
        UserError: unknown split.
    """
    return _mixed(topics, split, size, seed)


def _mixed(make: Callable[[str, str, int, int], Iterator[Record]], split: str, size: int, seed: int) -> list[Record]:
    """Records of every language in one order."""
    rng = _rng(f"mixed {make.__name__}", LANGUAGES[0], split, seed)
    shares = [len(range(k, size, len(LANGUAGES))) for k in range(len(LANGUAGES))]
    records = [
        record
        for language, share in zip(LANGUAGES, shares, strict=True)
        for record in make(language, split, share, seed)
    ]
    rng.shuffle(records)
    return records


def topics(language: str, split: str, size: int, seed: int = 0) -> Iterator[Record]:
    """`size` {"text", "label"} with the topic as label: food, geography, nature, people or products, in turn.

    Raises:
        UserError: unknown language or split.
    """
    return islice(labelled.topic_records(language, split, _rng("topics", language, split, seed)), size)


def entities(language: str, split: str, size: int, seed: int = 0) -> Iterator[Record]:
    """`size` {"text", "entities": [{"start", "end", "label"}]} with places, people and firms (LOC, PER, ORG).

    Raises:
        UserError: unknown language or split.
    """
    return islice(labelled.entity_records(language, split, _rng("entities", language, split, seed)), size)


def questions(language: str, split: str, size: int, seed: int = 0) -> Iterator[Record]:
    """`size` {"question", "context", "answers": {"text": [...], "answer_start": [...]}}.

    Raises:
        UserError: unknown language or split.
    """
    return islice(labelled.question_records(language, split, _rng("questions", language, split, seed)), size)


def parallel(source: str, target: str, split: str, size: int, seed: int = 0) -> Iterator[Record]:
    """`size` pairs of sentences that say the same: {"text", "translation", "source_language", "target_language"}.

    Raises:
        UserError: unknown language or split.
    """
    check_language(target)
    rng = _rng(f"parallel {target}", source, split, seed)
    return islice(labelled.parallel_records(source, target, split, rng), size)


def write(
    folder: Path, seed: int = 0, words: dict[str, int] | None = None, sizes: dict[str, int] | None = None
) -> None:
    """Write the demo's input: `corpus/<language>.txt`, `corpus-valid/<language>.txt`, and `reviews`, `topics` and
    `translation` (English to German) as `<split>.jsonl`.

    A line of a text file is a sentence, a blank line ends a document. `words` (train, per language) and `sizes`
    (labelled texts, per split) default to the demo's own.
    """
    for language, count in (words or WORDS).items():
        for name, split, total in (("corpus", "train", count), ("corpus-valid", "dev", count // 20)):
            blocks = ("\n".join(document) + "\n" for document in documents(language, split, seed, total))
            _write(folder / name / f"{language}.txt", "\n".join(blocks))
    for split, size in (sizes or REVIEWS).items():
        _write(folder / "reviews" / f"{split}.jsonl", _json_lines(mixed_reviews(split, size, seed)))
    for split, size in (sizes or TOPICS).items():
        _write(folder / "topics" / f"{split}.jsonl", _json_lines(mixed_topics(split, size, seed)))
    for split, size in (sizes or PAIRS).items():
        _write(folder / "translation" / f"{split}.jsonl", _json_lines(parallel("en", "de", split, size, seed)))


def _json_lines(records: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _rng(purpose: str, language: str, split: str, seed: int) -> random.Random:
    """A generator of its own for every set; seeding by text is the same on every machine."""
    check_language(language)
    check_split(split)
    return random.Random(f"{purpose}/{language}/{split}/{seed}")
