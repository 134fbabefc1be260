"""How tags name entities: IOB1, IOB2, IOBES, BILOU, or not at all (part-of-speech tags).

Ramshaw and Marcus (1995) for IOB1, Tjong Kim Sang and Veenstra (1999) for IOB2, Ratinov and Roth (2009) for BILOU.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from encodery.data.formats.tags import TagScheme, split_tag

PREFIXES: dict[TagScheme, str] = {"plain": "", "IOB1": "BI", "IOB2": "BI", "IOBES": "BIES", "BILOU": "BILU"}
_RARE = 0.05
"""A scheme is that of nearly all tags: less than this share are mistakes in another one."""


@dataclass
class SchemeCounts:
    """Over all tags of a data set."""

    prefixes: Counter[str] = field(default_factory=Counter)
    orphans: int = 0
    """I- that continues nothing."""
    needless: int = 0
    """B- where no entity of its type goes before: IOB1 would write I-."""

    def add(self, tags: Sequence[str]) -> None:
        """Count one sentence."""
        before = "O"
        for tag in tags:
            prefix, label = split_tag(tag)
            if tag != "O":
                self.prefixes[prefix] += 1
            continues = split_tag(before) in {("B", label), ("I", label)}
            self.orphans += prefix == "I" and not continues
            self.needless += prefix == "B" and not continues
            before = tag

    @property
    def scheme(self) -> TagScheme:
        """What nearly all tags agree on."""
        total = self.prefixes.total()
        shares = {prefix: count / total for prefix, count in self.prefixes.items()} if total else {}
        if shares.get("", 0.0) > 1 - _RARE:
            return "plain"
        if shares.get("E", 0.0) + shares.get("S", 0.0) > _RARE:
            return "IOBES"
        if shares.get("L", 0.0) + shares.get("U", 0.0) > _RARE:
            return "BILOU"
        return "IOB1" if self.orphans > self.needless else "IOB2"


def unknown_tags(tags: Sequence[str], scheme: TagScheme) -> Iterator[int]:
    """Where a tag is none of the scheme's."""
    for index, tag in enumerate(tags):
        prefix, label = split_tag(tag)
        known = tag == "O" or (scheme == "plain" and tag.strip()) or (prefix in PREFIXES[scheme] and prefix and label)
        if not known:
            yield index


def orphans(tags: Sequence[str], scheme: TagScheme) -> Iterator[int]:
    """Where a tag continues (or ends) an entity that has not begun, or leaves one without its end."""
    if scheme in ("plain", "IOB1"):
        return
    last = PREFIXES[scheme][2:3]  # E or L: entities of these schemes say where they end
    for index, tag in enumerate(tags):
        prefix, label = split_tag(tag)
        before = split_tag(tags[index - 1]) if index else ("", "")
        after = split_tag(tags[index + 1]) if index + 1 < len(tags) else ("", "")
        begun = before in {("B", label), ("I", label)}
        ended = not last or prefix not in ("B", "I") or after in {("I", label), (last, label)}
        if (prefix and prefix in "I" + last and not begun) or not ended:
            yield index
