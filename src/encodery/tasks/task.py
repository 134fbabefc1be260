"""What training, evaluation and prediction see of a task, whatever it is."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from encodery.batch import Batch, LossOutput
from encodery.data.columns import Fields
from encodery.data.examples import Example
from encodery.errors import UserError
from encodery.families.stated import ProblemType
from encodery.files.records import Record
from encodery.model.forward import Forward
from encodery.model.heads import Model
from encodery.tasks.languages import Languages
from encodery.tasks.metrics import Measurement, scores
from encodery.tasks.windows import Encoded, Reading
from encodery.text.tokenizer import Tokenizer


@runtime_checkable
class Task(Protocol):
    """Records to examples, examples to windows, what the model says of these to predictions in the record form."""

    name: str
    reading: Reading

    @property
    def fields(self) -> type[Fields]:
        """The keys of its records, with the columns that hold them."""

    @staticmethod
    def read(source: str, record: Record, columns: Any) -> Any:
        """A labelled record by its columns (a `fields`) as an example; without columns a record to predict for.

        Raises:
            UserError: it is no record of this task; begins with `source`.
        """

    def encode(self, example: Any) -> Encoded:
        """Raises `UserError` if the example is none of the task's; names its file and line."""

    def outputs(self, model: Forward, batch: Batch) -> list[Any]:
        """What the model says of each sequence of a batch, small enough to be kept."""

    def decode(self, example: Any, encoded: Encoded, outputs: Sequence[Any]) -> dict[str, Any]:
        """The prediction for an example, from the outputs of all its windows."""


@runtime_checkable
class Trainable(Task, Protocol):
    """A task that can be learned, and whose predictions can be compared with what is true."""

    heads: ClassVar[tuple[str, ...]]
    """Those that the model must have."""

    @property
    def headline(self) -> tuple[str, ...]:
        """The scores that are shown while training, the one that matters most first."""

    @property
    def info(self) -> dict[str, Any]:
        """What a model folder must remember of the task beside its `config.json`."""

    def counts(self, batch: Batch) -> Mapping[str, float]:
        """How many items each loss term scores."""

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """Each term's loss, summed over the items it scores."""

    def measure(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Any]) -> Measurement:
        """What each prediction was worth; the `headline` is among its figures."""

    def score(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Any]) -> dict[str, Any]:
        """The figures of `measure` by name, and what else there is to tell. A task that derives from this protocol
        may leave it at the figures."""
        return dict(scores(self.measure(predictions, examples)))

    def record(self, example: Any) -> dict[str, Any]:
        """The input and what is true, beside which a prediction is written down."""


@runtime_checkable
class Tunable(Trainable, Protocol):
    """A task that decides something by a threshold which dev data may set when training is done."""

    def tuned(self, predict: Callable[[Any, Sequence[Any]], list[dict[str, Any]]], examples: Sequence[Any]) -> Any:
        """The task with the threshold that is best for these examples; `predict` is for it and any like it."""


@runtime_checkable
class Saved(Protocol):
    """A task of which other tools look for files beside the model."""

    def save(self, folder: Path, hidden_size: int) -> None:
        """Write them into a model folder."""


@runtime_checkable
class Learned(Protocol):
    """What a training file says of a task: what there is to predict."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the head's outputs; none where these are the same for every data set."""

    @property
    def problem_type(self) -> ProblemType | None:
        """What `config.json` calls the outputs of a sequence head."""


@runtime_checkable
class TaskConfig(Protocol):
    """The `task` table of a recipe."""

    @property
    def kind(self) -> type[Trainable]:
        """The task itself."""

    def learn(self, train: Sequence[Any], file: str, key: str) -> Learned:
        """What the training examples of a file say of the task.

        Raises:
            UserError: nothing can be learned from them, or not what this table says; begins with `file` or `key`.
        """

    def task(self, tokenizer: Tokenizer, learned: Any, languages: Languages) -> Trainable:
        """The task for a model's tokenizer."""


def check_single(example: Example, task: str) -> None:
    """Raises `UserError` if an example is a pair."""
    if example.text_pair is not None:
        raise UserError(f"{example.source}: text_pair is no part of a {task} record; only text is")
