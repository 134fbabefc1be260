"""What translations without references show of themselves: copies of the source, nothing, always the same."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"\w+")
SHARED = 0.1
"""A word of one language is one of the other, too, if it is at least so often there as here."""
COPY = 0.5
"""A translation of which this share of the words is copied counts as a copy."""
_LOOP = 8
"""Of as many words an output can be seen to go in circles."""


def words(text: str) -> list[str]:
    """The words of a text, all small."""
    return _WORD.findall(text.lower())


def shared_words(texts: Iterable[str], others: Iterable[str]) -> frozenset[str]:
    """The words of a language that another one has, too, and about as often: names, numbers, loans. Both are texts of
    one language; a word or two of the one cited in the other is not shared."""
    here, there = (Counter(word for text in side for word in words(text)) for side in (texts, others))
    total, other_total = max(1, here.total()), max(1, there.total())
    return frozenset(word for word in here if there[word] / other_total >= SHARED * here[word] / total)


@dataclass(frozen=True)
class Outputs:
    """Texts in one language and what a model made of them in another."""

    sources: Sequence[str]
    outputs: Sequence[str]
    shared: frozenset[str]
    """Words that both languages have."""

    def copied(self) -> list[float]:
        """Of each output, the share of the words that are those of its source, words of both languages left out of
        the count: 0 for a translation but for names, 1 for a copy."""
        shares = []
        for source, output in zip(self.sources, self.outputs, strict=True):
            own = [word for word in words(output) if word not in self.shared]
            copies = (Counter(own) & Counter(words(source))).total()
            shares.append(copies / len(own) if own else 0.0)
        return shares

    def facts(self) -> Mapping[str, float]:
        """`copied`: the mean share of copied words. `empty`: the share of outputs without a word. `repeated`: the
        share of outputs that are said of other sources, too, the commonest one, or that go in circles."""
        count = max(1, len(self.outputs))
        copied = self.copied()
        said = [tuple(words(output)) for output in self.outputs]
        commonest = Counter({(text, output) for text, output in zip(self.sources, said, strict=True) if output})
        by_output = Counter(output for _, output in commonest)
        most = max((number for number in by_output.values() if number > 1), default=0)
        circles = sum(_goes_in_circles(output) for output in said)
        return {
            "copied": sum(copied) / count,
            "empty": sum(not output for output in said) / count,
            "repeated": max(most, circles) / count,
        }


def _goes_in_circles(output: Sequence[str]) -> bool:
    return len(output) >= _LOOP and Counter(output).most_common(1)[0][1] > len(output) / 2
