"""What a recipe says of reading token shards, whatever is learned from them."""

from typing import Literal

from pydantic import Field, PositiveInt

from encodery.train.config import TrainerConfig


class ReadingTable(TrainerConfig):
    """What `[pretrain]` and `[distill]` have in common."""

    max_seqlen: int = Field(default=128, ge=8)
    tokens_per_step: PositiveInt = 8192
    valid_max_tokens: PositiveInt = 100_000
    """The losses on held-out text are taken over at most this many tokens, which languages share evenly."""
    on_missing_shard: Literal["error", "skip"] = Field(default="error", exclude_if=lambda value: value == "error")
    """`skip` goes on without token shards that are missing or truncated, and counts them."""
