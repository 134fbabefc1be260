"""Texts that are longer than the model reads, as windows that overlap; the same for every task.

Of the two texts of a pair one is kept whole in every window and the other slides. Each token of the sliding text
belongs to the one window in which it has most context on both sides (BERT's max-context rule, Devlin et al. 2019,
`run_squad.py`), so that what the windows say can be merged without counting anything twice. A text that fits is one
window, to which all of it belongs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Float
from pydantic import Field, NonNegativeInt, model_validator
from torch import Tensor

from encodery import batch as packed
from encodery.config import Config
from encodery.errors import UserError
from encodery.tasks.languages import Languages
from encodery.text.alignment import Span
from encodery.text.encoding import Cut
from encodery.text.tokenizer import Tokenizer, longest_first

MIN_SEQLEN = 4
"""A pair's three special tokens and one token of text."""
_SHARED = 4
"""Neighbouring windows share a quarter of their room if nothing else is said."""

Overflow = Literal["window", "truncate", "error"]


class Reading(Config):
    """How long texts are read; the keys that every `task` table has."""

    max_seqlen: int = Field(default=128, ge=MIN_SEQLEN)
    """Tokens that the model reads at once, special tokens included."""
    on_overflow: Overflow = "window"
    """What becomes of a longer text: windows that are merged, a cut at its end, or an error."""
    stride: NonNegativeInt | None = None
    """Tokens that neighbouring windows share (`stride` of the tokenizers of `transformers`), at most half of the room
    that the text has in them; a quarter of it if not given."""
    language: str | None = None
    """The language of texts that do not say theirs, by the names of the model's `lang2id`."""

    @property
    def info(self) -> dict[str, Any]:
        """What a model folder must remember of it."""
        stated = self.model_dump(include={"max_seqlen", "on_overflow", "stride", "language"})
        return {key: value for key, value in stated.items() if value is not None}

    def understood(self, examples: Sequence[Any]) -> Sequence[Any]:
        """Examples of a file with what the table says of all of them."""
        return examples

    def check_languages(self, languages: Languages, train: Sequence[Any]) -> None:
        """Raises `UserError` if training examples are not in the languages that the model can be told."""
        languages.check_training(train)

    def check_step(self, tokens_per_step: int, micro_batch_tokens: int) -> None:
        """Raises `ValueError` if the task cannot be learned from steps of this size."""

    @model_validator(mode="after")
    def _stride_is_shorter(self) -> "Reading":
        if self.stride is not None and self.stride >= self.max_seqlen:
            raise ValueError(f"stride = {self.stride} must be below max_seqlen = {self.max_seqlen}")
        return self


@dataclass(frozen=True)
class Window:
    """What the model reads at once of a text; token numbers count from the beginning of the sliding text."""

    sequence: packed.Sequence
    place: int
    """Where in the sequence the sliding text stands."""
    start: int
    """Its first token there."""
    stop: int
    own_start: int
    own_stop: int
    """Of `start:stop`, those that belong to this window."""

    @property
    def num_own(self) -> int:
        """How many tokens belong to it."""
        return self.own_stop - self.own_start

    @property
    def own(self) -> slice:
        """Where they stand in the sequence."""
        shift = self.place - self.start
        return slice(self.own_start + shift, self.own_stop + shift)


@dataclass(frozen=True)
class Encoded:
    """An example ready to be packed; `truncated` if some of its text is in no window."""

    windows: tuple[Window, ...]
    truncated: bool
    cut: Cut
    """The sliding text."""

    @property
    def sequences(self) -> list[packed.Sequence]:
        """What is packed."""
        return [window.sequence for window in self.windows]

    @property
    def lessons(self) -> list[packed.Sequence]:
        """What is learned from."""
        return self.sequences

    @property
    def is_long(self) -> bool:
        """Whether it takes more than one window."""
        return len(self.windows) > 1

    def labelled(self, label: int | float | Sequence[float]) -> "Encoded":
        """The same with one label for every window."""
        windows = (replace(window, sequence=replace(window.sequence, label=label)) for window in self.windows)
        return replace(self, windows=tuple(windows))

    def mean(self, outputs: Sequence[Float[Tensor, " size"]]) -> Float[Tensor, " size"]:
        """The mean of what the windows gave, each weighted by the tokens that belong to it."""
        if len(outputs) == 1:
            return outputs[0]
        shares = torch.tensor(self.shares, dtype=torch.float64)
        mean: Tensor = (torch.stack([*outputs]).double() * shares[:, None]).sum(0)
        return mean.to(outputs[0].dtype)

    @property
    def shares(self) -> list[float]:
        """How much of the text belongs to each window; 1 together."""
        total = sum(window.num_own for window in self.windows)
        return [window.num_own / total for window in self.windows] if total else [1.0]

    @property
    def offsets(self) -> list[Span]:
        """The characters of the sliding text's tokens."""
        return self.cut.offsets


