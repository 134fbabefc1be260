"""Text as token ids: alone, and as the model takes it, with special tokens around."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from encodery.text.alignment import Span


@dataclass(frozen=True)
class Cut:
    """One text as token ids, without special tokens."""

    ids: list[int]
    _find_offsets: Callable[[], list[Span]] = field(repr=False, compare=False)

    @cached_property
    def offsets(self) -> list[Span]:
        """The characters of each token (code points, half-open). Found when first asked for: that takes several times
        as long as the ids."""
        return self._find_offsets()


@dataclass(frozen=True)
class Assembled:
    """Ids with special tokens around them.

    `sequence_ids` tell where a token is from: 0 for the first text, 1 for the second, None for special tokens that
    were added.
    """

    input_ids: list[int]
    token_type_ids: list[int]
    sequence_ids: list[int | None]


@dataclass(frozen=True)
class Encoding(Assembled):
    """One text or pair as the model takes it, perhaps cut to fit."""

    truncated: bool
    _cuts: tuple[Cut, ...] = field(repr=False, compare=False)

    @cached_property
    def offsets(self) -> list[Span]:
        """Where each token is in its text; (0, 0) for special tokens that were added."""
        spans = [iter(cut.offsets) for cut in self._cuts]
        return [(0, 0) if sequence is None else next(spans[sequence]) for sequence in self.sequence_ids]
