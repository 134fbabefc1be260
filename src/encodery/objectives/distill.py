"""Knowledge distillation while pretraining: the triple loss of DistilBERT (Sanh et al. 2019, section 3).

A student learns from a teacher that reads the same masked text: what the teacher holds possible for each token (soft
targets), what the masked tokens were (masked LM), and the direction of its last hidden states (cosine). Weights and
temperature are those with which DistilBERT was trained (its authors' code, `examples/research_projects/distillation`
of `transformers`, README.md and distiller.py).
"""

from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from encodery.batch import Batch, LossOutput
from encodery.config import Config
from encodery.model.heads import Model
from encodery.model.soft_targets import soft_target_loss
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.masked import MaskedConfig

PROJECTION = "projection"
"""The student's module that brings its hidden states to the teacher's width, where the two differ: it is trained and
in checkpoints, but no part of the model that is saved."""
TERMS = ("ce", "mlm", "cos")


class DistillConfig(Config):
    """What the three terms of the loss weigh, and on which tokens they are taken."""

    alpha_ce: float = Field(default=5.0, ge=0.0)
    """Of the soft targets; 0 leaves a term out."""
    alpha_mlm: float = Field(default=2.0, ge=0.0)
    """Of masked LM."""
    alpha_cos: float = Field(default=1.0, ge=0.0)
    """Of one minus the cosine of the last hidden states, over all tokens."""
    temperature: float = Field(default=2.0, gt=0.0)
    """Both distributions are softened by it (Hinton et al. 2015, section 2)."""
    scored: Literal["all", "masked"] = "all"
    """Soft targets for all tokens, or for the masked ones alone, which is much less work (`restrict_ce_to_mask`)."""
    mlm: MaskedConfig = MaskedConfig()
    short_sequence_probability: float = Field(default=0.1, ge=0.0, le=1.0)
    """How often a stretch of text is cut in two short sequences."""

    @model_validator(mode="after")
    def _something_is_learned(self) -> "DistillConfig":
        if not (self.alpha_ce or self.alpha_mlm or self.alpha_cos):
            raise ValueError("alpha_ce, alpha_mlm and alpha_cos are all 0, so that nothing is learned; raise one")
        return self

    @property
    def text(self) -> ObjectiveConfig:
        """Which text comes when and what is hidden in it: as in pretraining without pairs."""
        return ObjectiveConfig(mlm=self.mlm, nsp=False, short_sequence_probability=self.short_sequence_probability)


class Teacher:
    """A model that is only asked: frozen, without dropout, its weights and products in bfloat16 if that is wanted."""

    def __init__(self, model: Model, precision: Literal["fp32", "bf16"], device: torch.device) -> None:
        """Takes the model over: it is moved, and no longer trained."""
        self.model = model.requires_grad_(False).eval().to(device)
        self._bf16 = precision == "bf16"
        if self._bf16:
            self.model.to(torch.bfloat16)

    @torch.no_grad()
    def hidden(self, batch: Batch, rows: Int[Tensor, " rows"] | None = None) -> Float[Tensor, "rows hidden"]:
        """Last hidden states, of all tokens or of some, whatever precision the caller is at."""
        with self._precision(batch.input_ids):
            hidden: Tensor = self.model.encoder(batch, rows)
        return hidden

    @torch.no_grad()
    def vocabulary(
        self, hidden: Float[Tensor, "rows hidden"]
    ) -> tuple[Float[Tensor, "rows hidden"], Float[Tensor, "vocabulary hidden"], Float[Tensor, " vocabulary"]]:
        """What its logits are a product of: hidden states behind the head's transform, weight and bias."""
        head: Any = self.model.heads["mlm"]
        weight, bias = head.output()
        with self._precision(hidden):
            return head.transform(hidden.to(weight.dtype)), weight, bias

    def _precision(self, beside: Tensor) -> AbstractContextManager[Any]:
        return torch.autocast(beside.device.type, torch.bfloat16, enabled=self._bf16)


