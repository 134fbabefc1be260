"""Records in, predictions out: the one path that evaluation, the command line and (later) the server share."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float32

from encodery import batch as packed
from encodery.batch import pack
from encodery.data.translations import TranslationFields
from encodery.deploy.bundle import is_bundle, load_bundle
from encodery.deploy.packed_engine import PackedEngine
from encodery.deploy.torch_engine import TorchEngine
from encodery.errors import UserError
from encodery.families.adapter import is_adapter, load_adapted
from encodery.families.folder import ModelFolder, load_folder
from encodery.model.forward import Forward
from encodery.model.search import GenerationConfig
from encodery.model.translator import HEAD
from encodery.serve.asked import Asked
from encodery.serve.grouping import group_by_length
from encodery.tasks.classification import TextClassification
from encodery.tasks.directions import Directions
from encodery.tasks.embedding import FeatureExtraction
from encodery.tasks.fill_mask import FillMask
from encodery.tasks.languages import Languages
from encodery.tasks.multiple_choice import MultipleChoice
from encodery.tasks.next_sentence import NextSentence
from encodery.tasks.pooling import Pooling, read_pooling
from encodery.tasks.problems import make_problem
from encodery.tasks.question_answering import QuestionAnswering, read_answering
from encodery.tasks.task import Task
from encodery.tasks.token_classification import TokenClassification, read_tags
from encodery.tasks.translation import Translation
from encodery.tasks.windows import Encoded, Reading

Result = TypeVar("Result")
Results = Callable[[Sequence[str | Mapping[str, Any]], list[dict[str, Any]]], list[dict[str, Any]]]
"""Records and their predictions as a list of these that does more than a list."""
TOKENS_AT_ONCE = 1 << 19
"""Of so many tokens the outputs are kept until they are decoded: memory does not grow with the number of records."""


@dataclass(frozen=True)
class Prepared:
    """A record that was read and cut into windows by `Predictor.prepare`, ready for the model."""

    task: Task
    example: Any
    encoded: Encoded

    @property
    def sequences(self) -> list[packed.Sequence]:
        """What the model reads of it."""
        return self.encoded.sequences

    @property
    def num_tokens(self) -> int:
        """Tokens of all its windows."""
        return sum(sequence.num_tokens for sequence in self.sequences)

    def decode(self, outputs: Sequence[Any]) -> dict[str, Any]:
        """The prediction, from what the model says of each of the `sequences`."""
        decoded = self.task.decode(self.example, self.encoded, outputs)
        return decoded | ({"truncated": True} if self.encoded.truncated else {})


class Predictor:
    """A model with its task. Predictions come in the order of the records, whatever the batches."""

    def __init__(
        self,
        folder: ModelFolder,
        task: Task,
        max_tokens: int = 8192,
        embedding: FeatureExtraction | None = None,
        results: Results | None = None,
        engine: Forward | None = None,
    ) -> None:
        """`embedding` is what `embed` does; the mean of a text's tokens if not given. `results` makes what `predict`
        returns; a plain list if not given. `engine` computes; the folder's model by PyTorch if not given."""
        self.folder = folder
        self.engine = engine or TorchEngine(folder.model)
        self.task = task
        self.max_tokens = max_tokens
        self.embedding = embedding or FeatureExtraction(folder.tokenizer, Pooling(), task.reading)
        self.results = results

    def predict(self, records: Iterable[str | Mapping[str, Any]]) -> list[dict[str, Any]]:
        """One prediction per record; a record is a mapping with the keys of the task, or a text alone.

        A text that is longer than the model reads at once is read in windows; where some of it was left out, the
        prediction is marked `"truncated": true`.

        Raises:
            UserError: a record without text, with a key that no record has or in a language that the model does not
                know; names its number.
        """
        if self.results is None:
            return self.predict_examples(to_examples(self.task, records))
        records = [*records]  # a generator gives them once, and the results want them, too
        return self.results(records, self.predict_examples(to_examples(self.task, records)))

    def predict_examples(self, examples: Iterable[Any]) -> list[dict[str, Any]]:
        """One prediction per example."""
        return list(self._computed(self.task, examples, Prepared.decode))

    def prepare(self, record: str | Mapping[str, Any], source: str, task: Task | None = None) -> Prepared:
        """A record read and cut into windows, for this model's task or another one (`self.embedding`).

        What `predict` does for many records in one call, a server does in three for the records of many callers:
        `prepare`, `outputs` of the sequences of all of them, and `Prepared.decode`.

        Raises:
            UserError: it is no record of the task; begins with `source`.
        """
        task = task or self.task
        example = to_example(task, record, source)
        return Prepared(task, example, task.encode(example))

    def outputs(self, task: Task, sequences: Sequence[packed.Sequence]) -> list[Any]:
        """What the model says of each sequence, computed batch by batch."""
        results = dict(chain.from_iterable(self.computed(task, sequences)))
        return [results[index] for index in range(len(sequences))]

    def computed(self, task: Task, sequences: Sequence[packed.Sequence]) -> Iterator[list[tuple[int, Any]]]:
        """The same as it comes: the place of each sequence of a batch with what the model says of it."""
        mixed = isinstance(self.engine, PackedEngine)
        for indices in group_by_length(sequences, self.max_tokens, mixed):
            batch = pack([sequences[index] for index in indices])
            yield list(zip(indices, task.outputs(self.engine, batch), strict=True))

    def embed(self, records: Iterable[str | Mapping[str, Any]]) -> Float32[np.ndarray, "records hidden"]:
        """A vector for each text, whatever the model's task. An array cannot mark texts that were cut: where the
        model's folder wants that, a warning says of how many.

        Raises:
            UserError: as `predict`, and for a record that is a pair.
        """
        task = self.embedding
        cut = 0

        def row(prepared: Prepared, outputs: list[Any]) -> Float32[np.ndarray, " hidden"]:
            nonlocal cut
            cut += prepared.encoded.truncated
            vector: np.ndarray = task.vector(prepared.encoded, outputs).numpy()
            return vector

        rows = list(self._computed(task, to_examples(task, records), row))
        if cut:
            warnings.warn(
                f"{cut} of {len(rows)} texts are cut at max_seqlen = {task.reading.max_seqlen}, for on_overflow is "
                '"truncate" in encodery.json; "window" there reads all of them',
                stacklevel=2,
            )
        return np.stack(rows) if rows else np.empty((0, self.folder.model.config.hidden_size), np.float32)

    def _computed(
        self, task: Task, examples: Iterable[Any], decode: Callable[[Prepared, list[Any]], Result]
    ) -> Iterator[Result]:
        """A result for each example, so many examples at a time as `TOKENS_AT_ONCE` allows."""
        waiting: list[Prepared] = []
        tokens = 0
        for example in examples:
            waiting.append(Prepared(task, example, task.encode(example)))
            tokens += waiting[-1].num_tokens
            if tokens > TOKENS_AT_ONCE:
                yield from self._decoded(task, waiting, decode)
                waiting, tokens = [], 0
        yield from self._decoded(task, waiting, decode)

    def _decoded(
        self, task: Task, waiting: Sequence[Prepared], decode: Callable[[Prepared, list[Any]], Result]
    ) -> Iterator[Result]:
        outputs = iter(self.outputs(task, [sequence for prepared in waiting for sequence in prepared.sequences]))
        for prepared in waiting:
            yield decode(prepared, list(islice(outputs, len(prepared.sequences))))


