"""Blocks of records to lines of JSON at the full speed of the engine: the next block is read and cut into tokens in a
thread while this one is computed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from encodery.errors import UserError
from encodery.serve.ahead import ahead
from encodery.serve.blocks import Block, Entry
from encodery.serve.json_line import NotFinite, json_line
from encodery.serve.predictor import Predictor, Prepared, to_example

Result = TypeVar("Result")


@dataclass(frozen=True)
class Predicted:
    """The predictions for a block."""

    block: Block
    lines: list[bytes]
    """A JSON object for each record, in order."""
    errors: list[str]
    """What was wrong with the records that got none, in order."""
    num_tokens: int
    num_truncated: int = 0
    """Of how many records something was left out, where that is counted."""


@dataclass(frozen=True)
class _Ready:
    """A block that the model can compute."""

    block: Block
    entries: list[Prepared | UserError]


def predict_blocks(
    predictor: Predictor,
    blocks: Iterable[Block],
    skip: bool = False,
    tick: Callable[[int], None] = lambda tokens: None,
) -> Iterator[Predicted]:
    """The predictions for each block; `tick` is told after each batch how many tokens it had.

    With `skip`, a record that is none of the task's gets `{"error": ...}` for its prediction.

    Raises:
        UserError: without `skip`, for the first such record, when the blocks before its own are done.
    """
    for ready in ahead(map(partial(_prepare, predictor, skip=skip), blocks)):
        prepared = [entry for entry in ready.entries if isinstance(entry, Prepared)]
        outputs = iter(_outputs(predictor, prepared, tick))
        lines: list[bytes] = []
        errors: list[str] = []
        for entry in ready.entries:
            line = entry if isinstance(entry, UserError) else _attempt(_line, (entry, next(outputs)), skip)
            if isinstance(line, UserError):
                errors.append(str(line))
                line = json_line({"error": str(line)})
            lines.append(line)
        yield Predicted(ready.block, lines, errors, sum(entry.num_tokens for entry in prepared))


def _line(said: tuple[Prepared, list[Any]]) -> bytes:
    """The prediction for a record, from what the model says of it."""
    prepared, outputs = said
    try:
        return json_line(prepared.decode(outputs))
    except NotFinite as error:
        raise UserError(f"{prepared.example.source}: {error}; check the model's weights") from None


def _prepare(predictor: Predictor, block: Block, skip: bool) -> _Ready:
    """Each record cut into windows; all texts of the block are cut into tokens together."""
    task = predictor.task

    def read(entry: Entry) -> Any:
        source, record = entry
        if isinstance(record, UserError):
            raise record
        return to_example(task, record, source)

    def encode(example: Any) -> Prepared:
        return Prepared(task, example, task.encode(example))

    examples = [_attempt(read, entry, skip) for entry in block.entries]
    fine = (example for example in examples if not isinstance(example, UserError))
    predictor.folder.tokenizer.cut_ahead(text for example in fine for text in example.texts)
    return _Ready(block, [e if isinstance(e, UserError) else _attempt(encode, e, skip) for e in examples])


def _attempt(function: Callable[[Any], Result], value: Any, skip: bool) -> Result | UserError:
    """What the function makes of a value, or what it has to say against it."""
    try:
        return function(value)
    except UserError as error:
        if not skip:
            raise
        return error


def _outputs(predictor: Predictor, prepared: Sequence[Prepared], tick: Callable[[int], None]) -> Iterator[list[Any]]:
    """What the model says of the windows of each record."""
    sequences = [sequence for entry in prepared for sequence in entry.sequences]
    said: dict[int, Any] = {}
    for batch in predictor.computed(predictor.task, sequences):
        said.update(batch)
        tick(sum(len(sequences[place].input_ids) for place, _ in batch))
    outputs = (said.pop(place) for place in range(len(sequences)))
    return (list(islice(outputs, len(entry.sequences))) for entry in prepared)
