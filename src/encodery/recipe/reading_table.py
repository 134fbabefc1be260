"""What a recipe says of reading token shards, whatever is learned from them."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from encodery.data.block_shuffle import BlockShuffle
from encodery.data.languages import AS_IT_IS
from encodery.data.schedule import Alpha, changes
from encodery.objectives.phases import Phase, Stretch, stretches, total_tokens
from encodery.train.config import UNBOUNDED, TrainerConfig


class ReadingTable(TrainerConfig):
    """What `[pretrain]` and `[distill]` have in common: which text comes when, and how much of it."""

    max_seqlen: int = Field(default=128, ge=8)
    tokens_per_step: PositiveInt = 8192
    phases: tuple[Phase, ...] = Field(default=(), exclude_if=lambda phases: not phases)
    """Longer sequences or larger batches from a share of the steps on."""
    steps: PositiveInt | None = None
    """How many; where `time` is given, at most so many."""
    valid_max_tokens: PositiveInt = 100_000
    """The losses on held-out text are taken over at most this many tokens, which languages share evenly."""
    alpha: Alpha = Field(default=AS_IT_IS, exclude_if=lambda alpha: alpha == AS_IT_IS)
    """A language's share of the tokens, raised to this power, gives its share of what is read: a number,
    `{ start, end }` over the steps, or `[[step, alpha], ...]`. 1 reads the text as it comes."""
    shuffle: BlockShuffle | None = Field(default=None, exclude_if=lambda table: table is None)
    """Read in random blocks, some at a time, so that a step's text comes from few shards; None mixes the whole
    corpus."""
    on_missing_shard: Literal["error", "skip"] = Field(default="error", exclude_if=lambda value: value == "error")
    """`skip` goes on without token shards that are missing or truncated, and counts them."""

    @property
    def total_steps(self) -> int:
        """`steps`, or more than any time is enough for."""
        return self.steps or UNBOUNDED

    @property
    def stretches(self) -> list[Stretch]:
        """Steps of one kind: those before the phases, and the phases."""
        return stretches(self.phases, self.total_steps, self.max_seqlen, self.tokens_per_step)

    @property
    def longest(self) -> int:
        """The longest sequences that are read."""
        return max(part.max_seqlen for part in self.stretches)

    @property
    def total_tokens(self) -> int:
        """About how many tokens all steps have; 0 where only the time is known."""
        return total_tokens(self.stretches, self.steps) if self.steps else 0

    @property
    def _schedules(self) -> Mapping[str, bool]:
        """What may change over the steps, and whether it does."""
        return {"alpha": changes(self.alpha)}

    @model_validator(mode="after")
    def _has_an_end(self) -> "ReadingTable":
        if self.steps is None and self.time is None:
            raise ValueError('training ends after steps = 100_000 or time = "2h"; give one of them')
        follows = [name for name, follows in self._schedules.items() if follows]
        if self.steps is None and (follows or self.phases):
            named = ", ".join([*follows, *(["phases"] if self.phases else [])])
            raise ValueError(
                f"{named} follow the steps of the run, and a time does not say how many these are; give steps, too: "
                "the first of both ends the run"
            )
        grows = any(phase.tokens_per_step for phase in self.phases)
        if grows and follows:
            raise ValueError(
                f"phases change tokens_per_step, and {', '.join(follows)} follow steps of one size; keep one"
            )
        return self

    @model_validator(mode="after")
    def _a_step_holds_a_sequence(self) -> "ReadingTable":
        for part in self.stretches:
            if part.tokens_per_step < part.max_seqlen:
                raise ValueError(
                    f"tokens_per_step = {part.tokens_per_step}: must be at least max_seqlen = {part.max_seqlen}; "
                    "raise the one or lower the other"
                )
        return self
