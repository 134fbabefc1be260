"""An order that reads a corpus in groups of blocks, so that what comes together lies in few places.

Windows in the order of the text are cut into blocks of `block_tokens`. An epoch takes the blocks in a random order,
`blocks` of them at a time, and mixes the windows of these as a whole. A step then reads from `blocks` places of the
corpus, wherever it lies, and every window still comes up once. What is left of the text beyond the last full block,
and of the blocks beyond the last full group, belongs to the last group: none is smaller than `blocks`.

Nothing is stored: the window at any place is found at once, as in the order over the whole corpus.

What it costs: a step is a sample of `blocks` random blocks, not of the whole corpus. Let blocks be wholly of some
kind of text or not at all, the worst case, and p the share of that kind. Its share in a group has a mean of p and a
standard deviation of sqrt(p (1 - p) / blocks) at most (blocks are drawn without replacement), whatever the size of a
step; over the whole corpus it would be sqrt(p (1 - p) / windows of the step). So more and smaller blocks mix better,
fewer and larger ones read from fewer shards.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt64
from pydantic import Field, PositiveInt

from encodery.config import Config
from encodery.data.keyed_random import extend, permute

_BLOCKS, _WINDOWS = range(2)


class BlockShuffle(Config):
    """`pretrain.shuffle`."""

    block_tokens: PositiveInt = 1 << 25
    """Neighbouring tokens that come together."""
    blocks: int = Field(default=32, ge=2)
    """How many blocks are mixed at a time."""

    def permute(
        self,
        index: Int64[np.ndarray, " windows"],
        size: int | Int64[np.ndarray, " windows"],
        seed: UInt64[np.ndarray, " windows"],
        span: int,
    ) -> Int64[np.ndarray, " windows"]:
        """Element `index` of a permutation of `range(size)`, for windows of `span` tokens; each element may be one of
        another permutation, as in `keyed_random.permute`."""
        sizes: Int64[np.ndarray, " windows"] = np.broadcast_to(np.asarray(size, np.int64), index.shape)
        groups = _Groups(sizes, max(1, self.block_tokens // span), self.blocks)
        group = groups.of(index)
        place = permute(index - groups.first(group), groups.size(group), extend(seed, _WINDOWS, group))
        nth = np.minimum(place // groups.block, groups.num_blocks(group))
        is_rest = nth == groups.num_blocks(group)  # of the text, behind the last full block
        inside = place - nth * groups.block
        number = np.where(is_rest, 0, group * self.blocks + nth)
        # where there is no full block at all the permutation is that of one, and is not looked at
        block = permute(number, np.maximum(groups.full_blocks, 1), extend(seed, _BLOCKS))
        return np.asarray(np.where(is_rest, groups.full_blocks, block) * groups.block + inside)


@dataclass(frozen=True)
class _Groups:
    """How an epoch of each size falls into groups of blocks."""

    sizes: Int64[np.ndarray, " windows"]
    block: int
    """Windows of a block."""
    blocks: int

    @property
    def full_blocks(self) -> Int64[np.ndarray, " windows"]:
        return self.sizes // self.block

    @property
    def _last(self) -> Int64[np.ndarray, " windows"]:
        """The number of the last group."""
        return np.asarray(np.maximum(self.full_blocks // self.blocks, 1) - 1)

    def of(self, index: Int64[np.ndarray, " windows"]) -> Int64[np.ndarray, " windows"]:
        """The group of each place."""
        return np.asarray(np.minimum(index // (self.block * self.blocks), self._last))

    def first(self, group: Int64[np.ndarray, " windows"]) -> Int64[np.ndarray, " windows"]:
        """The first place of a group."""
        return group * (self.block * self.blocks)

    def size(self, group: Int64[np.ndarray, " windows"]) -> Int64[np.ndarray, " windows"]:
        """How many windows a group has."""
        return np.where(group == self._last, self.sizes - self.first(group), self.block * self.blocks)

    def num_blocks(self, group: Int64[np.ndarray, " windows"]) -> Int64[np.ndarray, " windows"]:
        """How many full blocks a group has."""
        return np.where(group == self._last, self.full_blocks - group * self.blocks, self.blocks)
