"""What `[finetune.NAME.stuck]` says: when a run that learns to translate is given up."""

from pydantic import NonNegativeInt, PositiveInt

from encodery.config import Config
from encodery.train.optim import OptimizerConfig

EARLY = 1000
"""A decoder that is younger says nothing sensible yet, whatever becomes of it."""


class StuckTable(Config):
    """`[finetune.NAME.stuck]`: how many evaluations, from which step on."""

    patience: PositiveInt = 5
    """The run stops when so many evaluations in a row show it stuck: at copying, at a BLEU of 0, at one output."""
    after: NonNegativeInt | None = None
    """Evaluations before this step do not count; step 1,000 or the end of the warm-up, whichever is later, if not
    given."""

    def first_step(self, optimizer: OptimizerConfig, total_steps: int) -> int:
        """The first step whose evaluation counts."""
        return max(EARLY, optimizer.warmup(total_steps)) if self.after is None else self.after
