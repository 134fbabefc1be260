"""Whether a bundle predicts as well as its model: the task's scores of both on the same labelled examples."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from encodery.errors import UserError
from encodery.tasks.metrics import Difference, difference
from encodery.tasks.task import Trainable

POINTS = 100


@dataclass(frozen=True)
class Gate:
    """Scores of the model (`first`) and of the bundle (`second`), with the intervals of their differences."""

    examples: int
    headline: str
    """The figure that decides."""
    figures: Mapping[str, Difference]
    why: str | None = None
    """What kept the scores from being compared."""

    @property
    def drop(self) -> float:
        """Points of the headline that were lost; not a number where it is undefined."""
        found = self.figures.get(self.headline)
        return math.nan if found is None else POINTS * (found.first - found.second)

    def complaint(self, allowed: float) -> str | None:
        """Why the bundle is refused, in words; None if it is not."""
        if math.isnan(self.drop):
            why = f" ({self.why})" if self.why else ""
            return f"{self.headline} is not defined on the dev data{why}, so nothing vouches for the bundle"
        if self.drop > allowed:
            found = self.figures[self.headline]
            return (
                f"{self.headline} drops by {self.drop:.2f} points on the dev data, from {found.first:.4f} to "
                f"{found.second:.4f} (95 %: {-POINTS * found.high:+.2f} to {-POINTS * found.low:+.2f}), and "
                f"--max-metric-drop is {allowed:g}"
            )
        return None

    @property
    def facts(self) -> dict[str, Any]:
        """As JSON has it."""
        figures = {name: asdict(found) for name, found in self.figures.items()}
        return {"examples": self.examples, "headline": self.headline, "drop": self.drop, "figures": figures}


def compare_scores(
    task: Trainable,
    model: Sequence[Mapping[str, Any]],
    bundle: Sequence[Mapping[str, Any]],
    examples: Sequence[Any],
) -> Gate:
    """The scores of both predictions. What cannot be compared is left out, and so fails `Gate.complaint`."""
    why = None
    try:
        found = difference(task.measure(model, examples), task.measure(bundle, examples))
    except UserError as error:
        found, why = {}, str(error)
    figures = {name: found[name] for name in task.headline if name in found}
    return Gate(len(examples), task.headline[0], figures, why)
