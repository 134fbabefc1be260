"""What a model of languages answers."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable


class Guess(NamedTuple):
    """What a model makes of a text."""

    language: str
    """In our codes; "" where the text is in no language."""
    score: float
    """How sure the model is of it: 0 to 1."""
    contested: bool = False
    """Another model says something else."""


@runtime_checkable
class Identifier(Protocol):
    """A model that tells languages."""

    languages: frozenset[str]
    """Those that it can tell, in our codes."""

    def identify(self, texts: Sequence[str]) -> list[Guess]:
        """The language of each text."""
