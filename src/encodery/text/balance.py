"""Languages of unequal size: how much each text counts when a vocabulary is trained (Lample and Conneau 2019, 3.1).

There, sentences are sampled with probability q_i ∝ p_i ** alpha, p_i being a language's share of the text. Here each
text counts q_i / p_i times, which is the mean of that sampling without its noise. Shares are shares of characters,
which need no rule of what a sentence is.
"""

from collections.abc import Iterable, Mapping
from itertools import repeat

from pydantic import Field

from encodery.config import Config

EVEN: Iterable[float] = repeat(1.0)
"""Every text counts once."""


class BalancedSpec(Config):
    """What every kind's specification has: how far small languages are lifted."""

    alpha: float = Field(default=1.0, ge=0.0, le=1.0, exclude_if=lambda alpha: alpha == 1.0)
    """A language's share of the text is raised to this power: 1 leaves the text as it is, 0 makes all languages equal
    (XLM 0.5, XLM-R 0.3). Languages are those of `corpus.inputs`."""


def balanced_shares(sizes: Mapping[str, int], alpha: float) -> dict[str, float]:
    """The share of each language that has a size after balancing; they sum to 1."""
    raised = {language: size**alpha for language, size in sizes.items() if size}
    total = sum(raised.values())
    return {language: value / total for language, value in raised.items()}


def language_weights(sizes: Mapping[str, int], alpha: float) -> dict[str, float]:
    """How many times a text of each language counts; all texts together count as much as before."""
    total = sum(sizes.values())
    return {name: share * total / sizes[name] for name, share in balanced_shares(sizes, alpha).items()}
