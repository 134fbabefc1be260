"""Records in, predictions out: the one path that evaluation, the command line and (later) the server share."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from encodery.batch import pack
from encodery.data.examples import Example
from encodery.errors import UserError
from encodery.families.folder import ModelFolder, load_folder
from encodery.tasks.classification import MIN_SEQLEN, Encoded, TextClassification
from encodery.tasks.languages import Languages
from encodery.tasks.problems import make_problem

FIELDS = ("text", "text_pair", "label", "language")


class Predictor:
    """A model with its task. Predictions come in the order of the records, whatever the batches."""

    def __init__(self, folder: ModelFolder, task: TextClassification, max_tokens: int = 8192) -> None:
        self.folder = folder
        self.task = task
        self.max_tokens = max_tokens

    def predict(self, records: Sequence[str | Mapping[str, Any]]) -> list[dict[str, Any]]:
        """One prediction per record; a record is a text or a mapping with `text` and perhaps `text_pair`, `language`.

        A text that did not fit into the model's positions is marked `"truncated": true`.

        Raises:
            UserError: a record without text, with a key that no record has or in a language that the model does not
                know; names its number.
        """
        return self.predict_examples(
            [to_example(record, f"record {number}") for number, record in enumerate(records, start=1)]
        )

    def predict_examples(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """One prediction per example."""
        encoded = [self.task.encode(example) for example in examples]
        predictions: list[dict[str, Any]] = [{} for _ in encoded]
        model = self.folder.model
        was_training = model.training
        model.eval()
        device = next(model.parameters()).device
        with torch.inference_mode():
            for indices in group_by_length(encoded, self.max_tokens):
                batch = pack([encoded[index].sequence for index in indices]).to(device)
                decoded = self.task.decode(self.task.forward(model, batch))
                for index, prediction in zip(indices, decoded, strict=True):
                    predictions[index] = prediction | ({"truncated": True} if encoded[index].truncated else {})
        model.train(was_training)
        return predictions


def load(path: str | Path) -> Predictor:
    """A predictor from a model folder with a task head.

    Raises:
        UserError: the folder is missing, damaged, or holds a model that was not fine-tuned for a task.
    """
    folder = load_folder(Path(path))
    if "sequence" not in folder.model.heads:
        heads = ", ".join(folder.model.heads) or "none"
        raise UserError(
            f"{path}: the model has no classification head with labels (heads: {heads}); "
            "fine-tune it first, with a [finetune] table in a recipe"
        )
    problem = make_problem(folder.what_labels_are, folder.labels, str(path))
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
    return Predictor(folder, TextClassification(folder.tokenizer, problem, min(stated, longest), languages))


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
