"""Tags of words and the spans they spell, in the schemes that data sets use.

`B-` begins an entity, `I-` continues it, `E-` (BILOU: `L-`) ends it, `S-` (`U-`) is one of a single word, `O` is
none. IOB1 writes `B-` only where an entity follows another of its type. Faulty tags decode as by conlleval (and
seqeval's default): whatever continues nothing begins an entity.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from encodery.errors import UserError

TagScheme = Literal["IOB1", "IOB2", "IOBES", "BILOU", "plain"]
"""`plain`: tags that spell no spans, such as parts of speech."""

# First and only, last, inside: what each scheme calls the words of an entity.
_SINGLE = {"IOB1": "I", "IOB2": "B", "IOBES": "S", "BILOU": "U"}
_LAST = {"IOB1": "I", "IOB2": "I", "IOBES": "E", "BILOU": "L"}
_SAME = {"L": "E", "U": "S"}
_PREFIXES = frozenset("BIESLU")


class Span(NamedTuple):
    """Words `start : stop` are an entity."""

    start: int
    stop: int
    label: str


def split_tag(tag: str) -> tuple[str, str]:
    """Prefix and label: `("B", "PER")`; what is in no scheme has the prefix `""`, and `O` the prefix `"O"`."""
    if tag == "O":
        return "O", ""
    prefix, dash, label = tag.partition("-")
    return (prefix, label) if dash and label and prefix in _PREFIXES else ("", tag)


def spans_of_tags(tags: Sequence[str]) -> list[Span]:
    """The entities that tags of any scheme spell, in order; `plain` tags spell none."""
    spans: list[Span] = []
    start, label, is_open = 0, "", False
    for at, tag in enumerate(tags):
        prefix, name = split_tag(tag)
        prefix = _SAME.get(prefix, prefix)
        inside = prefix in ("B", "I", "E", "S")
        continues = is_open and prefix in ("I", "E") and name == label
        if is_open and not continues:
            spans.append(Span(start, at, label))
        if inside and not continues:
            start, label = at, name
        is_open = inside
        if prefix in ("E", "S"):
            spans.append(Span(start, at + 1, label))
            is_open = False
    if is_open:
        spans.append(Span(start, len(tags), label))
    return spans


def tags_of_spans(spans: Iterable[Span], length: int, scheme: TagScheme = "IOB2") -> list[str]:
    """The tags of `length` words.

    Raises:
        UserError: a span is empty, outside the words or overlaps another; tags cannot say that.
    """
    tags = ["O"] * length
    before = Span(0, 0, "")
    for span in sorted(spans):
        if not 0 <= span.start < span.stop <= length:
            raise UserError(f"words {span.start}:{span.stop} ({span.label}) are not within the {length} words")
        if span.start < before.stop:
            raise UserError(
                f"words {span.start}:{span.stop} ({span.label}) overlap {before.start}:{before.stop} "
                f"({before.label}); tags hold one entity per word"
            )
        adjacent = before.stop == span.start and before.label == span.label and span.start > 0
        tags[span.start : span.stop] = _tags_of_span(span, scheme, adjacent)
        before = span
    return tags


def _tags_of_span(span: Span, scheme: TagScheme, adjacent: bool) -> list[str]:
    if scheme == "plain":
        raise UserError("plain tags spell no entities; choose IOB1, IOB2, IOBES or BILOU")
    length = span.stop - span.start
    first = "I" if scheme == "IOB1" and not adjacent else "B"
    if length == 1:
        prefixes = ["B" if scheme == "IOB1" and adjacent else _SINGLE[scheme]]
    else:
        prefixes = [first, *"I" * (length - 2), _LAST[scheme]]
    return [f"{prefix}-{span.label}" for prefix in prefixes]


def to_iob2(tags: Sequence[str], scheme: TagScheme) -> list[str]:
    """Tags of a scheme as IOB2. What is IOB2 already stays as it is, faults included, and so do plain tags."""
    if scheme in ("IOB2", "plain"):
        return list(tags)
    return tags_of_spans(spans_of_tags(tags), len(tags))


def from_iob2(tags: Sequence[str], scheme: TagScheme) -> list[str]:
    """IOB2 tags in another scheme, the inverse of `to_iob2`."""
    if scheme in ("IOB2", "plain"):
        return list(tags)
    return tags_of_spans(spans_of_tags(tags), len(tags), scheme)


class SchemeEvidence:
    """What the tags of a file give away about their scheme, gathered sentence by sentence."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, str]] = {}
        """For each prefix the line and tag that had it first."""
        self._inside_begins = False
        self._begins_freely = False
        """Some `B-` stands where IOB1 has an `I-`."""

    def add(self, tags: Sequence[str], lines: Sequence[int]) -> None:
        """Tags of a sentence, each with its line."""
        before = ("O", "")
        for tag, line in zip(tags, lines, strict=True):
            prefix, label = split_tag(tag)
            if prefix not in self._seen:
                self._seen[prefix] = (line, tag)
            continues = before[0] not in ("O", "") and before[1] == label
            self._inside_begins |= prefix == "I" and not continues
            self._begins_freely |= prefix == "B" and not continues
            before = (prefix, label)

    def scheme(self, name: str) -> TagScheme:
        """The scheme of the file called `name`. A file that is IOB2 but for its faults is IOB2.

        Raises:
            UserError: some tags have a prefix and some have none, or prefixes of two schemes are mixed.
        """
        prefixes = self._seen.keys() - {"O"}
        if prefixes <= {""}:
            return "plain" if prefixes else "IOB2"
        if "" in prefixes:
            line, tag = self._seen[""]
            raise UserError(
                f"{name}:{line}: the tag {tag!r:.80} has no prefix while others have one; allowed: O, B-, I- "
                "(or E-, S- and L-, U-) and a label; repair it, or set the tag scheme to plain"
            )
        ends, lasts = prefixes & {"E", "S"}, prefixes & {"L", "U"}
        if ends and lasts:
            line, tag = max(self._seen[prefix] for prefix in prefixes - {"B", "I"})
            raise UserError(
                f"{name}:{line}: the tag {tag!r:.80} mixes IOBES (E-, S-) with BILOU (L-, U-); choose one"
            )
        if ends or lasts:
            return "IOBES" if ends else "BILOU"
        return "IOB1" if self._inside_begins and not self._begins_freely else "IOB2"
