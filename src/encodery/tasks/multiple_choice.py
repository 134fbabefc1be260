"""Multiple choice: which of some texts goes with a text, by one number for each pair of the two.

The pairs of an example stay together in training (`packed.Sequence.continues`), for the loss is a softmax over them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from encodery.batch import Batch, LossOutput
from encodery.data.choices import ChoiceExample, ChoiceFields, input_choice, read_choice
from encodery.files.records import Record
from encodery.model.forward import Forward
from encodery.model.heads import Model
from encodery.tasks.class_errors import confusion_matrix
from encodery.tasks.judging import Doubt, Judgement, Matrix
from encodery.tasks.languages import Languages
from encodery.tasks.metrics import Sums, scores
from encodery.tasks.metrics.ratios import ratio
from encodery.tasks.windows import Encoded, Reading, read_windows
from encodery.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Choices:
    """Nothing is learned of a data set: choices have no names, and there may be any number of them."""

    labels: ClassVar[tuple[str, ...]] = ()
    problem_type: ClassVar[None] = None


@dataclass(frozen=True)
class EncodedChoices(Encoded):
    """The windows of all choices, one choice after the other."""

    choices: tuple[Encoded, ...] = ()

    @property
    def is_long(self) -> bool:
        return any(choice.is_long for choice in self.choices)

    def logits(self, outputs: Sequence[Float[Tensor, " 1"]]) -> Float[Tensor, " choices"]:
        """One number for each choice: the mean over its windows."""
        logits = iter(outputs)
        parts = [[*islice(logits, len(choice.windows))] for choice in self.choices]
        return torch.cat([choice.mean(part) for choice, part in zip(self.choices, parts, strict=True)])


class MultipleChoice:
    """Predictions are `{"label", "choice", "score", "scores"}`: the place of the best choice, it, and probabilities.

    The longer one of text and choice slides; the logit of a choice is the mean of its windows' logits, each weighted
    by the tokens that belong to it, in training, too.
    """

    name = "multiple-choice"
    heads: ClassVar[tuple[str, ...]] = ("choice",)
    headline = ("accuracy",)
    fields = ChoiceFields

    def __init__(self, tokenizer: Tokenizer, reading: Reading, languages: Languages | None = None) -> None:
        self.tokenizer = tokenizer
        self.reading = reading
        self.languages = languages or Languages()

    @staticmethod
    def read(source: str, record: Record, columns: ChoiceFields | None) -> ChoiceExample:
        """A labelled record by its columns; without columns a record to predict for."""
        return input_choice(source, record) if columns is None else read_choice(source, record, columns)

    @property
    def info(self) -> dict[str, Any]:
        """What a model folder must remember."""
        return {"task": self.name, **self.reading.info}

    def encode(self, example: ChoiceExample) -> EncodedChoices:
        """Each choice with the text, in windows.

        Raises:
            UserError: the language is not one of the model's; names the file and line.
        """
        language_id = self.languages.id_of(example)
        parts = tuple(
            read_windows(self.tokenizer, self.reading, example.text, choice, example.source, language_id)
            for choice in example.choices
        )
        if example.label is not None:
            parts = tuple(_labelled(part, place, example.label) for place, part in enumerate(parts))
        windows = tuple(window for part in parts for window in part.windows)
        return EncodedChoices(windows, any(part.truncated for part in parts), parts[0].cut, parts)

    def counts(self, batch: Batch) -> dict[str, int]:
        """Every example is scored."""
        return {"choices": len(batch.example_bounds) - 1}

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """Cross entropy of each example's choices, summed over the examples."""
        logits, targets = self._logits(model, batch)
        loss = F.cross_entropy(logits, targets, reduction="sum")
        hits, count = float((logits.argmax(-1) == targets).sum()), float(len(targets))
        return LossOutput({"choices": loss}, {"loss": (loss.item(), count), "accuracy": (hits, count)})

    def _logits(
        self, model: Model, batch: Batch
    ) -> tuple[Float[Tensor, "examples choices"], Int[Tensor, " examples"]]:
        """Of each example's choices, -inf where there are fewer than others have, and the place of the right one."""
        assert batch.sequence_labels is not None
        choice, share, right = batch.sequence_labels.unbind(1)
        sizes = batch.example_bounds.diff().to(choice.device)
        places = (torch.repeat_interleave(torch.arange(len(sizes), device=choice.device), sizes), choice.long())
        shape = (len(sizes), int(choice.max()) + 1)
        weighted = model.logits("choice", batch).float()[:, 0] * share
        logits = weighted.new_zeros(shape).index_put(places, weighted, accumulate=True)
        there = torch.zeros(shape, dtype=torch.bool, device=choice.device).index_put(places, share > 0)
        return logits.masked_fill(~there, -torch.inf), right[batch.example_bounds[:-1].long()].long()

    def outputs(self, model: Forward, batch: Batch) -> list[Float[Tensor, " 1"]]:
        """The logit of each sequence."""
        return list(model.logits("choice", batch).float().cpu())

    def decode(
        self, example: ChoiceExample, encoded: Encoded, outputs: Sequence[Float[Tensor, " 1"]]
    ) -> dict[str, Any]:
        """The best choice, the first of equal ones."""
        assert isinstance(encoded, EncodedChoices)
        scores = torch.softmax(encoded.logits(outputs).double(), -1).tolist()
        best = scores.index(max(scores))
        return {"label": best, "choice": example.choices[best], "score": scores[best], "scores": scores}

    def measure(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[ChoiceExample]) -> Sums:
        """How often the best choice is the right one."""
        pairs = zip(predictions, examples, strict=True)
        hits = [[float(prediction["label"] == example.label), 1.0] for prediction, example in pairs]
        return Sums(np.array(hits).reshape(-1, 2), lambda sums: {"accuracy": ratio(sums[:, 0], sums[:, 1])})

    def score(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[ChoiceExample]) -> dict[str, Any]:
        """The figures of `measure`."""
        return dict(scores(self.measure(predictions, examples)))

    def labels_of(self, example: ChoiceExample) -> tuple[str, ...]:
        """None: a choice is a text of its example, not one of a set of labels."""
        return ()

    def judge(self, prediction: Mapping[str, Any], example: ChoiceExample) -> Judgement:
        """The best choice beside the right one; its error is what the right one's probability lacks to 1."""
        assert example.label is not None
        names = [f"{place}: {choice}" for place, choice in enumerate(example.choices)]
        scores = dict(zip(names, prediction["scores"], strict=True))
        said, right = names[prediction["label"]], names[example.label]
        return Judgement(example.text, said, right, 0.0 if said == right else 1.0 - scores[right], scores)

    def matrices(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[ChoiceExample]) -> list[Matrix]:
        """Whether some places are chosen too often."""
        places = [str(place) for place in range(max((len(example.choices) for example in examples), default=0))]
        said = [prediction["label"] for prediction in predictions]
        right = [example.label for example in examples if example.label is not None]
        caption = "Choices by their place, from 0: the right one (rows) and the one chosen"
        return [replace(confusion_matrix(said, right, places), caption=caption)] if examples else []

    def doubts(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[ChoiceExample]) -> list[Doubt]:
        """None: places are no classes that could be confused for their meaning."""
        return []

    def record(self, example: ChoiceExample) -> dict[str, Any]:
        """The input and what is true, beside which a prediction is written down."""
        return {"text": example.text, "choices": list(example.choices), "true": example.label}


def _labelled(part: Encoded, place: int, right: int) -> Encoded:
    """Each window of a choice with what the loss needs: which choice it is of, its share of it, the right choice."""
    whole = sum(window.num_own for window in part.windows)
    windows = []
    for number, window in enumerate(part.windows):
        label = [float(place), window.num_own / whole if len(part.windows) > 1 else 1.0, float(right)]
        continues = place > 0 or number > 0
        windows.append(replace(window, sequence=replace(window.sequence, label=label, continues=continues)))
    return replace(part, windows=tuple(windows))


class MultipleChoiceConfig(Reading):
    """The `task` table of a recipe for multiple choice."""

    type: Literal["multiple-choice"]
    kind: ClassVar = MultipleChoice

    def learn(self, train: Sequence[ChoiceExample], file: str, key: str) -> Choices:
        """Nothing: choices have no names."""
        return Choices()

    def task(self, tokenizer: Tokenizer, learned: Choices, languages: Languages) -> MultipleChoice:
        """The task for a model's tokenizer."""
        return MultipleChoice(tokenizer, self, languages)
