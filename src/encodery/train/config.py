"""How to train, whatever is trained."""

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from encodery.config import Config
from encodery.train.budget import Duration
from encodery.train.optim import OptimizerConfig
from encodery.train.selection import EarlyStopping

UNBOUNDED = 10**9
"""The steps of a run that ends by the clock alone."""


class TrainerConfig(Config):
    """How to train, whatever is trained."""

    optimizer: OptimizerConfig = OptimizerConfig()
    time: Duration | None = Field(default=None, exclude_if=lambda value: value is None)
    """Stop when this time is over, as "2h", the learning rate then at its end; evaluations and checkpoints count."""
    precision: Literal["fp32", "bf16"] = "bf16"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    micro_batch_tokens: PositiveInt = 32_768
    """A step's batch is run in pieces of at most this many tokens; the sum is the same."""
    activation_checkpointing: bool = Field(default=False, exclude_if=lambda switch: not switch)
    """Keep the inputs of the layers alone and compute the rest again going backwards: a third more work, the same
    numbers, much less memory."""
    parallel: Literal["ddp", "fsdp"] = Field(default="ddp", exclude_if=lambda strategy: strategy == "ddp")
    """Under `torchrun`: a whole model on every rank, or (FSDP2) a slice of each weight for one that does not fit."""
    deterministic: bool = Field(default=False, exclude_if=lambda switch: not switch)
    """The same bits from the same seed: slower kernels on a GPU, the same number of threads throughout on a CPU."""
    evaluate_every: PositiveInt | None = None
    """Steps between evaluations; ten times a run if not given, of a translator each 500 steps at least."""
    keep: Literal["last", "best"] = Field(default="last", exclude_if=lambda value: value == "last")
    """Which weights a run ends with: those of its last step, or of its best evaluation."""
    early_stopping: EarlyStopping | None = Field(default=None, exclude_if=lambda value: value is None)
    """Stop when evaluations no longer get better."""
    best_metric: str | None = Field(default=None, exclude_if=lambda value: value is None)
    """What `keep` and `early_stopping` go by; the first metric of an evaluation if not given."""
    checkpoint_every: PositiveInt | None = None
    """Steps between checkpoints; ten times a run if not given."""
    keep_checkpoints: PositiveInt = 2
    asynchronous_checkpoints: bool = Field(default=False, exclude_if=lambda switch: not switch)
    """Write a checkpoint while training goes on from it: it costs a copy of weights and optimizer in memory."""
    log_every: PositiveInt = 10
    max_skipped_steps: NonNegativeInt = 3
    """Steps in a row with a non-finite loss or gradient before training stops."""

    @property
    def selects(self) -> bool:
        """Whether the evaluations decide which weights come out."""
        return self.keep == "best" or self.early_stopping is not None

    @model_validator(mode="after")
    def _lengths_are_of_whole_matrices(self) -> "TrainerConfig":
        if self.optimizer.type == "lamb" and self.parallel == "fsdp":
            raise ValueError(
                'optimizer.type = "lamb" moves a matrix by a share of its length, and parallel = "fsdp" gives each '
                'rank a slice of it; set parallel = "ddp", or optimizer.type = "adamw"'
            )
        return self
