"""A file of records through a model into a file of predictions; killed at any moment, the same call goes on."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from rich.console import Console

from encodery.serve.asked import Asked
from encodery.serve.blocks import Block, InputChanged, Records, read_blocks
from encodery.serve.bulk import Predicted, predict_blocks
from encodery.serve.output import Output
from encodery.serve.predictor import load
from encodery.serve.progress import FileProgress

Compute = Callable[[Iterable[Block], Callable[[int], None]], Iterator[Predicted]]
"""What becomes of blocks of records, in order; the second argument is told now and then how many tokens were
computed."""


@dataclass(frozen=True)
class Outcome:
    """What became of a file."""

    to: Path
    records: int
    errors: int
    """Records without a prediction, those of earlier runs included."""
    first_error: str | None
    """The first one of this run."""
    predicted: int
    """Records that this run predicted: none where all was there already."""
    seconds: float
    truncated: int = 0
    """Of how many something was left out, where that is counted."""

    def __str__(self) -> str:
        if not self.predicted:
            return f"{self.to}: finished already, {self.records:,} records; nothing to do"
        earlier = self.records - self.predicted
        said = f"{self.to}: {self.records:,} records"
        said += f", {earlier:,} of them by an earlier run" if earlier else ""
        said += f"; {self.predicted / self.seconds:,.0f} records/s"
        if self.errors:
            said += f'; {self.errors:,} without a prediction (they have an "error")'
        return said + (f"; the first: {self.first_error}" if self.first_error else "")


def predict_file(
    model: Path, file: Path, to: Path, console: Console, skip: bool = False, asked: Asked | None = None
) -> Outcome:
    """Predictions for every record of `file`, in order, as JSON lines in `to` (`.gz` and `.zst` are compressed).

    Args:
        model: a model folder or bundle; it is opened only if there is something to predict.
        file: as `blocks.Records`; `-` is standard input.
        skip: a record that is none of the task's gets `{"error": ...}` for its prediction, instead of an end.
        asked: as `predictor.load`.

    Raises:
        UserError: such a record without `skip`; as `write_file`.
    """

    def opened() -> Compute:
        predictor = load(model, asked=asked)
        return lambda blocks, tick: predict_blocks(predictor, blocks, skip, tick)

    return write_file(model, file, to, console, skip, str(asked or ""), opened)


def write_file(
    model: Path, file: Path, to: Path, console: Console, skip: bool, options: str, opened: Callable[[], Compute]
) -> Outcome:
    """What `opened()` makes of each block of `file`, block behind block in `to`; it is called only if there is
    something to do. `skip` as in `predict_file`; `options` is what the lines depend on beside model and records.

    Raises:
        UserError: a file that is broken itself; `to` or its part is of another model, of other records or options; a
            failing disk.
    """
    start = time.monotonic()
    with Output(to, model, file, options) as output:
        done = output.written.records
        blocks = read_blocks(Records(file, skip), done, output.written.input_sha256)
        try:
            first = next(blocks, None)
        except InputChanged:
            raise output.input_changed() from None
        if output.is_finished and first is not None:
            raise output.input_changed()
        errors: list[str] = []
        if first is not None:
            errors = _write(opened(), chain([first], blocks), output, console)
        elif not output.is_finished:  # killed when all was written
            output.open()
        if not output.is_finished:
            output.publish()
        written = output.written
        first_error = errors[0] if errors else None
        seconds = time.monotonic() - start
        return Outcome(
            to, written.records, written.errors, first_error, written.records - done, seconds, written.truncated
        )


def _write(compute: Compute, blocks: Iterable[Block], output: Output, console: Console) -> list[str]:
    """Write what becomes of these blocks; the errors of the records that came to nothing, the first ones."""
    output.open()
    errors: list[str] = []
    with FileProgress(output.to.name, console, output.written.records) as progress:
        for predicted in compute(blocks, progress.tick):
            block = predicted.block
            output.add(
                predicted.lines, block.num_records, block.digest, len(predicted.errors), predicted.num_truncated
            )
            progress.block(block.num_records, len(predicted.errors), block.share)
            errors += predicted.errors[: 1 - len(errors)]
    return errors


def predict_lines(
    model: Path, file: Path, console: Console, skip: bool = False, asked: Asked | None = None
) -> Iterator[str]:
    """The same lines as they come, written nowhere."""
    with FileProgress(str(file), console) as progress:
        for predicted in predict_blocks(
            load(model, asked=asked), read_blocks(Records(file, skip)), skip, progress.tick
        ):
            yield from (line.decode() for line in predicted.lines)
            progress.block(predicted.block.num_records, len(predicted.errors), predicted.block.share)
