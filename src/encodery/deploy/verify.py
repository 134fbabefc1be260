"""Whether an exported graph says what its model says: on real text and on what is hard about text.

Two engines compute the same sequences, the one as it likes and the other packed with strangers as a server packs.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int
from torch import Tensor

from encodery import batch as packed
from encodery.batch import Batch
from encodery.deploy.bundle import Dtype
from encodery.deploy.quantize import COSINE, cosines
from encodery.deploy.recording import batches
from encodery.errors import UserError
from encodery.model.forward import Forward
from encodery.model.heads import Model
from encodery.tasks.task import Task

Values = Float32[np.ndarray, "rows outputs"]
Read = Callable[[dict[str, Any]], Any]
"""A record as an example of the task; raises `UserError` if it is none."""
TEXTS = 256
"""Real texts that are compared at most."""
ALONE = 16
"""Of these and of the extremes, those that are also computed one by one."""
FP32_TOLERANCE = 1e-4
"""Largest difference of any number that a float32 graph may give."""
RELATIVE_ERROR = {"bf16": 0.05, "int8": 0.15}
"""Root mean square of the differences over that of the numbers themselves."""

EXTREMES = (
    "",
    " ",
    "a",
    "ß",
    "\u4e2d",
    "\U0001f9d1\u200d\U0001f680",
    "\U0001f600\U0001f602\U0001f970 " * 40,
    "the " * 700,
    "x" * 2000,
    "e\u0301" * 300,
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645 and back, \u05e9\u05dc\u05d5\u05dd",
    "tab\there\nnew line\r\n\u00a0 wide\u3000space",
    "!?.,;:-()[]{}" * 20,
    "3.14159 2,718 1e-12 0x7f 50% \u00bd \u2163",
    "ALL CAPS SHOUTING, then small",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01",
)
"""Empty, one character, far beyond the longest that is read, emoji, repetition, marks that combine, other scripts."""


@dataclass(frozen=True)
class Parity:
    """How far two engines were apart."""

    sequences: int
    largest_difference: float
    relative_error: float
    """Root mean square of the differences over that of the numbers themselves."""
    cosine: float
    """The mean, of the hidden states that the head reads."""
    lowest_cosine: float
    packed_difference: float
    """Largest difference between a text alone and the same text packed with others, relative to the numbers."""


def extreme_examples(task: Task, read: Read) -> list[Any]:
    """Hard texts as examples of a task; without those that the task refuses."""
    examples = []
    for text in EXTREMES:
        try:
            example = read(_record(task, text))
            task.encode(example)
        except UserError:
            continue
        examples.append(example)
    return examples


def _record(task: Task, text: str) -> dict[str, Any]:
    keys = task.fields.keys()
    if "question" in keys:
        return {"question": "What is it?", "context": text or "x"}
    if "choices" in keys:
        return {"text": text or "x", "choices": [text or "x", "y"]}
    if task.name == "fill-mask":
        tokenizer: Any = getattr(task, "tokenizer")  # noqa: B009  # every task has one; `Task` does not ask for it
        return {"text": f"{tokenizer.id_to_token(tokenizer.mask_token_id)} {text}"}
    return {"text": text}


def chosen(examples: Sequence[Any], count: int = TEXTS, seed: int = 0) -> list[Any]:
    """So many of the examples, drawn by a fixed seed."""
    drawn = random.Random(seed).sample(range(len(examples)), min(count, len(examples)))
    return [examples[index] for index in drawn]


class Kept:
    """A `Forward` that keeps what another one gives, and what a third one gives when it is asked the same."""

    def __init__(self, engine: Forward, beside: Forward | None = None) -> None:
        self.engine = engine
        self.beside = beside
        self.values: list[np.ndarray] = []
        self.values_beside: list[np.ndarray] = []

    def hidden(self, batch: Batch, rows: Int[Tensor, " rows"] | None = None) -> Float[Tensor, "rows hidden"]:
        """As `Forward`."""
        if self.beside is not None:
            self.values_beside.append(_copied(self.beside.hidden(batch, rows)))
        return self._keep(self.engine.hidden(batch, rows))

    def logits(
        self, head: str, batch: Batch, rows: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows outputs"]:
        """As `Forward`."""
        if self.beside is not None:
            self.values_beside.append(_copied(self.beside.logits(head, batch, rows)))
        return self._keep(self.engine.logits(head, batch, rows))

    def _keep(self, values: Tensor) -> Tensor:
        self.values.append(_copied(values))
        return values


def _copied(values: Tensor) -> np.ndarray:
    return values.float().cpu().numpy().copy()


def keep(task: Task, kept: Kept, sequences: Sequence[packed.Sequence], together: int) -> Kept:
    """Ask of engines what the task asks, of each batch of so many sequences."""
    for batch in batches(sequences, together):
        task.outputs(kept, batch)
    return kept


def values_of(task: Task, engine: Forward, sequences: Sequence[packed.Sequence], together: int) -> list[Values]:
    """What an engine says of each batch of so many sequences, for what the task asks of it."""
    return keep(task, Kept(engine), sequences, together).values


@contextmanager
def reading_head(model: Model, head: str | None) -> Iterator[list[Values]]:
    """Within it, what a head of a model reads is kept, call by call."""
    read: list[Values] = []
    if head is None:
        yield read
        return
    pooled = model.shapes[head].pooled and model.pooler is not None
    module: Any = model.pooler if pooled else model.heads[head]
    handle = module.register_forward_pre_hook(lambda _, given: read.append(given[0].float().cpu().numpy().copy()))
    try:
        yield read
    finally:
        handle.remove()


def compare(
    task: Task,
    model: Model,
    head: str | None,
    reference: Forward,
    candidate: Forward,
    hidden: Forward,
    sequences: Sequence[packed.Sequence],
    together: int = 64,
) -> Parity:
    """Two engines over the same sequences.

    Args:
        model: what `reference` computes.
        hidden: as `candidate`, but what it gives is what the head reads.
    """
    with reading_head(model, head) as read:
        expected = values_of(task, reference, sequences, together)
    kept = keep(task, Kept(candidate, hidden), sequences, together)  # no task takes what its head reads for an answer
    said = kept.values
    wanted = np.concatenate(read or expected)
    found = np.concatenate(kept.values_beside)
    with np.errstate(invalid="ignore", over="ignore"):
        near = cosines(wanted, found)
    a, b = (np.concatenate([part.ravel() for part in parts]).astype(np.float64) for parts in (expected, said))
    alone = sequences[:ALONE]
    apart = [np.concatenate([v.ravel() for v in values_of(task, candidate, alone, size)]) for size in (1, len(alone))]
    scale = float(np.sqrt((a**2).mean()))
    return Parity(
        sequences=len(sequences),
        largest_difference=float(np.abs(a - b).max()),
        relative_error=float(np.sqrt(((a - b) ** 2).mean())) / scale,
        cosine=float(near.mean()),
        lowest_cosine=float(near.min()),
        packed_difference=float(np.abs(apart[0] - apart[1]).max()) / scale,
    )


def complaint(parity: Parity, dtype: Dtype, bound: float = COSINE) -> str | None:
    """What is too far apart, in words; None if nothing is."""
    if not all(np.isfinite([parity.largest_difference, parity.relative_error, parity.cosine])):
        return "some numbers that the exported graph gives are not finite"
    if dtype == "fp32":
        if parity.largest_difference > FP32_TOLERANCE:
            return f"a number differs by {parity.largest_difference:.2g}, at most {FP32_TOLERANCE} is allowed in fp32"
        return None
    if parity.cosine < bound:
        return f"the mean cosine of the hidden states is {parity.cosine:.5f}, at least {bound} is needed"
    if parity.relative_error > (allowed := RELATIVE_ERROR[dtype]):
        return f"the numbers differ by {parity.relative_error:.1%} of their size, at most {allowed:.0%} is allowed"
    return None