def spread(num_tokens: int, room: int, stride: int) -> list[tuple[int, int, int, int]]:
    """`start, stop, own_start, own_stop` of windows of `room` tokens, `stride` of which the next one has, too.

    The last one is moved back to be full. A token belongs to the window whose middle is nearest.
    """
    assert 0 <= stride < room
    starts = [0]
    while starts[-1] + room < num_tokens:
        starts.append(min(starts[-1] + room - stride, num_tokens - room))
    stops = [min(start + room, num_tokens) for start in starts]
    borders = [(stop + start + 1) // 2 for stop, start in zip(stops[:-1], starts[1:], strict=True)]
    return list(zip(starts, stops, [0, *borders], [*borders, num_tokens], strict=True))


def read_windows(
    tokenizer: Tokenizer,
    reading: Reading,
    text: str,
    pair: str | None,
    source: str,
    language_id: int | None = None,
    slide: Literal["longer", "text_pair"] = "longer",
) -> Encoded:
    """A text or pair as windows of at most `reading.max_seqlen` tokens; `slide` says which text of a pair slides.

    The one that is kept whole loses what goes beyond half of the room and beyond what the other leaves free
    (`Encoded.truncated`).

    Raises:
        UserError: the text is too long and `on_overflow` is "error", or there is no room for any; begins with
            `source`.
    """
    budget = reading.max_seqlen - tokenizer.num_added(pair is not None)
    if budget < 1:
        raise UserError(
            f"{source}: max_seqlen = {reading.max_seqlen} leaves no room for text beside the special tokens; raise it"
        )
    limit = budget if reading.on_overflow == "truncate" else None
    cuts = [tokenizer.cut(part, limit) for part in (text, pair) if part is not None]
    lengths = [len(cut.ids) for cut in cuts]
    total = sum(lengths)
    sliding = len(cuts) - 1 if slide == "text_pair" or lengths[-1] > lengths[0] else 0
    if total > budget and reading.on_overflow == "error":
        raise UserError(
            f"{source}: {total + reading.max_seqlen - budget:,} tokens, but max_seqlen = {reading.max_seqlen} and "
            'on_overflow = "error"; shorten the text, raise max_seqlen, or set on_overflow = "window"'
        )
    keep = list(longest_first(lengths[0], total - lengths[0], budget))
    if total > budget and reading.on_overflow == "window":
        keep = [min(length, max(budget // 2, budget - lengths[sliding])) for length in lengths]
        keep[sliding] = lengths[sliding]
    room = max(budget - sum(keep[: len(cuts)]) + keep[sliding], 1)  # an empty text beside a full one needs none
    stride = room // _SHARED if reading.stride is None else min(reading.stride, room // 2)
    spans = spread(keep[sliding], room, stride)
    kept = [cut.ids[:length] for cut, length in zip(cuts, keep, strict=False)]
    windows = [_window(tokenizer, kept, sliding, span, language_id) for span in spans]
    return Encoded(tuple(windows), any(map(int.__lt__, keep, lengths)), cuts[sliding])


def _window(
    tokenizer: Tokenizer,
    texts: Sequence[Sequence[int]],
    sliding: int,
    span: tuple[int, int, int, int],
    language_id: int | None,
) -> Window:
    start, stop, own_start, own_stop = span
    assembled = tokenizer.assemble(*(ids[start:stop] if i == sliding else ids for i, ids in enumerate(texts)))
    ids = assembled.input_ids
    spoken = None if language_id is None else [language_id] * len(ids)
    # an empty text stands nowhere, and has no token that would have to be found
    place = assembled.sequence_ids.index(sliding) if start < stop else 0
    sequence = packed.Sequence(ids, assembled.token_type_ids, language_ids=spoken)
    return Window(sequence, place, start, stop, own_start, own_stop)
