"""Text classification: one text or a pair, one label each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional as F

from encodery import batch as packed
from encodery.batch import Batch, LossOutput
from encodery.config import Config
from encodery.data.examples import Example
from encodery.errors import UserError
from encodery.model.heads import Model
from encodery.tasks.metrics import classification_scores
from encodery.text.tokenizer import Tokenizer

MIN_SEQLEN = 4
"""A pair's three special tokens and one token of text."""


class TextClassificationConfig(Config):
    """The `task` table of a recipe for text classification."""

    type: Literal["text-classification"] = "text-classification"
    labels: tuple[str, ...] | None = Field(default=None, min_length=2)
    """The classes in the order of the logits; those of the training file, sorted, if not given."""
    max_seqlen: int = Field(default=128, ge=MIN_SEQLEN)

    @model_validator(mode="after")
    def _labels_differ(self) -> "TextClassificationConfig":
        for label in self.labels or ():
            if (self.labels or ()).count(label) > 1:
                raise ValueError(f"labels = {self.labels} repeats {label!r}")
        return self


@dataclass(frozen=True)
class Encoded:
    """An example ready to be packed; `truncated` if its text did not fit."""

    sequence: packed.Sequence
    truncated: bool


class TextClassification:
    """Encodes, scores and decodes; the same object trains, evaluates and predicts."""

    name = "text-classification"
    heads = ("sequence",)

    def __init__(self, tokenizer: Tokenizer, labels: Sequence[str], max_seqlen: int) -> None:
        self.tokenizer = tokenizer
        self.labels = tuple(labels)
        self.max_seqlen = max_seqlen
        self._index = {label: index for index, label in enumerate(self.labels)}

    def encode(self, example: Example) -> Encoded:
        """Token ids of the text or pair, cut from the longer side where it does not fit.

        Raises:
            UserError: the label is not one of the task's; names the file and line.
        """
        label = None
        if example.label is not None:
            if example.label not in self._index:
                raise UserError(
                    f"{example.source}: label {example.label!r} is not among the labels of the training data "
                    f"({', '.join(map(repr, self.labels))}); correct it, or list every label in task.labels"
                )
            label = self._index[example.label]
        encoding = self.tokenizer.encode(example.text, example.text_pair, max_length=self.max_seqlen)
        sequence = packed.Sequence(encoding.input_ids, encoding.token_type_ids, label)
        return Encoded(sequence, encoding.truncated)

    def counts(self, batch: Batch) -> dict[str, int]:
        """Every sequence is scored."""
        return {"classification": batch.num_sequences}

    def forward(self, model: Model, batch: Batch) -> Float[Tensor, "sequences labels"]:
        """Logits of each sequence."""
        return model.logits("sequence", batch)

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """Cross entropy summed over the sequences."""
        labels = batch.sequence_labels
        assert labels is not None
        logits = self.forward(model, batch).float()
        loss = F.cross_entropy(logits, labels, reduction="sum")
        hits = int((logits.argmax(-1) == labels).sum())
        count = float(batch.num_sequences)
        return LossOutput({"classification": loss}, {"loss": (loss.item(), count), "accuracy": (float(hits), count)})

    def decode(self, logits: Float[Tensor, "sequences labels"]) -> list[dict[str, Any]]:
        """Predictions in the record form: `label`, its `score`, and the `scores` of all labels."""
        predictions = []
        for row in torch.softmax(logits.float(), -1).tolist():
            best = max(range(len(row)), key=row.__getitem__)
            scores = dict(zip(self.labels, row, strict=True))
            predictions.append({"label": self.labels[best], "score": row[best], "scores": scores})
        return predictions

    def score(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Example]) -> dict[str, Any]:
        """Accuracy, macro F1, Matthews correlation and the figures of each label."""
        predicted = [self._index[prediction["label"]] for prediction in predictions]
        true = [self._index[example.label] for example in examples if example.label is not None]
        return classification_scores(predicted, true, self.labels)


def labels_of(examples: Sequence[Example], source: str) -> tuple[str, ...]:
    """The distinct labels of training examples, sorted.

    Raises:
        UserError: fewer than two.
    """
    labels = tuple(sorted({example.label for example in examples if example.label is not None}))
    if len(labels) < 2:
        raise UserError(
            f"{source}: {len(labels)} distinct labels ({', '.join(labels)}); classification needs two or more"
        )
    return labels
