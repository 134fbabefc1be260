"""A finished comparison: its figures, what may be said of them, and all of it as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from encodery import __version__
from encodery.stages.exam import BITS, EXAM
from encodery.stages.fairness import TIME, budget_gap
from encodery.stages.figures import AS_TRAINED, COST, Figure, Outcome, figures_of
from encodery.stages.recipe_differences import recipe_differences
from encodery.stages.schemes import Scheme
from encodery.stages.skipping import SHARDS
from encodery.tasks.metrics import Estimate

FORMAT = 1
TOKENS, SECONDS = "pretraining.tokens", "pretraining.seconds"


@dataclass(frozen=True)
class Comparison:
    """Schemes, the first of which the others are compared with, and what was measured of them."""

    schemes: Sequence[Scheme]
    seeds: Sequence[int]
    outcomes: Sequence[Outcome]
    figures: Sequence[Figure]
    notes: Sequence[str]
    """What a reader must know before believing the figures."""

    @property
    def first(self) -> str:
        return self.schemes[0].name

    @property
    def names(self) -> list[str]:
        return [scheme.name for scheme in self.schemes]

    def shown(self, *groups: str) -> list[Figure]:
        """The figures of some groups that are worth a row: bits per character only where vocabularies differ."""
        one = has_one_vocabulary(self.outcomes)
        return [f for group in groups for f in self.figures if f.group == group and not (one and _is_bits(f))]

    def differences(self, figure: Figure) -> dict[str, Estimate]:
        """How much higher the schemes are than the first, of those for which that means something.

        Of what was measured as trained it never does: each scheme asked its own question. Of the exam's figures per
        token it does where the two have one vocabulary.
        """
        if self.first not in figure.values or figure.group == COST or figure.key.startswith(AS_TRAINED):
            return {}
        per_token = figure.key.startswith(EXAM) and not _is_bits(figure)
        keys = _vocabularies(self.outcomes)
        return {
            name: figure.difference(self.first, name)
            for name in self.names[1:]
            if name in figure.values and (not per_token or keys.get(name) == keys.get(self.first))
        }


def compared(
    schemes: Sequence[Scheme], seeds: Sequence[int], outcomes: Sequence[Outcome], notes: Sequence[str], budget: str
) -> Comparison:
    """The comparison of runs that are done."""
    figures = figures_of(outcomes)
    more = [*_about_budget(figures, budget), *_about_vocabularies(outcomes), *_about_seeds(seeds)]
    return Comparison(schemes, seeds, outcomes, figures, [*notes, *more])


def _is_bits(figure: Figure) -> bool:
    return figure.key.endswith(BITS)


def _vocabularies(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """By scheme, the key of the last shards it reads: schemes with equal ones cut text into the same tokens."""
    return {
        one.run.scheme.name: item.key
        for one in outcomes
        for item in one.run.planned
        if item.stage.name.startswith(SHARDS)
    }


def has_one_vocabulary(outcomes: Sequence[Outcome]) -> bool:
    """Whether all schemes cut text into the same tokens."""
    return len({*_vocabularies(outcomes).values()}) <= 1


def _about_budget(figures: Sequence[Figure], budget: str) -> list[str]:
    """What was measured may differ from what was planned: early stopping, sequences that do not fill a step."""
    key, unit = (SECONDS, "seconds") if budget == TIME else (TOKENS, "tokens")
    amounts = {
        scheme: round(figure.estimate(scheme).mean, 1) if budget == TIME else round(figure.estimate(scheme).mean)
        for figure in figures
        if figure.key == key
        for scheme in figure.values
    }
    gap = budget_gap(amounts, unit) if len(amounts) > 1 else ""
    return [f"Measured in training, mean over seeds: {gap}."] if gap else []


def _about_vocabularies(outcomes: Sequence[Outcome]) -> list[str]:
    """Losses per token of different vocabularies have different units."""
    if has_one_vocabulary(outcomes):
        return []
    return [
        "The vocabularies differ, so losses and accuracies per token have different units and cannot be compared. "
        "Compare bits per character, and these with care: longer tokens hide more text at once, and a vocabulary "
        "without case or accents has less to tell."
    ]


def _about_seeds(seeds: Sequence[int]) -> list[str]:
    if len(seeds) > 1:
        return []
    return [
        "One seed: intervals are those of the test examples (bootstrap), and what another seed would give is "
        "unknown; differences have no interval. Give --seeds 3 or more."
    ]


def to_json(comparison: Comparison) -> str:
    """All of it for programs; numbers as they were measured."""
    values = {
        "format": FORMAT,
        "encodery": __version__,
        "seeds": list(comparison.seeds),
        "first": comparison.first,
        "notes": list(comparison.notes),
        "schemes": [
            {"name": s.name, "recipe": str(s.path), "runs": _runs(comparison, s.name)} for s in comparison.schemes
        ],
        "figures": {figure.key: _figure(comparison, figure) for figure in comparison.figures},
        "recipe_differences": {
            key: dict(zip(comparison.names, texts, strict=True))
            for key, texts in recipe_differences(comparison.schemes)
        },
    }
    return json.dumps(values, ensure_ascii=False, indent=1) + "\n"


def _runs(comparison: Comparison, scheme: str) -> list[dict[str, Any]]:
    """Where the artifacts of each seed are, in the comparison's folder."""
    return [
        {
            "seed": one.run.seed,
            "stages": {name: f"{place.parent.name}/{place.name}" for name, place in one.run.run.places.items()},
        }
        for one in comparison.outcomes
        if one.run.scheme.name == scheme
    ]


def _figure(comparison: Comparison, figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "group": figure.group,
        "schemes": {
            name: {
                "values": list(figure.values[name]),
                **_estimate(figure.estimate(name)),
                "interval_over": figure.interval_over(name),
            }
            for name in figure.values
        },
        "differences": {
            name: {**_estimate(found), "excludes_zero": found.excludes_zero}
            for name, found in comparison.differences(figure).items()
        },
    }


def _estimate(found: Estimate) -> Mapping[str, Any]:
    return {"mean": found.mean, "interval": list(found.interval) if found.interval else None}
