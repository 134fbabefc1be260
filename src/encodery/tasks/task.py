"""What prediction sees of a task, whatever it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from encodery import batch as packed
from encodery.batch import Batch
from encodery.data.examples import Example
from encodery.errors import UserError
from encodery.model.heads import Model
from encodery.tasks.languages import Languages
from encodery.text.tokenizer import Tokenizer

MIN_SEQLEN = 4
"""A pair's three special tokens and one token of text."""


@dataclass(frozen=True)
class Encoded:
    """An example ready to be packed; `truncated` if its text did not fit."""

    sequence: packed.Sequence
    truncated: bool


@runtime_checkable
class Task(Protocol):
    """Examples to sequences, and a batch of them to predictions in the record form."""

    name: str
    heads: tuple[str, ...]
    """Those that the model must have."""
    max_seqlen: int

    def encode(self, example: Example) -> Encoded:
        """Raises `UserError` if the example is none of the task's; names its file and line."""

    def predict(self, model: Model, batch: Batch) -> list[dict[str, Any]]:
        """One prediction per sequence."""


@runtime_checkable
class Scored(Task, Protocol):
    """A task whose predictions can be compared with what is true."""

    def score(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Example]) -> dict[str, Any]:
        """Metrics by name."""


def encode_text(tokenizer: Tokenizer, languages: Languages, example: Example, max_seqlen: int) -> Encoded:
    """Token ids of the text or pair, cut from the longer side where it does not fit, each in the text's language."""
    encoding = tokenizer.encode(example.text, example.text_pair, max_length=max_seqlen)
    language = languages.id_of(example)
    ids = encoding.input_ids
    spoken = None if language is None else [language] * len(ids)
    return Encoded(packed.Sequence(ids, encoding.token_type_ids, language_ids=spoken), encoding.truncated)


def check_single(example: Example, task: str) -> None:
    """Raises `UserError` if an example is a pair."""
    if example.text_pair is not None:
        raise UserError(f"{example.source}: text_pair is no part of a {task} record; only text is")
