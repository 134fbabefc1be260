"""Text that remembers, through rewriting by regular expressions, where each of its characters came from."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from encodery.text.alignment import Span

_GROUP = re.compile(r"\\g<(\d)>")


@dataclass(frozen=True)
class Traced:
    """A text and, for each of its characters, the half-open span of the raw text that it stands for.

    Starts never go back: where a rule swaps two characters, the first span is widened over both.
    """

    text: str
    spans: list[Span]

    @classmethod
    def of(cls, text: str) -> "Traced":
        """Raw text: each character stands for itself."""
        return cls(text, [(index, index + 1) for index in range(len(text))])

    def part(self, start: int, end: int) -> "Traced":
        """The characters from `start` to `end`."""
        return Traced(self.text[start:end], self.spans[start:end])

    def hull(self, start: int, end: int) -> Span:
        """The raw text of a stretch of at least one character."""
        return self.spans[start][0], max(last for _, last in self.spans[start:end])

    def strip(self) -> "Traced":
        """As `str.strip`."""
        start = len(self.text) - len(self.text.lstrip())
        return self.part(start, start + len(self.text.strip()))

    def keep(self, kept: Iterable[bool]) -> "Traced":
        """Only the characters marked."""
        pairs = [pair for pair, keep in zip(zip(self.text, self.spans, strict=True), kept, strict=True) if keep]
        return Traced("".join(character for character, _ in pairs), [span for _, span in pairs])

    def sub(self, pattern: re.Pattern[str], template: str | Callable[[re.Match[str]], str]) -> "Traced":
        r"""As `re.sub`; the template may name groups in order, as `\g<1>`, and has no other escapes."""
        parts: list[str] = []
        spans: list[Span] = []
        last = 0
        for match in pattern.finditer(self.text):
            filled = template if isinstance(template, str) else template(match)
            new = match.expand(filled) if "\\" in filled else filled
            if new == match[0]:
                continue
            parts += [self.text[last : match.start()], new]
            spans += self.spans[last : match.start()]
            spans += self._sources(match, filled)
            last = match.end()
        if not last:
            return self
        return Traced("".join([*parts, self.text[last:]]), spans + self.spans[last:])

    def _sources(self, match: re.Match[str], template: str) -> list[Span]:
        """The spans of what replaces a match. Groups keep theirs; what stands between two of them in the template
        stands for what stood between them in the text, or, if nothing did, for all that was in no group."""
        pieces = _GROUP.split(template)
        bounds = [match.start(), *(end for group in pieces[1::2] for end in match.span(int(group))), match.end()]
        gaps = list(zip(bounds[::2], bounds[1::2], strict=True))
        filled = [gap for gap in gaps if gap[0] < gap[1]] or [match.span()]
        lost = filled[0][0], filled[-1][1]
        spans: list[Span] = []
        for index, (literal, gap) in enumerate(zip(pieces[::2], gaps, strict=True)):
            spans += [self.hull(*(gap if gap[0] < gap[1] else lost))] * len(literal)
            if index + 1 < len(gaps):
                spans += self.spans[gap[1] : gaps[index + 1][0]]
        for index in reversed(range(len(spans) - 1)):
            spans[index] = min(spans[index][0], spans[index + 1][0]), spans[index][1]
        return spans

    def carried(self, words: Iterable[str]) -> list["Traced"]:
        """Words in which nothing but white space was added to this text, or left out of it."""
        found: list[Traced] = []
        position = 0
        for word in words:
            spans = []
            for character in word:
                while self.text[position] != character:
                    assert self.text[position].isspace(), f"{character!r} is not at {position} of {self.text!r:.80}"
                    position += 1
                spans.append(self.spans[position])
                position += 1
            found.append(Traced(word, spans))
        return found


def joined(words: Iterable[Traced]) -> Traced:
    """Words with a space between each two; it stands for no character."""
    parts: list[str] = []
    spans: list[Span] = []
    for word in words:
        if parts:
            spans.append((spans[-1][1], spans[-1][1]) if spans else (0, 0))
        parts.append(word.text)
        spans += word.spans
    return Traced(" ".join(parts), spans)
