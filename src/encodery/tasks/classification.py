"""Text classification: one text or a pair, and what its `Problem` makes of the logits: a class, several, a number."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from encodery.batch import Batch, LossOutput
from encodery.config import Config
from encodery.data.examples import Example
from encodery.families.folder import ProblemType
from encodery.model.heads import Model
from encodery.tasks.class_weights import ClassWeights
from encodery.tasks.languages import Languages
from encodery.tasks.problems import Problem
from encodery.tasks.task import MIN_SEQLEN, Encoded, encode_text
from encodery.text.tokenizer import Tokenizer


class TextClassificationConfig(Config):
    """The `task` table of a recipe for text classification."""

    type: Literal["text-classification"] = "text-classification"
    problem_type: ProblemType | None = None
    """What a label is; where not given, the training file says: text, lists, or numbers with a fraction."""
    labels: tuple[str, ...] | None = Field(default=None, min_length=1)
    """The names of the logits in their order; the classes of the training file, sorted, if not given."""
    max_seqlen: int = Field(default=128, ge=MIN_SEQLEN)
    language: str | None = None
    """The language of texts that do not say theirs, by the names of the model's `lang2id`."""
    class_weights: ClassWeights = Field(default=None, exclude_if=lambda weights: weights is None)
    """How much each class counts in the loss: a table by label (1 for those left out), or "balanced"."""
    focal_gamma: float | None = Field(default=None, ge=0.0, le=10.0, exclude_if=lambda gamma: gamma is None)
    """How much less an example counts of which the model is sure already (Lin et al. 2017); they use 2."""

    @model_validator(mode="after")
    def _labels_differ(self) -> "TextClassificationConfig":
        for label in self.labels or ():
            if (self.labels or ()).count(label) > 1:
                raise ValueError(f"labels = {self.labels} repeats {label!r}")
        return self


class TextClassification:
    """Encodes, scores and decodes; the same object trains, evaluates and predicts."""

    name = "text-classification"
    heads: tuple[str, ...] = ("sequence",)

    def __init__(
        self, tokenizer: Tokenizer, problem: Problem, max_seqlen: int, languages: Languages | None = None
    ) -> None:
        self.tokenizer = tokenizer
        self.problem = problem
        self.max_seqlen = max_seqlen
        self.languages = languages or Languages()

    @property
    def info(self) -> dict[str, Any]:
        """What a model folder must remember of the task beside its `config.json`."""
        default = self.languages.default
        return {"task": self.name, "max_seqlen": self.max_seqlen} | ({"language": default} if default else {})

    def read(self, example: Example) -> Any:
        """The example's label as predictions spell it; None if it has none.

        Raises:
            UserError: the label is none of the problem's; names the file and line.
        """
        return None if example.label is None else self.problem.read(example.label, example.source)

    def encode(self, example: Example) -> Encoded:
        """Token ids of the text or pair, cut from the longer side where it does not fit.

        Raises:
            UserError: the label or the language is not one of the task's; names the file and line.
        """
        label = self.read(example)
        target = None if label is None else self.problem.target(label)
        encoded = encode_text(self.tokenizer, self.languages, example, self.max_seqlen)
        return replace(encoded, sequence=replace(encoded.sequence, label=target))

    def counts(self, batch: Batch) -> dict[str, float]:
        """Every sequence is scored, and weighs as much as its class."""
        assert batch.sequence_labels is not None
        return {"classification": self.problem.count(batch.sequence_labels)}

    def forward(self, model: Model, batch: Batch) -> Float[Tensor, "sequences labels"]:
        """Logits of each sequence."""
        return model.logits("sequence", batch)

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """The problem's loss summed over the sequences."""
        assert batch.sequence_labels is not None
        loss, metrics = self.problem.loss(self.forward(model, batch).float(), batch.sequence_labels)
        return LossOutput({"classification": loss}, metrics)

    def decode(self, logits: Float[Tensor, "sequences labels"]) -> list[dict[str, Any]]:
        """Predictions in the record form: `label`, its `score`, and the `scores` of all labels."""
        return self.problem.decode(logits.float())

    def predict(self, model: Model, batch: Batch) -> list[dict[str, Any]]:
        """One prediction per sequence."""
        return self.decode(self.forward(model, batch))

    def score(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Example]) -> dict[str, Any]:
        """The problem's metrics."""
        true = [self.read(example) for example in examples if example.label is not None]
        return self.problem.score([prediction["label"] for prediction in predictions], true)
