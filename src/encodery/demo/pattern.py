"""Sentence patterns: `{slot}`, `{slot.form}`, `[this|that]` chosen at random, `<slot:he|she>` chosen by gender."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import prod

from encodery.demo.grammar import join
from encodery.demo.slots import Value, realise

Piece = tuple[str, str, tuple[tuple["Piece", ...], ...]]
"""(kind, text, choices): kind is "text", "slot", "any" or "gender"; choices are sequences of pieces."""

_CLOSING = {"[": "]", "<": ">"}


@dataclass(frozen=True)
class Span:
    """A stretch `text[start:end]` (characters) that a slot filled; `label` is its entity label, "" for none."""

    start: int
    end: int
    slot: str
    label: str


@dataclass(frozen=True)
class Sentence:
    """A finished sentence. `slots` are whole slots (answers to questions), `entities` the names inside them."""

    text: str
    slots: tuple[Span, ...]
    entities: tuple[Span, ...]


@cache
def compile_pattern(pattern: str) -> tuple[Piece, ...]:
    """Parse a pattern. Asserts that brackets match: patterns are ours, not the user's."""
    pieces, end = _parse(pattern, 0, "")
    assert end == len(pattern), pattern
    return pieces


def _parse(pattern: str, start: int, stops: str) -> tuple[tuple[Piece, ...], int]:
    """Pieces from `start` up to one of the characters in `stops` (or the end), and where that is."""
    pieces: list[Piece] = []
    at = start
    while at < len(pattern) and pattern[at] not in stops:
        if pattern[at] == "{":
            end = pattern.index("}", at)
            pieces.append(("slot", pattern[at + 1 : end], ()))
            at = end + 1
        elif pattern[at] in _CLOSING:
            piece, at = _parse_choice(pattern, at)
            pieces.append(piece)
        else:
            end = at
            while end < len(pattern) and pattern[end] not in "{[<" + stops:
                end += 1
            pieces.append(("text", pattern[at:end], ()))
            at = end
    return tuple(pieces), at


def _parse_choice(pattern: str, at: int) -> tuple[Piece, int]:
    """A `[a|b]` or `<slot:a|b>` group that opens at `at`, and the position after it."""
    closing = _CLOSING[pattern[at]]
    slot = ""
    at += 1
    if closing == ">":
        colon = pattern.index(":", at)
        slot, at = pattern[at:colon], colon + 1
    choices = []
    while True:
        choice, at = _parse(pattern, at, "|" + closing)
        choices.append(choice)
        assert at < len(pattern), f"unclosed group in {pattern!r}"
        if pattern[at] == closing:
            return ("gender" if slot else "any", slot, tuple(choices)), at + 1
        at += 1


def variants(pattern: str) -> int:
    """How many different sentences a pattern makes from the same slots."""
    return _count(compile_pattern(pattern))


def _count(pieces: tuple[Piece, ...]) -> int:
    return prod(sum(map(_count, choices)) for kind, _, choices in pieces if kind == "any")


def fill(pattern: str, values: Mapping[str, Value], language: str, rng: random.Random) -> Sentence:
    """Make a sentence: choose, fill the slots, contract, capitalise; spans are exact in the result."""
    writer = _Writer(language, values, rng)
    writer.write(compile_pattern(pattern))
    return Sentence(_capitalise(writer.text), tuple(writer.slots), tuple(writer.entities))


class _Writer:
    """A sentence under construction."""

    def __init__(self, language: str, values: Mapping[str, Value], rng: random.Random) -> None:
        self.language = language
        self.values = values
        self.rng = rng
        self.text = ""
        self.slots: list[Span] = []
        self.entities: list[Span] = []

    def write(self, pieces: tuple[Piece, ...]) -> None:
        for kind, text, choices in pieces:
            if kind == "text":
                self.add(text)
            elif kind == "slot":
                self.add_slot(text)
            elif kind == "any":
                self.write(choices[int(self.rng.random() * len(choices))])
            else:
                gender = realise(self.values[text], self.language).gender
                self.write(choices[min("mfn".find(gender), len(choices) - 1)])

    def add(self, text: str) -> None:
        self.text, text = join(self.language, self.text, text)
        self.text += text

    def add_slot(self, reference: str) -> None:
        name, _, form = reference.partition(".")
        first: int | None = None
        for text, label in realise(self.values[name], self.language).parts(form):
            self.text, text = join(self.language, self.text, text)
            start = len(self.text)
            first = start if first is None else first
            self.text += text
            if label:
                self.entities.append(Span(start, len(self.text), name, label))
        assert first is not None, reference
        # an article that melted into the preposition ("du Kenya") leaves the span to begin at the name
        self.slots.append(Span(min(first, len(self.text)), len(self.text), name, ""))


def _capitalise(text: str) -> str:
    """Upper-case the first letter, past opening quotation and question marks; a leading digit stays as it is."""
    for index, character in enumerate(text):
        if character.isalpha():
            return text[:index] + character.upper() + text[index + 1 :]
        if character.isdigit():
            break
    return text
