"""Greedy and beam search over anything that decodes token by token.

The rules are those of `transformers` (its `generate`), so that the same model says the same there: of the
`2 * num_beams` best continuations of a sentence, those of the first `num_beams` that end are finished, with their
log-probability over their length (the end token counted) to the power `length_penalty` as score; the best
`num_beams` that do not end go on. XLM (`generate_beam`) differs in two things: an end among all `2 * num_beams` is
finished as long as the beam is not full, and what is unfinished after the last step loses its last token.

All sentences are searched at once, none waits for another: what is done leaves the batch.
"""

from dataclasses import dataclass, fields, replace
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor

from encodery.config import Config
from encodery.model.continuations import best_continuations

NEVER = -1e9
"""The log-probability of a beam that is not there."""


class GenerationConfig(Config):
    """How a translation is looked for, in Hugging Face's names."""

    num_beams: PositiveInt = 1
    """1: greedy, the most probable token each time."""
    num_return_sequences: PositiveInt = 1
    """The n best are given."""
    length_penalty: float = 1.0
    """Above 0 longer translations are favoured, at 0 the most probable one wins."""
    early_stopping: bool | Literal["never"] = False
    """When a sentence is done that has `num_beams` finished translations. True: at once; False: when the best beam,
    if it ended now, would not be better than the worst of them; "never": when it could not be at any length."""
    max_length_a: float = Field(default=1.5, ge=0.0)
    """A translation has at most `max_length_a * source length + max_length_b` tokens, the end token counted, in
    fairseq's names and XLM's values."""
    max_length_b: int = Field(default=10, ge=0)

    @model_validator(mode="after")
    def _as_many_as_are_kept(self) -> "GenerationConfig":
        if self.num_return_sequences > self.num_beams:
            raise ValueError(
                f"num_return_sequences = {self.num_return_sequences} is more than num_beams = {self.num_beams}; "
                "raise the one or lower the other"
            )
        return self


@dataclass(frozen=True)
class Targets:
    """How translations begin and end."""

    start_token_id: int
    """What the decoder reads before the first token."""
    end_token_id: int
    never: tuple[int, ...] = ()
    """Tokens that no translation contains, such as padding and the mask."""
    language_ids: Int[Tensor, " sentences"] | None = None
    """The language to translate into, where the model has vectors of languages."""


@dataclass(frozen=True)
class Hypothesis:
    """A translation, without the tokens that begin and end it."""

    token_ids: tuple[int, ...]
    score: float
    """Its log-probability, the end token's with it, over its length to the power `length_penalty`."""
    ended: bool
    """Whether it came to an end, or was cut off at its greatest length."""


@runtime_checkable
class Steps(Protocol):
    """What decodes token by token: `Memory`, or the same state in an engine that a model was exported to."""

    def logits(
        self, input_ids: Int[Tensor, " rows"], language_ids: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows vocabulary"]:
        """Read the next token of every beam, sentence by sentence; what may come behind it. The result may be
        changed."""

    def follow(self, parents: Int[Tensor, "sentences beams"]) -> None:
        """Beam `i` of a sentence goes on from the beam `parents[i]`."""

    def leave(self, done: Bool[Tensor, " sentences"]) -> Int[Tensor, " left"]:
        """Forget sentences. Returns the former places of those that stay, in the order in which they stand now."""


def search(
    steps: Steps, targets: Targets, limits: Int[Tensor, " sentences"], config: GenerationConfig
) -> list[list[Hypothesis]]:
    """The best translations of every sentence, best first, of at most so many tokens each."""
    beams = _Beams(targets, limits, config)
    while beams.sentences:
        parents, done = beams.advance(steps.logits(beams.tokens.flatten(), beams.languages))
        steps.follow(parents)
        if bool(done.any()):
            beams.leave(done, steps.leave(done))
    return beams.found


@dataclass
class _Sentences:
    """What the search knows of the sentences that are not done, one row for each."""

    places: Int[Tensor, " sentences"]
    """Where they stand in the batch as it was given."""
    limits: Int[Tensor, " sentences"]
    languages: Int[Tensor, " sentences"] | None
    tokens: Int[Tensor, "sentences beams"]
    """What each beam reads next."""
    scores: Float[Tensor, "sentences beams"]
    """Log-probability of each beam; the best comes first."""
    written: Int[Tensor, "sentences beams steps"]
    finished_scores: Float[Tensor, "sentences beams"]
    finished: Int[Tensor, "sentences beams steps"]
    lengths: Int[Tensor, "sentences beams"]
    """Of what is finished; the end token counts."""

    @classmethod
    def beginning(cls, targets: Targets, limits: Int[Tensor, " sentences"], beams: int) -> "_Sentences":
        """Nothing written; of the beams, which begin as one, all but the first are not there."""
        count, longest = len(limits), int(limits.max())
        scores = torch.full((count, beams), NEVER, device=limits.device)
        return cls(
            places=torch.arange(count, device=limits.device),
            limits=limits,
            languages=targets.language_ids,
            tokens=limits.new_full((count, beams), targets.start_token_id),
            scores=scores.index_fill(1, limits.new_zeros(1), 0.0),
            written=limits.new_zeros(count, beams, longest),
            finished_scores=scores,
            finished=limits.new_zeros(count, beams, longest),
            lengths=limits.new_zeros(count, beams),
        )

    def rows(self, chosen: Int[Tensor, " rows"]) -> "_Sentences":
        """These sentences, in this order."""
        held = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: value[chosen] for name, value in held.items() if value is not None})