def load(
    path: str | Path, results: Results | None = None, threads: int | None = None, asked: Asked | None = None
) -> Predictor:
    """A predictor from a model folder or a bundle; its task is that of its head: classification, fill-mask, next
    sentence, else embeddings. `results` as in `Predictor`; `threads` in the place of those that a bundle was exported
    for; `asked` of a model that translates.

    Raises:
        UserError: the folder is missing, damaged, or holds a model whose head has no task here, or none that can be
            asked so.
    """
    path = Path(path)
    engine: Forward | None = None
    if is_bundle(path):
        bundle = load_bundle(path, threads)
        folder, engine = bundle.folder, bundle.engine
    else:
        folder = load_adapted(path) if is_adapter(path) else load_folder(path)
    reading = read_reading(folder, f"{path}/encodery.json")
    languages = Languages(folder.languages, reading.language)
    languages.check_default(f"{path}/encodery.json: language")
    pooling = read_pooling(path)
    shorter = reading.model_copy(update={"max_seqlen": min(reading.max_seqlen, pooling.max_seqlen or 1 << 30)})
    embedding = FeatureExtraction(folder.tokenizer, pooling, shorter, languages)
    task = (asked or Asked()).task(_task(folder, path, reading, languages) or embedding, path)
    return Predictor(folder, task, embedding=embedding, results=results, engine=engine)


