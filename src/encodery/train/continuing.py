"""Saving a training and continuing it, however its ranks hold the weights: the files are those of one rank alone."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from encodery.train.background import Background
from encodery.train.checkpoint import (
    MODEL,
    OPTIMIZER,
    Checkpoint,
    TrainingState,
    checkpoint_at,
    latest_checkpoint,
    save_checkpoint,
    where_it_continues,
)
from encodery.train.distributed import Ranks
from encodery.train.finite import check_finite, check_finite_file
from encodery.train.optimizer_state import load_optimizer_tensors, optimizer_tensors
from encodery.train.parallel import Parallel
from encodery.train.slices import laid_out_as


def trained_weights(model: nn.Module) -> dict[str, Tensor]:
    """The weights that are trained, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def load_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy whole weights into those that are trained."""
    with torch.no_grad():
        for name, parameter in trained_weights(model).items():
            parameter.copy_(laid_out_as(weights[name], parameter))


def save_training(
    ranks: Ranks,
    background: Background,
    parallel: Parallel,
    optimizer: torch.optim.Optimizer,
    folder: Path,
    state: TrainingState,
    keep: int,
    best: Mapping[str, Tensor] | None,
) -> None:
    """Write a checkpoint from the first rank, while the others wait or, in the background, all go on.

    See `save_checkpoint`. All ranks must call it.

    Raises:
        UserError: the checkpoint cannot be written, or weights are not finite.
    """
    check_weights(ranks, parallel, optimizer, folder, state.step)
    weights = parallel.whole(trained_weights(parallel.trained))
    tensors = parallel.whole(optimizer_tensors(optimizer, parallel.trained.named_parameters()))
    if background.wanted and ranks.is_first:
        weights, tensors = _copied(weights), _copied(tensors)

    def save() -> None:
        save_checkpoint(folder, state.step, weights, tensors, state.model_dump(), keep=keep, best=best)

    ranks.first(lambda: background.run(save))


def check_weights(
    ranks: Ranks, parallel: Parallel, optimizer: torch.optim.Optimizer, folder: Path, step: int
) -> None:
    """Raises `UserError` on all ranks if some weights are not finite; `folder` has the checkpoints."""
    saved = ranks.first(lambda: where_it_continues(folder))
    check_finite(ranks, parallel.trained, optimizer, step, saved)


def _copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As they are now, on the CPU."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}


def newest_checkpoint(ranks: Ranks, folder: Path, notice: Callable[[str], None]) -> Checkpoint | None:
    """The checkpoint to continue from, verified by the first rank, for all. See `latest_checkpoint`."""

    def newest() -> str | None:
        found = latest_checkpoint(folder, notice, _check_numbers)
        return None if found is None else str(found.folder)

    path = ranks.first(newest)
    return checkpoint_at(Path(path)) if path else None


def _check_numbers(folder: Path) -> None:
    """What was saved before such weights were looked for would end in the same error again."""
    for name in (MODEL, OPTIMIZER):
        check_finite_file(folder / name)


def restore(parallel: Parallel, optimizer: torch.optim.Optimizer, checkpoint: Checkpoint) -> TrainingState:
    """Put back weights and optimizer; the state they belong to."""
    weights, tensors, state = checkpoint.load()
    load_weights(parallel.trained, weights)
    load_optimizer_tensors(optimizer, parallel.trained.named_parameters(), tensors)
    return TrainingState.parse(state, str(checkpoint.folder))