class _Beams:
    """The search: choose, finish, go on."""

    def __init__(self, targets: Targets, limits: Int[Tensor, " sentences"], config: GenerationConfig) -> None:
        self._targets, self._config, self._width = targets, config, config.num_beams
        self._stops_early = config.early_stopping is True or self._width == 1
        self._step = 0
        self._now = _Sentences.beginning(targets, limits, self._width)
        self.found: list[list[Hypothesis]] = [[] for _ in limits]

    @property
    def sentences(self) -> int:
        """How many are not done."""
        return len(self._now.places)

    @property
    def tokens(self) -> Int[Tensor, " rows"]:
        """What each beam reads next."""
        return self._now.tokens.flatten()

    @property
    def languages(self) -> Int[Tensor, " rows"] | None:
        """The language of each beam."""
        given = self._now.languages
        return None if given is None else given.repeat_interleave(self._width)

    def advance(
        self, logits: Float[Tensor, "rows vocabulary"]
    ) -> tuple[Int[Tensor, "sentences beams"], Bool[Tensor, " sentences"]]:
        """Choose the next tokens. Returns the beam that each beam goes on from, and which sentences are done."""
        now, width = self._now, self._width
        each = logits.float().view(self.sentences, width, -1)
        count = 1 if width == 1 else 2 * width
        totals, beams, tokens = best_continuations(each, now.scores, count, self._targets.never)
        self._step += 1
        last = now.limits.eq(self._step)
        stop = (tokens == self._targets.end_token_id) | last[:, None]
        self._finish(totals[:, :width], beams[:, :width], tokens[:, :width], stop[:, :width])
        now.scores, chosen = totals.masked_fill(stop, NEVER).topk(width)
        parents, now.tokens = beams.gather(1, chosen), tokens.gather(1, chosen)
        now.written = _rows(now.written, parents)
        now.written[:, :, self._step - 1] = now.tokens
        return parents, last | self._cannot_improve()

    def _finish(self, totals: Tensor, beams: Tensor, tokens: Tensor, stop: Tensor) -> None:
        """Keep the best of what was finished before and of those continuations that stop."""
        now = self._now
        stop = stop & (totals > NEVER / 2)
        if not bool(stop.any()):
            return
        scores = torch.where(stop, totals / self._step**self._config.length_penalty, NEVER)
        written = _rows(now.written, beams)
        written[:, :, self._step - 1] = tokens
        now.finished_scores, kept = torch.cat([now.finished_scores, scores], 1).topk(self._width)
        now.finished = _rows(torch.cat([now.finished, written], 1), kept)
        now.lengths = torch.cat([now.lengths, torch.full_like(tokens, self._step)], 1).gather(1, kept)

    def _cannot_improve(self) -> Bool[Tensor, " sentences"]:
        """Whether as many as there are beams are finished, and no beam is expected to become better."""
        now, penalty = self._now, self._config.length_penalty
        worst = now.finished_scores[:, -1]
        full = worst > NEVER / 2
        if self._stops_early:
            return full
        hopes_for_length = self._config.early_stopping == "never" and penalty > 0
        length = now.limits if hopes_for_length else torch.full_like(now.limits, self._step)
        return full & (now.scores[:, 0] / length.float() ** penalty <= worst)

    def leave(self, done: Bool[Tensor, " sentences"], order: Int[Tensor, " left"]) -> None:
        """Note what was found of the sentences that are done; the others stand in this order from now on."""
        gone, count = self._now.rows(done.nonzero()[:, 0]), self._config.num_return_sequences
        found = (part[:, :count].tolist() for part in (gone.finished_scores, gone.lengths, gone.finished))
        for place, *best in zip(gone.places.tolist(), *found, strict=True):
            self.found[place] = [self._hypothesis(*one) for one in zip(*best, strict=True) if one[0] > NEVER / 2]
        self._now = self._now.rows(order)

    def _hypothesis(self, score: float, length: int, tokens: list[int]) -> Hypothesis:
        ended = tokens[length - 1] == self._targets.end_token_id
        return Hypothesis(tuple(tokens[: length - 1] if ended else tokens[:length]), score, ended)


def _rows(table: Int[Tensor, "sentences rows steps"], chosen: Int[Tensor, "sentences chosen"]) -> Tensor:
    """These rows of each sentence."""
    return table.gather(1, chosen[:, :, None].expand(-1, -1, table.shape[2]))