def read_reading(folder: ModelFolder, source: str) -> Reading:
    """How long texts are read, as `encodery.json` says, and at most as long as the model's positions.

    Raises:
        UserError: a value there is not allowed; begins with `source`.
    """
    longest = folder.model.config.num_positions
    keys = Reading.model_fields.keys() & folder.info.keys()
    stated = {"max_seqlen": longest, **{key: folder.info[key] for key in keys}}
    reading = Reading.parse(stated, source)
    return reading.model_copy(update={"max_seqlen": min(reading.max_seqlen, longest)})


def _task(folder: ModelFolder, path: Path, reading: Reading, languages: Languages) -> Task | None:
    """The task of a folder's head; None without one."""
    heads = set(folder.model.heads)
    tokenizer = folder.tokenizer
    if "sequence" in heads:
        problem = make_problem(folder.what_labels_are, folder.labels, str(path))
        return TextClassification(tokenizer, problem, reading, languages)
    if "token" in heads:
        return TokenClassification(tokenizer, read_tags(folder, path), reading, languages)
    if "span" in heads:
        return QuestionAnswering(tokenizer, read_answering(folder, path), reading, languages)
    if HEAD in heads:
        return _translation(folder, path, reading, languages)
    if "choice" in heads:
        return MultipleChoice(tokenizer, reading, languages)
    if "mlm" in heads:
        return FillMask(tokenizer, reading, languages)
    if "nsp" in heads:
        return NextSentence(tokenizer, reading, languages)
    if heads:
        raise UserError(
            f"{path}: there is no task here yet for a model with the head {', '.join(sorted(heads))}; those for "
            "sequence and token classification, question answering by spans, multiple choice, masked LM, next "
            "sentence prediction and plain features can predict"
        )
    return None


def _hint(task: Task, unknown: Sequence[str]) -> str:
    """Where a translation was asked of another task, what translates."""
    if not {*TranslationFields.keys()}.issuperset(unknown):
        return ""
    return (
        f'; this model does {task.name} and has no decoder; a model trained by task.type = "translation" translates'
    )


def _translation(folder: ModelFolder, path: Path, reading: Reading, languages: Languages) -> Translation:
    source = f"{path}/encodery.json"
    generation = GenerationConfig.parse(folder.info.get("generation", {}), f"{source}: generation")
    return Translation(folder.tokenizer, Directions.read(folder.info, source), reading, languages, generation)


def to_examples(task: Task, records: Iterable[str | Mapping[str, Any]]) -> Iterator[Any]:
    """Input records as examples of a task, each named by its number."""
    return (to_example(task, record, f"record {number}") for number, record in enumerate(records, start=1))


def to_example(task: Task, record: str | Mapping[str, Any], source: str) -> Any:
    """An input record as an example; what is to be predicted is passed over where the record has it.

    Raises:
        UserError: no text, a value that is no text, or an unknown key; begins with `source`.
    """
    values = {"text": record} if isinstance(record, str) else dict(record)
    allowed = task.fields.keys()
    if unknown := sorted(values.keys() - allowed):
        raise UserError(f"{source}: unknown key {unknown[0]!r}; allowed: {', '.join(allowed)}{_hint(task, unknown)}")
    return task.read(source, values, None)
