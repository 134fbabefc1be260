"""Which sequences are computed together, and at which length.

An engine compiles a graph for one number of tokens: faster than for any number, and without the tens of milliseconds
that engines take when they meet a new one. So there are a few lengths, and a call is filled with whole sequences, up
to `PACKED` tokens, and then with padding to the next of these lengths. Short texts packed so cost what their tokens
cost, in the order in which they come (Krell et al. 2021, "Efficient sequence packing without cross-contamination").
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

LENGTHS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
PACKED = 256
"""Tokens that sequences are packed to: products are large enough here, and attention is still small."""
TOKENS_PER_ROW = 8
"""A graph that computes named rows has one for so many tokens."""


@dataclass
class Call:
    """Sequences, by their place in the batch, and the length that they are computed at."""

    length: int = 0
    sequences: list[int] = field(default_factory=list)
    num_tokens: int = 0
    num_rows: int = 0

    def add(self, place: int, tokens: int, rows: int) -> None:
        """One more sequence."""
        self.sequences.append(place)
        self.num_tokens += tokens
        self.num_rows += rows


def lengths_for(num_positions: int) -> tuple[int, ...]:
    """The lengths that a model of so many positions is compiled for; the last one holds its longest sequence."""
    shorter = [length for length in LENGTHS if length < num_positions]
    beyond = range(LENGTHS[-1] * 2, num_positions, LENGTHS[-1])
    return (*shorter, *beyond, num_positions)


def num_rows(length: int) -> int:
    """Rows of a graph that is compiled for `length` tokens."""
    return max(1, length // TOKENS_PER_ROW)


def plan_calls(tokens: Sequence[int], rows: Sequence[int] | None, lengths: Sequence[int]) -> list[Call]:
    """The calls that compute sequences of so many `tokens`, of which so many `rows` each are wanted (None: all).

    First fit, the longest first: a call is left open as long as the shortest text might still fit.
    """
    capacity = min(PACKED, lengths[-1])
    wanted = [0] * len(tokens) if rows is None else rows
    most = num_rows(capacity) if rows is not None else 0
    shortest = min(tokens)
    open_calls: list[Call] = []
    closed: list[Call] = []
    for place in sorted(range(len(tokens)), key=lambda place: -tokens[place]):
        size, count = tokens[place], wanted[place]
        call = next((c for c in open_calls if c.num_tokens + size <= capacity and c.num_rows + count <= most), None)
        if call is None:
            call = Call()
            open_calls.append(call)
        call.add(place, size, count)
        if call.num_tokens + shortest > capacity:
            open_calls.remove(call)
            closed.append(call)
    calls = closed + open_calls
    for call in calls:
        needed = max(call.num_tokens, call.num_rows * TOKENS_PER_ROW)
        call.length = lengths[min(bisect_left(lengths, needed), len(lengths) - 1)]
    return calls
