"""What a worker does before it says that it is ready: every length once, and what there is to tell of the model."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from encodery.batch import Sequence as Tokens
from encodery.data.choices import ChoiceFields
from encodery.data.questions import QuestionFields
from encodery.deploy.bundle import KEY
from encodery.errors import UserError
from encodery.serve.answers import ModelInfo
from encodery.serve.computing import Compiling
from encodery.serve.messages import Ready
from encodery.serve.predictor import Predictor
from encodery.tasks.fill_mask import FillMask
from encodery.tasks.task import Task
from encodery.tasks.translation import Translation

TIMED_ROUNDS = 3
SHORT_TOKENS = 32
TRANSLATED_AT_ONCE = 8
"""A translation is found token by token: a full batch would take long, and to know the speed fewer will do."""


def warm_up(predictor: Predictor, name: str, path: Path, version: str, batch_tokens: int) -> Ready:
    """Compute texts of all lengths and a full batch, for the model's task and for vectors. `version` is what the
    folder at `path` held before it was loaded.

    Raises:
        UserError: the model cannot answer a text of one word.
    """
    source = f"{path}: a record to begin with"
    if isinstance(predictor.engine, Compiling):
        predictor.engine.warm_up(predictor.task.reading.max_seqlen)
    sample = sample_record(predictor)
    sequence = predictor.prepare(sample, source).sequences[0]
    _warm_up(predictor, predictor.task, sequence)
    embeds = _warm_up_vectors(predictor, source)
    speed = _tokens_per_second(predictor, sequence, batch_tokens)
    return Ready(asdict(describe(predictor, name, version, embeds)), sample, batch_tokens, speed)


def _warm_up(predictor: Predictor, task: Task, sequence: Tokens) -> None:
    if sequence.source is not None:  # what it says is longer than what it reads
        predictor.outputs(task, [sequence])
        return
    for length in lengths_up_to(task.reading.max_seqlen):
        predictor.outputs(task, [stretched(sequence, length)])


def _warm_up_vectors(predictor: Predictor, source: str) -> bool:
    """Whether there are any: a bundle may hold a graph for its task alone."""
    task = predictor.embedding
    if task is predictor.task:
        return True
    try:
        _warm_up(predictor, task, predictor.prepare({"text": "a"}, source, task).sequences[0])
    except UserError:
        return False
    return True


def lengths_up_to(longest: int) -> list[int]:
    """Powers of two and what is halfway between them, and the longest itself."""
    return [*takewhile(lambda length: length < longest, _lengths()), longest]


def _lengths() -> Iterator[int]:
    length = 8
    while True:
        yield length
        yield length + length // 2
        length *= 2


def stretched(sequence: Tokens, length: int) -> Tokens:
    """So many tokens, the last of them again and again; never fewer than it has."""
    more = max(0, length - len(sequence.input_ids))

    def longer(values: Sequence[int] | None) -> list[int] | None:
        return None if values is None else [*values, *[values[-1]] * more]

    return replace(
        sequence,
        input_ids=[*sequence.input_ids, *[sequence.input_ids[-1]] * more],
        token_type_ids=longer(sequence.token_type_ids),
        language_ids=longer(sequence.language_ids),
    )


def sample_record(predictor: Predictor) -> dict[str, Any]:
    """A record of the model's task that it must be able to answer."""
    task = predictor.task
    if task.fields is QuestionFields:
        return {"question": "a", "context": "a"}
    if task.fields is ChoiceFields:
        return {"text": "a", "choices": ["a", "b"]}
    if isinstance(task, FillMask):
        return {"text": _mask_of(task)}
    if isinstance(task, Translation):
        source, target = task.directions.pairs[0]
        return {"text": "a", "source_language": source, "target_language": target}
    return {"text": "a"}


def describe(predictor: Predictor, name: str, version: str, embeds: bool) -> ModelInfo:
    """What is told of the model."""
    folder = predictor.folder
    bundle = folder.info.get(KEY)
    parameter = next(folder.model.parameters())
    return ModelInfo(
        name=name,
        task=predictor.task.name,
        labels=tuple(folder.labels),
        max_seqlen=predictor.task.reading.max_seqlen,
        hidden_size=folder.model.config.hidden_size,
        embeds=embeds,
        languages=tuple(folder.languages or ()),
        engine=bundle["engine"] if bundle else "torch",
        dtype=bundle["dtype"] if bundle else str(parameter.dtype).removeprefix("torch."),
        version=version,
        mask_token=_mask_of(predictor.task),
        directions=predictor.task.directions.pairs if isinstance(predictor.task, Translation) else (),
    )


def _mask_of(task: Task) -> str | None:
    return task.tokenizer.id_to_token(task.tokenizer.mask_token_id) if isinstance(task, FillMask) else None


def _tokens_per_second(predictor: Predictor, sequence: Tokens, batch_tokens: int) -> float:
    """Of full batches of short texts; the fastest, for the first ones prepare what the later ones use."""
    task = predictor.task
    length = min(SHORT_TOKENS, task.reading.max_seqlen)
    if sequence.source is None:
        sequence = stretched(sequence, length)
    else:
        sequence = replace(sequence, source=stretched(sequence.source, length))
        batch_tokens = min(batch_tokens, TRANSLATED_AT_ONCE * sequence.num_tokens)
    batch = [sequence] * max(1, batch_tokens // sequence.num_tokens)
    seconds = []
    for _ in range(TIMED_ROUNDS):
        started = time.perf_counter()
        predictor.outputs(task, batch)
        seconds.append(time.perf_counter() - started)
    return len(batch) * sequence.num_tokens / max(min(seconds), 1e-6)
