"""Records in, predictions out: the one path that evaluation, the command line and (later) the server share."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float32

from encodery.batch import Batch, pack
from encodery.data.examples import Example
from encodery.errors import UserError
from encodery.families.adapter import is_adapter, load_adapted
from encodery.families.folder import ModelFolder, load_folder
from encodery.tasks.classification import TextClassification
from encodery.tasks.embedding import FeatureExtraction, Pooling, read_pooling
from encodery.tasks.fill_mask import FillMask
from encodery.tasks.languages import Languages
from encodery.tasks.problems import make_problem
from encodery.tasks.task import MIN_SEQLEN, Encoded, Task

Result = TypeVar("Result")
FIELDS = ("text", "text_pair", "label", "language")


class Predictor:
    """A model with its task. Predictions come in the order of the records, whatever the batches."""

    def __init__(
        self, folder: ModelFolder, task: Task, max_tokens: int = 8192, embedding: FeatureExtraction | None = None
    ) -> None:
        """`embedding` is what `embed` does; the mean of a text's tokens if not given."""
        self.folder = folder
        self.task = task
        self.max_tokens = max_tokens
        self.embedding = embedding or FeatureExtraction(folder.tokenizer, Pooling(), task.max_seqlen)

    def predict(self, records: Sequence[str | Mapping[str, Any]]) -> list[dict[str, Any]]:
        """One prediction per record; a record is a text or a mapping with `text` and perhaps `text_pair`, `language`.

        A text that did not fit into the model's positions is marked `"truncated": true`.

        Raises:
            UserError: a record without text, with a key that no record has or in a language that the model does not
                know; names its number.
        """
        return self.predict_examples(to_examples(records))

    def predict_examples(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """One prediction per example."""
        encoded = [self.task.encode(example) for example in examples]
        predictions = self._compute(encoded, lambda batch: self.task.predict(self.folder.model, batch))
        return [
            prediction | ({"truncated": True} if item.truncated else {})
            for prediction, item in zip(predictions, encoded, strict=True)
        ]

    def embed(self, records: Sequence[str | Mapping[str, Any]]) -> Float32[np.ndarray, "records hidden"]:
        """A vector for each text, whatever the model's task; a text that does not fit is cut.

        Raises:
            UserError: as `predict`, and for a record that is a pair.
        """
        encoded = [self.embedding.encode(example) for example in to_examples(records)]
        model = self.folder.model
        rows = self._compute(encoded, lambda batch: list(self.embedding.forward(model, batch).float().cpu().numpy()))
        return np.stack(rows) if rows else np.empty((0, model.config.hidden_size), np.float32)

    def _compute(self, encoded: Sequence[Encoded], compute: Callable[[Batch], list[Result]]) -> list[Result]:
        """A result for each sequence, computed batch by batch."""
        results: dict[int, Result] = {}
        model = self.folder.model
        was_training = model.training
        model.eval()
        device = next(model.parameters()).device
        with torch.inference_mode():
            for indices in group_by_length(encoded, self.max_tokens):
                batch = pack([encoded[index].sequence for index in indices]).to(device)
                results |= zip(indices, compute(batch), strict=True)
        model.train(was_training)
        return [results[index] for index in range(len(encoded))]


def load(path: str | Path) -> Predictor:
    """A predictor from a model folder; its task is that of its head: classification, fill-mask, else embeddings.

    Raises:
        UserError: the folder is missing, damaged, or holds a model whose head has no task here.
    """
    path = Path(path)
    folder = load_adapted(path) if is_adapter(path) else load_folder(path)
    longest = folder.model.config.num_positions
    stated = folder.info.get("max_seqlen", longest)
    if not isinstance(stated, int) or stated < MIN_SEQLEN:
        raise UserError(
            f"{path}/encodery.json: max_seqlen = {stated!r}; a whole number of at least {MIN_SEQLEN} is needed"
        )
    language = folder.info.get("language")
    if not isinstance(language, str | None):
        raise UserError(f"{path}/encodery.json: language = {language!r:.80}; a string is needed")
    languages = Languages(folder.languages, language)
    languages.check_default(f"{path}/encodery.json: language")
    max_seqlen = min(stated, longest)
    pooling = read_pooling(path)
    embedding = FeatureExtraction(
        folder.tokenizer, pooling, min(max_seqlen, pooling.max_seqlen or max_seqlen), languages
    )
    return Predictor(folder, _task(folder, path, max_seqlen, languages, embedding), embedding=embedding)


def _task(
    folder: ModelFolder, path: Path, max_seqlen: int, languages: Languages, embedding: FeatureExtraction
) -> Task:
    heads = set(folder.model.heads)
    if "sequence" in heads:
        problem = make_problem(folder.what_labels_are, folder.labels, str(path))
        return TextClassification(folder.tokenizer, problem, max_seqlen, languages)
    if "mlm" in heads:
        return FillMask(folder.tokenizer, max_seqlen, languages)
    if heads:
        raise UserError(
            f"{path}: there is no task here yet for a model with the head {', '.join(sorted(heads))}; those for "
            "sequence classification, masked LM and plain features can predict"
        )
    return embedding


def to_examples(records: Sequence[str | Mapping[str, Any]]) -> list[Example]:
    """Input records as examples, each named by its number."""
    return [to_example(record, f"record {number}") for number, record in enumerate(records, start=1)]


def to_example(record: str | Mapping[str, Any], source: str) -> Example:
    """An input record as an example without a label (a label in the record is passed over).

    Raises:
        UserError: no text, a value that is no text, or an unknown key; begins with `source`.
    """
    values = {"text": record} if isinstance(record, str) else dict(record)
    unknown = sorted(set(values) - set(FIELDS))
    if unknown:
        raise UserError(f"{source}: unknown key {unknown[0]!r}; allowed: {', '.join(FIELDS)}")
    for name in ("text", "text_pair", "language"):
        value = values.get(name)
        if (value is None and name == "text") or not isinstance(value, str | None):
            raise UserError(f"{source}: {name} = {value!r}; a string is needed")
    return Example(values["text"], values.get("text_pair"), None, source, values.get("language") or None)


def group_by_length(encoded: Sequence[Encoded], max_tokens: int) -> list[list[int]]:
    """Indices in groups of similar length, each at most `max_tokens` tokens (at least one sequence).

    Texts with a language and texts without one, which get no vector, are never in one group.
    """
    keys = [(item.sequence.language_ids is None, len(item.sequence.input_ids)) for item in encoded]
    groups: list[list[int]] = []
    total = 0
    for index in sorted(range(len(encoded)), key=keys.__getitem__):
        plain, length = keys[index]
        if not groups or total + length > max_tokens or plain != keys[groups[-1][0]][0]:
            groups.append([])
            total = 0
        groups[-1].append(index)
        total += length
    return groups
