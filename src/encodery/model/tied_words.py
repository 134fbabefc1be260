"""Words that are read and scored by one table: both uses have one gradient, made in one place."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


class TiedWords:
    """Hands the table of the words from where it is read to the head that scores by it.

    Autograd by itself fills a table of zeros for the few words that a batch holds and adds it to the gradient of the
    logits: some 5 % of a step of BERT-base on a CPU, mostly memory taken for the sum, and far more with 250,000
    words. A head that takes the table from here lets the rows be added to its own gradient in place.
    """

    def __init__(self) -> None:
        self._handed: Tensor | None = None

    def read(
        self, table: Float[Tensor, "vocabulary hidden"], input_ids: Int[Tensor, " tokens"]
    ) -> Float[Tensor, "tokens hidden"]:
        """The words' rows; the table waits for the head."""
        rows: Tensor
        rows, self._handed = _Read.apply(table, input_ids)  # type: ignore[no-untyped-call]
        return rows

    def forget(self) -> None:
        """The words were read otherwise."""
        self._handed = None

    def take(self, table: Float[Tensor, "vocabulary hidden"]) -> Float[Tensor, "vocabulary hidden"]:
        """The table as it was read last, for one use, before its next update; `table` itself where nothing waits.

        What the caller makes of it must give it a dense gradient that nobody else holds, as a product does: the
        gradients of the rows are added to that in place.
        """
        handed, self._handed = self._handed, None
        return table if handed is None else handed

    def __deepcopy__(self, memo: dict[int, Any]) -> "TiedWords":
        return TiedWords()  # what waits belongs to another model's graph


class _Read(torch.autograd.Function):
    """Rows of a table, and the table itself, so that the gradients of both arrive together."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        ctx.input_ids, ctx.shape = input_ids, table.shape
        return F.embedding(input_ids, table), table.view_as(table)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_rows: Tensor | None, grad_table: Tensor | None) -> tuple[Tensor | None, None]:
        if grad_rows is None:
            return grad_table, None
        if grad_table is None:
            grad_table = grad_rows.new_zeros(ctx.shape)
        return grad_table.index_add_(0, ctx.input_ids, grad_rows), None
