"""Entities as tags of tokens (IOB2): the names of the logits, and the best sequence of tags that spells entities.

A token begins an entity of some label, continues it, or is outside of all. Of the paths that never continue what has
not begun, `best_path` finds the most probable one (Viterbi 1967).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from encodery.data.formats import tags
from encodery.data.tagged import OUTSIDE
from encodery.errors import UserError

_BEGINS = ("B", "S", "U")
Path = Int64[np.ndarray, " tokens"]
NONE = 0
"""The state of a token outside of all entities; of label `k`, 2k + 1 begins and 2k + 2 continues an entity."""


@dataclass(frozen=True)
class Tags:
    """The names of a token head's logits, of whatever scheme (IO, IOB1, IOB2, IOBES, BILOU)."""

    names: tuple[str, ...]
    strict: bool = True
    """Whether an entity must begin with B-. Where nobody knows what a model was trained on, an I- may begin one."""

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """What entities are called."""
        return tuple(dict.fromkeys(label for _, label in map(split_tag, self.names) if label))

    @cached_property
    def state_of_logit(self) -> Int64[np.ndarray, " tags"]:
        """The state that each logit speaks for; several may speak for one."""
        states = []
        for kind, label in map(split_tag, self.names):
            begins = kind in _BEGINS
            states.append(2 * self.labels.index(label) + (1 if begins else 2) if label else NONE)
        return np.array(states)

    @cached_property
    def one_to_one(self) -> bool:
        """Whether no two logits speak for one state."""
        return len(set(self.state_of_logit.tolist())) == len(self.names)

    @cached_property
    def logit_of_state(self) -> dict[int, int]:
        """The first logit that speaks for each state."""
        states = self.state_of_logit.tolist()
        return {state: states.index(state) for state in set(states)}

    @cached_property
    def opens(self) -> Bool[np.ndarray, " labels"]:
        """Labels that I- may open: all, or those without a B-."""
        states = set(self.state_of_logit.tolist())
        return np.array([not self.strict or 2 * k + 1 not in states for k in range(len(self.labels))], bool)

    def log_probabilities(self, logits: Float32[np.ndarray, "tokens tags"]) -> Float64[np.ndarray, "tokens states"]:
        """Of the states; minus infinity for a state that no logit speaks for."""
        shifted = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
        sums = np.zeros((len(logits), 2 * len(self.labels) + 1))
        if self.one_to_one:
            sums[:, self.state_of_logit] = shifted
        else:
            np.add.at(sums.T, self.state_of_logit, shifted.T)
        with np.errstate(divide="ignore"):
            logs: np.ndarray = np.log(sums / shifted.sum(1, keepdims=True))
        return logs


def iob2(labels: Iterable[str]) -> Tags:
    """The tags of these labels: O, B-FIRST, I-FIRST, B-SECOND, ..."""
    return Tags((OUTSIDE, *(f"{kind}-{label}" for label in labels for kind in "BI")))


def split_tag(tag: str) -> tuple[str, str]:
    """Kind and label: `B-PER` is B and PER, `O` is O and nothing, a `PER` alone is I and PER."""
    kind, label = tags.split_tag(tag)
    return kind or "I", label


def check_names(names: Sequence[str], source: str) -> None:
    """Raises `UserError` if these logits spell no entities; begins with `source`."""
    if OUTSIDE not in names or len(names) < 2:
        raise UserError(
            f"{source}: id2label = {', '.join(names)!r:.80}; a tag O and one for each kind of entity are needed"
        )


def best_path(
    scores: Float64[np.ndarray, "tokens states"],
    glued: Bool[np.ndarray, " tokens"],
    opens: Bool[np.ndarray, " labels"],
) -> Path:
    """The most probable states of a text's tokens; a `glued` token never leaves or enters an entity."""
    path: Path = scores.argmax(1)
    if len(path) and not _is_valid(path, glued, opens):
        return _viterbi(scores, glued, opens)
    return path


def _is_valid(path: Path, glued: Bool[np.ndarray, " tokens"], opens: Bool[np.ndarray, " labels"]) -> bool:
    """Whether states are a path: the best state of each token alone nearly always is one."""
    before = np.concatenate([[NONE], path[:-1]])
    continues = (path != NONE) & (path % 2 == 0)
    follows = (before == path) | (before == path - 1)
    opened = np.concatenate([opens, [False]])[(path - 1) // 2] & ~glued  # outside: the last
    fine = np.where(continues, follows | opened, ~glued | ((path == NONE) & (before == NONE)))
    return bool(fine.all())


def _viterbi(
    scores: Float64[np.ndarray, "tokens states"],
    glued: Bool[np.ndarray, " tokens"],
    opens: Bool[np.ndarray, " labels"],
) -> Path:
    tokens, states = scores.shape
    came_from = np.zeros((tokens, states), np.int64)
    begin, inside = np.arange(1, states, 2), np.arange(2, states, 2)
    total = np.full(states, -np.inf)
    total[NONE] = 0.0  # before the first token
    for token in range(tokens):
        best = int(total.argmax())
        source = np.full(states, NONE if glued[token] else best)
        source[inside] = np.where(total[begin] >= total[inside], begin, inside)
        arrived = total[source]
        if glued[token]:
            arrived[begin] = -np.inf
        else:
            free = opens & (total[best] > arrived[inside])
            source[inside[free]] = best
            arrived[inside[free]] = total[best]
        came_from[token] = source
        total = arrived + scores[token]
    path = np.empty(tokens, np.int64)
    state = int(total.argmax())
    for token in range(tokens - 1, -1, -1):
        path[token] = state
        state = came_from[token, state]
    return path
