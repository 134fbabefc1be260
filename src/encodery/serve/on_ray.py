"""A model inside Ray Data, for many machines: classes for `ray.data.Dataset.map_batches`.

Each of Ray's workers opens the model once. Tables of Arrow go in and out (`batch_format="pyarrow"`), with a column
more; Ray itself is not imported here.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from encodery.errors import UserError
from encodery.serve.blocks import Block, Entry
from encodery.serve.bulk import predict_blocks
from encodery.serve.predictor import load
from encodery.tasks.task import Task

if TYPE_CHECKING:
    import pyarrow


class Predict:
    """Adds the prediction for each row, as the JSON that `encodery predict` writes."""

    def __init__(
        self, model: str | Path, column: str = "prediction", skip: bool = False, threads: int | None = None
    ) -> None:
        """`model` is a model folder or bundle that every machine sees under this path. With `skip`, a row that is no
        record of the task gets `{"error": ...}`. `threads` of a bundle, in the place of those it was exported for:
        as many as Ray gives the worker (`num_cpus`).

        Raises:
            UserError: as `predictor.load`.
        """
        self.predictor = load(model, threads=threads)
        self.column = column
        self.skip = skip

    def __call__(self, table: "pyarrow.Table") -> "pyarrow.Table":
        """The table with the column; columns that the task does not know are left alone.

        Raises:
            UserError: none of its columns is the task's, or, without `skip`, a row is no record.
        """
        entries = _entries(table, self.predictor.task)
        (predicted,) = predict_blocks(self.predictor, [Block(entries, len(entries), "", None)], self.skip)
        return _with_column(table, self.column, [line.decode() for line in predicted.lines])


class Embed:
    """Adds the vector of each row's text, whatever the model's task, as a list of 32-bit floats of fixed size."""

    def __init__(self, model: str | Path, column: str = "embedding", threads: int | None = None) -> None:
        """As `Predict`."""
        self.predictor = load(model, threads=threads)
        self.column = column

    def __call__(self, table: "pyarrow.Table") -> "pyarrow.Table":
        """As `Predict`."""
        import pyarrow

        entries = _entries(table, self.predictor.embedding)
        vectors = self.predictor.embed([record for _, record in entries])  # type: ignore[misc]
        flat = pyarrow.array(np.ascontiguousarray(vectors).reshape(-1))
        return _with_column(table, self.column, pyarrow.FixedSizeListArray.from_arrays(flat, vectors.shape[1]))


def _entries(table: "pyarrow.Table", task: Task) -> list[Entry]:
    """The rows as records of a task, without the columns that it does not know."""
    known = [name for name in table.column_names if name in task.fields.keys()]  # noqa: SIM118 (fields are a class)
    if not known:
        raise UserError(
            f"no column is one of {', '.join(task.fields.keys())}; the columns are: "
            f"{', '.join(table.column_names) or 'none'}; rename yours (Dataset.rename_columns)"
        )
    rows = table.select(known).to_pylist()
    return [(f"row {number} of a batch", row) for number, row in enumerate(rows, start=1)]


def _with_column(table: "pyarrow.Table", name: str, values: object) -> "pyarrow.Table":
    """The table with a column, which may stand in the place of one of that name."""
    import pyarrow

    array = pyarrow.array(values) if isinstance(values, list) else values
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, array)
    return table.append_column(name, array)
