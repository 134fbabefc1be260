"""Text classification: one text or a pair, and what its `Problem` makes of the logits: a class, several, a number."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from encodery.batch import Batch, LossOutput
from encodery.data.examples import Example, ExampleFields, input_example, read_example
from encodery.families.stated import ProblemType
from encodery.files.records import Record
from encodery.model.forward import Forward
from encodery.model.heads import Model
from encodery.tasks.class_errors import error_of, in_words
from encodery.tasks.class_weights import ClassWeights, emphasised
from encodery.tasks.judging import Doubt, Judgement, Matrix
from encodery.tasks.languages import Languages
from encodery.tasks.losses import DECISIONS
from encodery.tasks.metrics import Measurement
from encodery.tasks.problems import PROBLEMS, Problem, infer_problem_type, make_problem
from encodery.tasks.windows import Encoded, Reading, read_windows
from encodery.text.tokenizer import Tokenizer


class TextClassification:
    """Encodes, scores and decodes; the same object trains, evaluates and predicts.

    The logits of a long text are the mean of its windows' logits, each weighted by the tokens that belong to it.
    """

    name = "text-classification"
    heads: ClassVar[tuple[str, ...]] = ("sequence",)
    fields = ExampleFields

    def __init__(
        self, tokenizer: Tokenizer, problem: Problem, reading: Reading, languages: Languages | None = None
    ) -> None:
        self.tokenizer = tokenizer
        self.problem = problem
        self.reading = reading
        self.languages = languages or Languages()
        self.headline = problem.headline

    @staticmethod
    def read(source: str, record: Record, columns: ExampleFields | None) -> Example:
        """A labelled record by its columns; without columns a record to predict for."""
        return input_example(source, record) if columns is None else read_example(source, record, columns, True)

    @property
    def info(self) -> dict[str, Any]:
        """What a model folder must remember of the task beside its `config.json`."""
        return {"task": self.name, **self.reading.info}

    def label_of(self, example: Example) -> Any:
        """The example's label as predictions spell it; None if it has none.

        Raises:
            UserError: the label is none of the problem's; names the file and line.
        """
        return None if example.label is None else self.problem.read(example.label, example.source)

    def encode(self, example: Example) -> Encoded:
        """The text or pair in windows over the longer of the two, each with the label.

        Raises:
            UserError: the label or the language is not one of the task's; names the file and line.
        """
        label = self.label_of(example)
        encoded = read_windows(
            self.tokenizer,
            self.reading,
            example.text,
            example.text_pair,
            example.source,
            self.languages.id_of(example),
        )
        return encoded if label is None else encoded.labelled(self.problem.target(label))

    def counts(self, batch: Batch) -> dict[str, float]:
        """Every sequence is scored, and weighs as much as its class."""
        assert batch.sequence_labels is not None
        return {"classification": self.problem.count(batch.sequence_labels)}

    def forward(self, model: Forward, batch: Batch) -> Float[Tensor, "sequences labels"]:
        """Logits of each sequence."""
        return model.logits(self.heads[0], batch).float()

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """The problem's loss summed over the sequences."""
        return self.loss_of(self.forward(model, batch), batch)

    def loss_of(self, logits: Float[Tensor, "sequences labels"], batch: Batch) -> LossOutput:
        """The same of logits that are there."""
        assert batch.sequence_labels is not None
        loss, metrics = self.problem.loss(logits, batch.sequence_labels)
        return LossOutput({"classification": loss}, metrics)

    def decisions(
        self, logits: Float[Tensor, "sequences labels"], batch: Batch
    ) -> Float[Tensor, "decisions outcomes"]:
        """The class of each sequence, or of each class whether it holds; a number is no decision."""
        return DECISIONS[self.problem.problem_type](logits)

    def outputs(self, model: Forward, batch: Batch) -> list[Float[Tensor, " labels"]]:
        """The logits of each sequence."""
        return list(self.forward(model, batch).cpu())

    def decode(
        self, example: Example, encoded: Encoded, outputs: Sequence[Float[Tensor, " labels"]]
    ) -> dict[str, Any]:
        """The prediction in the record form: `label`, its `score`, and the `scores` of all labels."""
        return self.problem.decode(encoded.mean(outputs)[None])[0]

    def measure(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Example]) -> Measurement:
        """The problem's measurement."""
        return self.problem.measure(*self._labels(predictions, examples))

    def score(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Example]) -> dict[str, Any]:
        """The problem's metrics."""
        return self.problem.score(*self._labels(predictions, examples))

    def labels_of(self, example: Example) -> tuple[str, ...]:
        """The classes of a text; a number is none."""
        label = self.label_of(example)
        return () if label is None or isinstance(label, float) else (label,) if isinstance(label, str) else (*label,)

    def judge(self, prediction: Mapping[str, Any], example: Example) -> Judgement:
        """One prediction in words; its error is that of `error_of`."""
        true = self.label_of(example)
        text = "\n".join(filter(None, (example.text, example.text_pair)))
        scores = {} if isinstance(true, float) else prediction["scores"]
        error = error_of(prediction, true)
        return Judgement(text, in_words(prediction["label"]), in_words(true), error, scores)

    def matrices(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Example]) -> list[Matrix]:
        """Which label was taken for which."""
        return self.problem.matrices(*self._labels(predictions, examples))

    def doubts(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Example]) -> list[Doubt]:
        """Labels that may be wrong."""
        return self.problem.doubts(predictions, self._labels(predictions, examples)[1])

    def _labels(
        self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Example]
    ) -> tuple[list[Any], list[Any]]:
        """Predicted and true ones."""
        true = [self.label_of(example) for example in examples if example.label is not None]
        return [prediction["label"] for prediction in predictions], true

    def record(self, example: Example) -> dict[str, Any]:
        """The input and what is true, beside which a prediction is written down."""
        return {"text": example.text, "text_pair": example.text_pair, "true": self.label_of(example)}


