"""Several objectives on one engine: a step is of one of them, and its batch says of which."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Protocol, runtime_checkable

from encodery.batch import Batch, LossOutput
from encodery.data.block_shuffle import BlockShuffle
from encodery.data.keyed_random import keyed_uint64
from encodery.data.schedule import Knots, value_at
from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.model.heads import Model
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.objective import Pretraining
from encodery.objectives.translation import Translation
from encodery.objectives.turns import NAMES, Name, Turns
from encodery.objectives.vocabulary import Vocabulary

_HIGHEST_LOSS = 700.0  # exp of more is no number
_CAUSAL, _TRANSLATION = 0xC1A, 0x71A  # name the text and the draws of these apart from those of masked LM


@runtime_checkable
class Objective(Protocol):
    """What is learned from text without labels: batches as a function of the step, and a loss."""

    def batch(self, step: int) -> Batch:
        """The batch of a training step."""

    def validation_batches(self, max_tokens: int) -> Iterator[Batch]:
        """About `max_tokens` of the text, always the same."""

    def validation_batches_by_language(self, max_tokens: int) -> dict[str, Iterator[Batch]]:
        """The same for each language, which share `max_tokens` evenly; empty where shards are not sorted by it."""

    def epochs_by_language(self, start: int, stop: int) -> dict[str, float]:
        """How often the steps `start : stop` read the text of each language; empty where that is not known."""

    def epochs_by_pair(self, start: int, stop: int) -> dict[str, float]:
        """The same of aligned sentences, for each two languages; empty where there are none."""

    def counts(self, batch: Batch) -> dict[str, int]:
        """How many items each term of the loss scores."""

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """Sums of the terms over the batch."""


class Mixed:
    """Objectives that take turns. From outside it is one objective, whose losses come under several names."""

    def __init__(self, objectives: Mapping[Name, Objective], turns: Turns) -> None:
        """`objectives` holds each that has a turn at some step."""
        self._objectives: Mapping[Name, Objective] = objectives
        self._turns = turns

    def batch(self, step: int) -> Batch:
        """The batch of a training step: that of the objective's own step, a function of (seed, step) alone."""
        name, own_step = self._turns.at(step)
        return self._objectives[name].batch(own_step)

    def validation_batches(self, max_tokens: int) -> Iterator[Batch]:
        """About `max_tokens` for each objective, one after the other."""
        for objective in self._objectives.values():
            yield from objective.validation_batches(max_tokens)

    def validation_batches_by_language(self, max_tokens: int) -> dict[str, Iterator[Batch]]:
        """For each language those of all objectives."""
        found: dict[str, list[Iterator[Batch]]] = {}
        for objective in self._objectives.values():
            for language, batches in objective.validation_batches_by_language(max_tokens).items():
                found.setdefault(language, []).append(batches)
        return {language: chain.from_iterable(parts) for language, parts in found.items()}

    def epochs_by_language(self, start: int, stop: int) -> dict[str, float]:
        """Over the steps that each objective has of these."""
        first, last = self._turns.before(start), self._turns.before(stop)
        return summed(item.epochs_by_language(first[name], last[name]) for name, item in self._objectives.items())

    def epochs_by_pair(self, start: int, stop: int) -> dict[str, float]:
        """Over the steps that translation LM has of these."""
        first, last = self._turns.before(start), self._turns.before(stop)
        return summed(item.epochs_by_pair(first[name], last[name]) for name, item in self._objectives.items())

    def counts(self, batch: Batch) -> dict[str, int]:
        """Those of the batch's objective."""
        return self._of(batch).counts(batch)

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """That of the batch's objective."""
        return self._of(batch).loss(model, batch)

    def _of(self, batch: Batch) -> Objective:
        return next(objective for name, objective in self._objectives.items() if name == batch.objective)


def summed(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The sums by name."""
    sums: dict[str, float] = {}
    for part in parts:
        for name, value in part.items():
            sums[name] = sums.get(name, 0.0) + value
    return sums


def build_objective(
    config: ObjectiveConfig,
    shards: Shards,
    parallel: Shards | None,
    vocabulary: Vocabulary,
    max_seqlen: int,
    tokens_per_step: int,
    seed: int,
    lang2id: Mapping[str, int] | None = None,
    num_steps: int = 1,
    alpha: Knots | None = None,
    shuffle: BlockShuffle | None = None,
) -> Objective:
    """What a recipe's objective asks for, over shards of text and, for `tlm`, of pairs; masked LM alone is
    `Pretraining` itself. `num_steps` is the length of the run: mask rates and the `alpha` that samples
    languages may change over the steps of theirs. `shuffle` reads text in blocks; pairs are mixed as a whole.

    Raises:
        UserError: as `Pretraining` and `Translation`, or `tlm` has a weight and there are no pairs.
    """

    turns = Turns(config, seed)
    own_steps = {name: max(1, count) for name, count in turns.before(num_steps).items()}
    sizes = (vocabulary, max_seqlen, tokens_per_step)
    places = sorted({*(step for step, _ in alpha or ()), *turns.starts})

    def own_alpha(name: Name) -> Knots | None:
        """Alpha over an objective's own steps: what it is at a step of all is what it is at its own one then."""
        return alpha and tuple((turns.before(step)[name], value_at(alpha, step)) for step in places)

    def masked() -> Objective:
        return Pretraining(config, shards, *sizes, seed, lang2id, own_steps["mlm"], False, own_alpha("mlm"), shuffle)

    def causal() -> Objective:
        alone = config.model_copy(update={"nsp": False, "inputs": None})
        keys = (int(keyed_uint64(seed, _CAUSAL)), lang2id, own_steps["clm"])
        return Pretraining(alone, shards, *sizes, *keys, True, own_alpha("clm"), shuffle)

    def translation() -> Objective:
        if parallel is None:
            raise UserError("pretrain.objective.weights: tlm needs aligned sentences; add [[corpus.parallel]]")
        own_seed = int(keyed_uint64(seed, _TRANSLATION))
        return Translation(config.mlm, parallel, *sizes, own_seed, lang2id, own_steps["tlm"], config.pair_alpha)

    made: Mapping[Name, Callable[[], Objective]] = {"mlm": masked, "clm": causal, "tlm": translation}
    if config.names == ("mlm",):
        return masked()
    return Mixed({name: made[name]() for name in config.names}, turns)


def with_perplexities(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics, and for each objective's mean loss its exponential."""
    losses = {name: metrics[f"{name}_loss"] for name in NAMES if f"{name}_loss" in metrics}
    return {**metrics, **{f"{name}_perplexity": math.exp(min(loss, _HIGHEST_LOSS)) for name, loss in losses.items()}}
