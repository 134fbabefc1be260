"""A labelled record as the checks see it: whatever is well formed, by what it means.

What is not well formed is left out of these views and told by the checks of `shape`, so that no other check has to
look at types.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, Literal, get_args

from encodery.data.formats.source import WordSource
from encodery.data.formats.tags import split_tag
from encodery.data.translations import direction
from encodery.data.validation.finding import Place
from encodery.files.records import Record

Kind = Literal["text-classification", "token-classification", "question-answering", "multiple-choice", "translation"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TEXT_COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    "text-classification": ("text", "text_pair"),
    "token-classification": ("text",),
    "question-answering": ("question", "context"),
    "multiple-choice": ("text",),
    "translation": ("text", "translation"),
}
LABEL = "label"
TRANSLATION = "translation"
LANGUAGES = ("source_language", "target_language")


def kind_of(record: Record) -> Kind:
    """The task whose record this looks like."""
    if record.keys() & {"tokens", "tags", "entities"}:
        return "token-classification"
    if record.keys() & {"question", "answers"} or ("context" in record and "text" not in record):
        return "question-answering"
    if TRANSLATION in record and LABEL not in record:
        return "translation"
    return "multiple-choice" if "choices" in record else "text-classification"


@dataclass(frozen=True)
class Span:
    """An entity or an answer: `index` is its place in the record's list, `given` the text that it is said to have."""

    index: int
    start: int
    end: int
    label: str
    given: str | None = None

    def __str__(self) -> str:
        name = f"entity {self.index} ({self.label!r:.40})" if self.label else f"answer {self.index}"
        return f"{name} at {self.start}:{self.end}"


@dataclass(frozen=True)
class Row:
    """One record: `number` counts over all splits; `record` has our names, `given` those of the file. `part` is what
    the split is for: `train`, where it is one of several training files."""

    number: int
    split: str
    part: str
    source: str
    record: Record
    kind: Kind
    given: Record

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """Column → text."""
        return {name: value for name in TEXT_COLUMNS[self.kind] if isinstance(value := self.record.get(name), str)}

    @cached_property
    def tokens(self) -> tuple[str, ...] | None:
        """None where there are none, or where they are no list of texts."""
        return strings(self.record.get("tokens")) if self.kind == "token-classification" else None

    @cached_property
    def tags(self) -> tuple[str, ...] | None:
        """As `tokens`."""
        return strings(self.record.get("tags")) if self.kind == "token-classification" else None

    @cached_property
    def text(self) -> str:
        """What the labels are about, to be shown; tokens with a space between them."""
        if self.kind == "question-answering":
            return self.texts.get("context", "")
        return self.texts["text"] if "text" in self.texts else " ".join(self.tokens or ())

    @cached_property
    def entities(self) -> tuple[Span, ...]:
        """Those that have whole numbers for offsets and a text for a label."""
        listed = self.record.get("entities") if self.kind == "token-classification" else None
        found = []
        for index, item in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(item, dict) and is_int(item.get("start")) and is_int(item.get("end")):
                given = item.get("text")
                label = item.get("label")
                if isinstance(label, str):
                    given = given if isinstance(given, str) else None
                    found.append(Span(index, item["start"], item["end"], label, given))
        return tuple(found)

    @cached_property
    def answers(self) -> tuple[Span, ...]:
        """Those that have a text and an offset."""
        table = self.record.get("answers") if self.kind == "question-answering" else None
        if not isinstance(table, dict):
            return ()
        texts, starts = table.get("text"), table.get("answer_start")
        if not isinstance(texts, list) or not isinstance(starts, list):
            return ()
        return tuple(
            Span(index, start, start + len(text), "", text)
            for index, (text, start) in enumerate(zip(texts, starts, strict=False))
            if isinstance(text, str) and is_int(start)
        )

    @cached_property
    def choices(self) -> tuple[str, ...] | None:
        """None where there are none, or where they are no list of texts."""
        return strings(self.record.get("choices")) if self.kind == "multiple-choice" else None

    @cached_property
    def languages(self) -> tuple[str | None, str | None]:
        """Of a text and its translation, where the record says them."""
        stated = [self.record.get(key) if self.kind == "translation" else None for key in LANGUAGES]
        source, target = (value if isinstance(value, str) and value else None for value in stated)
        return source, target

    @property
    def direction(self) -> str | None:
        """Both languages by one name, if both are known."""
        return direction(*self.languages)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Names of classes: a label (a whole number as its digits), several, or the types of entities and tags."""
        if self.kind == "token-classification":
            tags = [label_of(tag) for tag in self.tags or ()]
            return tuple(name for name in (*tags, *(span.label for span in self.entities)) if name)
        label = self.record.get(LABEL) if self.kind == "text-classification" else None
        entries = label if isinstance(label, list) else [label]
        names = (str(entry) for entry in entries if isinstance(entry, str | int) and not isinstance(entry, bool))
        return tuple(name for name in names if name.strip())

    def source_of(self, place: Place | None) -> str:
        """`file:line` of a place in `text`: that of the word there, if every word has a line of its own."""
        if (
            place is None
            or not isinstance(self.source, WordSource)
            or len(self.source.lines) != len(self.tokens or ())
        ):
            return self.source
        starts = [0, *accumulate(len(token) + 1 for token in self.tokens or ())]
        return self.source.of_word(min(bisect_right(starts, place.start), len(self.source.lines)) - 1)

    def token(self, index: int) -> Place:
        """Where a token stands in `text`."""
        tokens = self.tokens or ()
        if "text" in self.texts or index >= len(tokens):
            return Place(self.text, len(self.text), len(self.text))
        start = sum(len(token) + 1 for token in tokens[:index])
        return Place(self.text, start, start + len(tokens[index]))


def strings(value: Any) -> tuple[str, ...] | None:
    """A list of texts, or None where it is none."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return None


def is_int(value: Any) -> bool:
    """Whether JSON wrote a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def label_of(tag: str) -> str:
    """The type that a tag names: `PER` of `B-PER`; a tag without a prefix as it is, "" for O."""
    return split_tag(tag)[1]


def text_key(row: Row) -> tuple[str, ...]:
    """What makes two records the same text."""
    if row.tokens is not None and "text" not in row.texts:
        return row.tokens
    if row.kind == "translation":
        return (row.text.strip(),)
    return (*row.texts.values(), *(row.choices or ()))


def label_key(row: Row) -> Any:
    """What makes two records' labels the same; hashable."""
    if row.kind in ("text-classification", "multiple-choice"):
        label = row.record.get(LABEL)
        return tuple(sorted(map(str, label))) if isinstance(label, list) else str(label)
    if row.kind == "translation":
        return row.texts.get(TRANSLATION, "").strip()
    if row.tags is not None:
        return row.tags
    spans: Sequence[Span] = row.answers if row.kind == "question-answering" else row.entities
    return tuple(sorted((span.start, span.end, span.label) for span in spans))