class TextClassificationConfig(Reading):
    """The `task` table of a recipe for text classification."""

    type: Literal["text-classification"] = "text-classification"
    problem_type: ProblemType | None = None
    """What a label is; where not given, the training file says: text, lists, or numbers with a fraction."""
    labels: tuple[str, ...] | None = Field(default=None, min_length=1)
    """The names of the logits in their order; the classes of the training file, sorted, if not given."""
    class_weights: ClassWeights = Field(default=None, exclude_if=lambda weights: weights is None)
    """How much each class counts in the loss: a table by label (1 for those left out), or "balanced"."""
    focal_gamma: float | None = Field(default=None, ge=0.0, le=10.0, exclude_if=lambda gamma: gamma is None)
    """How much less an example counts of which the model is sure already (Lin et al. 2017); they use 2."""
    kind: ClassVar = TextClassification

    @model_validator(mode="after")
    def _labels_differ(self) -> "TextClassificationConfig":
        for label in self.labels or ():
            if (self.labels or ()).count(label) > 1:
                raise ValueError(f"labels = {self.labels} repeats {label!r}")
        return self

    def learn(self, train: Sequence[Example], file: str, key: str) -> Problem:
        """What the labels are: as this table says, else as the training file has them.

        Raises:
            UserError: they are not clear, or too few; begins with `file` or `key`.
        """
        problem_type = self.problem_type or infer_problem_type(train, file)
        if self.labels:
            problem = make_problem(problem_type, self.labels, f"{key}.labels")
        else:
            problem = make_problem(problem_type, PROBLEMS[problem_type].names(train), file)
        read = [problem.read(example.label, example.source) for example in train if example.label is not None]
        return emphasised(problem, self.class_weights, self.focal_gamma, read, key)

    def task(self, tokenizer: Tokenizer, learned: Problem, languages: Languages) -> TextClassification:
        """The task for a model's tokenizer."""
        return TextClassification(tokenizer, learned, self, languages)