class Distillation:
    """The triple loss, over batches as `Pretraining` makes them. The student needs the head `mlm`."""

    def __init__(self, config: DistillConfig, teacher: Teacher) -> None:
        self.config = config
        self.teacher = teacher
        self._alphas = dict(zip(TERMS, (config.alpha_ce, config.alpha_mlm, config.alpha_cos), strict=True))

    def counts(self, batch: Batch) -> dict[str, int]:
        """How many tokens each term of the loss scores."""
        assert batch.labels is not None
        soft = batch.num_tokens if self.config.scored == "all" else len(batch.labels)
        counts = {"ce": soft, "mlm": len(batch.labels), "cos": batch.num_tokens}
        return {name: counts[name] for name in self._terms()}

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """Sums of the terms over the batch; where no gradient is asked for, of the first two whatever they weigh."""
        assert batch.label_index is not None
        assert batch.labels is not None
        terms, softly = self._terms(), self.config.scored
        reads_all = "cos" in terms or ("ce" in terms and softly == "all")
        rows = None if reads_all else batch.label_index
        masked = batch.label_index if reads_all else slice(None)
        hidden = model.encoder(batch, rows)
        head: Any = model.heads["mlm"]
        losses: dict[str, Tensor] = {}
        right = torch.zeros(())
        if "mlm" in terms:
            losses["mlm"], right = head.loss(hidden[masked], batch.labels)
        if terms != ["mlm"]:
            taught = self.teacher.hidden(batch, rows)
            if "ce" in terms:
                scored = slice(None) if softly == "all" else masked
                losses["ce"] = self._soft(head, hidden[scored], taught[scored])
            if "cos" in terms:
                losses["cos"] = cosine_loss(projected(model, hidden), taught)
        counts = self.counts(batch)
        metrics = {f"{name}_loss": (float(losses[name].detach()), float(counts[name])) for name in terms}
        if "mlm" in terms:
            metrics["mlm_accuracy"] = (float(right), float(counts["mlm"]))
        return LossOutput({name: self._alphas[name] * loss for name, loss in losses.items()}, metrics)

    def _terms(self) -> list[str]:
        """The terms that are computed: those that weigh something, and on held-out text what costs no projection."""
        return [name for name in TERMS if self._alphas[name] or (name != "cos" and not torch.is_grad_enabled())]

    def _soft(
        self, head: Any, hidden: Float[Tensor, "rows hidden"], taught: Float[Tensor, "rows teacher_hidden"]
    ) -> Float[Tensor, ""]:
        said = (head.transform(hidden), *head.output())
        return soft_target_loss(said, self.teacher.vocabulary(taught), self.config.temperature)


def cosine_loss(hidden: Float[Tensor, "tokens hidden"], taught: Float[Tensor, "tokens hidden"]) -> Float[Tensor, ""]:
    """One minus the cosine, which is `CosineEmbeddingLoss` with every target 1, summed over the tokens."""
    wide = torch.promote_types(hidden.dtype, torch.float32)
    return (1 - F.cosine_similarity(hidden.to(wide), taught.to(wide), dim=-1)).sum()


def projected(model: Model, hidden: Float[Tensor, "tokens hidden"]) -> Float[Tensor, "tokens teacher_hidden"]:
    """The student's hidden states in the teacher's width."""
    projection: nn.Module | None = getattr(model, PROJECTION, None)
    if projection is None:
        return hidden
    brought: Tensor = projection(hidden)
    return brought


def add_projection(student: Model, teacher_width: int, seed: int) -> None:
    """Give the student what brings its hidden states to the teacher's width; nothing where that is its own."""
    width = student.config.hidden_size
    if width == teacher_width:
        return
    projection = nn.Linear(width, teacher_width)
    with torch.no_grad():
        projection.weight.normal_(0.0, width**-0.5, generator=torch.Generator().manual_seed(seed))
        projection.bias.zero_()
    student.add_module(PROJECTION, projection)


def drop_projection(student: Model) -> None:
    """Take it away again, when training is done."""
    if hasattr(student, PROJECTION):
        delattr(student, PROJECTION)
