"""Task-specific distillation: a student learns a task from the labels and from what a fine-tuned teacher says.

As DistilBERT's second step (Sanh et al. 2019, section 4, "additional distillation step during the adaptation phase"),
for every task that decides by a softmax: the teacher's probabilities, softened, are a target for each decision (the
class of a text, the tag of a token, the first and the last token of an answer). Text without labels is taught by the
teacher alone.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from encodery.batch import Batch, LossOutput
from encodery.config import Config
from encodery.data.epochs import Epochs
from encodery.errors import UserError
from encodery.model.heads import Model

SOFT = "soft"
_NAMED = 4


class TaskDistillConfig(Config):
    """What the labels and the teacher weigh (the defaults of the authors' `run_squad_w_distillation.py`)."""

    alpha_ce: float = Field(default=0.5, gt=0.0)
    """Of the soft targets."""
    alpha_task: float = Field(default=0.5, ge=0.0)
    """Of the task's own loss; 0: the labels are not looked at."""
    temperature: float = Field(default=2.0, gt=0.0)
    """Both distributions are softened by it."""


@runtime_checkable
class Distillable(Protocol):
    """A task whose predictions are decisions between outcomes, each by a softmax."""

    heads: ClassVar[tuple[str, ...]]

    def counts(self, batch: Batch) -> Mapping[str, int | float]:
        """How many items each loss term scores."""

    def forward(self, model: Model, batch: Batch) -> Tensor:
        """The model's logits."""

    def loss_of(self, logits: Tensor, batch: Batch) -> LossOutput:
        """The task's loss of such logits against the labels."""

    def decisions(self, logits: Tensor, batch: Batch) -> Float[Tensor, "decisions outcomes"]:
        """Logits by decision: a softmax over each row is one; minus infinity for what is no outcome of it."""


class Taught:
    """A task learned from labels and a teacher at once; the task alone evaluates and predicts."""

    def __init__(
        self, task: Distillable, teacher: Model, order: Sequence[int] | None, config: TaskDistillConfig
    ) -> None:
        """`order` has the teacher's logits in the task's order, if it is another. The teacher is frozen."""
        self.task = task
        self.teacher = teacher.requires_grad_(False).eval()
        self.config = config
        self._order = None if order is None else torch.tensor(order)

    def counts(self, batch: Batch) -> dict[str, int | float]:
        """Those of the task, and the decisions."""
        counts = self.task.counts(batch) if self._reads_labels(batch) else {}
        return {**counts, SOFT: self._decisions(batch)}

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """The task's loss and that of the soft targets, each with its weight."""
        logits = self.task.forward(model, batch)
        losses: dict[str, Tensor] = {}
        metrics: dict[str, tuple[float, float]] = {}
        if self._reads_labels(batch):
            hard = self.task.loss_of(logits, batch)
            losses = {name: self.config.alpha_task * loss for name, loss in hard.losses.items()}
            metrics = dict(hard.metrics)
        soft = self._divergence(logits, self._taught(batch), batch)
        metrics[f"{SOFT}_loss"] = (float(soft.detach()), float(self._decisions(batch)))
        return LossOutput({**losses, SOFT: self.config.alpha_ce * soft}, metrics)

    def _reads_labels(self, batch: Batch) -> bool:
        has_labels = batch.labels is not None or batch.sequence_labels is not None
        return has_labels and self.config.alpha_task > 0

    @torch.no_grad()
    def _taught(self, batch: Batch) -> Float[Tensor, "rows outputs"]:
        logits = self.task.forward(self.teacher, batch)
        return logits if self._order is None else logits[:, self._order.to(logits.device)]

    def _divergence(
        self, said: Float[Tensor, "rows outputs"], wanted: Float[Tensor, "rows outputs"], batch: Batch
    ) -> Float[Tensor, ""]:
        """KL(teacher, student) times the temperature squared (Hinton et al. 2015, section 2), summed."""
        temperature = self.config.temperature
        said, wanted = (
            torch.log_softmax(self.task.decisions(logits, batch) / temperature, -1) for logits in (said, wanted)
        )
        probabilities = wanted.exp()
        each = probabilities * (wanted - said).masked_fill(probabilities == 0, 0.0)
        return each.sum() * temperature**2

    def _decisions(self, batch: Batch) -> int:
        """How many there are in a batch, known before the model has seen it: as many as in blank logits."""
        (head,) = self.task.heads
        rows = batch.num_tokens if self.teacher.shapes[head].reads == "tokens" else batch.num_sequences
        outputs = self.teacher.get_submodule(f"heads.{head}.out").get_parameter("bias")
        blank = torch.zeros(rows, len(outputs), device=batch.input_ids.device)
        return len(self.task.decisions(blank, batch))


class Interleaved:
    """The steps of two sources, each once and in its order, spread evenly among each other."""

    def __init__(self, first: Epochs, second: Epochs) -> None:
        self._first, self._second = first, second

    def __len__(self) -> int:
        """Number of steps of both."""
        return len(self._first) + len(self._second)

    def __call__(self, step: int) -> Batch:
        """The batch of a step, counted from 0."""
        before, after = (place * len(self._first) // len(self) for place in (step, step + 1))
        return self._first(before) if after > before else self._second(step - before)


def order_of(labels: Sequence[str], teacher: Sequence[str], key: str) -> list[int] | None:
    """Where the teacher has each label among its logits; None where that is the same place or nothing has a name.

    Raises:
        UserError: the labels differ; begins with `key`.
    """
    if set(labels) != set(teacher) and labels:
        only = [
            f"{whose} {', '.join(map(repr, sorted(names)[:_NAMED]))}{', ...' if len(names) > _NAMED else ''}"
            for whose, names in (
                ("the data alone have", set(labels) - set(teacher)),
                ("the teacher alone has", set(teacher) - set(labels)),
            )
            if names
        ]
        raise UserError(
            f"{key}: the teacher's labels are not those of the training data: {'; '.join(only)}; a teacher of the "
            "same labels is allowed, or list them in task.labels"
        )
    order = [teacher.index(label) for label in labels]
    return None if order == [*range(len(order))] else order
