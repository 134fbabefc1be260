"""The state of an optimizer as named tensors, and back: what its next step depends on, and nothing else.

Learning rates and other settings are not in it: they follow from the recipe and the step. Nor is what an optimizer
keeps for a person to look at, as LAMB does with the lengths of the last step.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from encodery.errors import UserError
from encodery.train.slices import laid_out_as

MOMENTS = ("exp_avg", "exp_avg_sq")
"""Running means of the gradient and of its square, each of the shape of its parameter."""
STEP, LARGEST = "step", "max_exp_avg_sq"


def optimizer_tensors(
    optimizer: torch.optim.Optimizer, named_parameters: Iterable[tuple[str, nn.Parameter]]
) -> dict[str, Tensor]:
    """The state of AdamW or LAMB as `<what>.<parameter name>`: `exp_avg`, `exp_avg_sq`, and AdamW's `step`."""
    kept = {parameter: _kept(optimizer, group) for group in optimizer.param_groups for parameter in group["params"]}
    return {
        f"{key}.{name}": value
        for name, parameter in named_parameters
        for key, value in optimizer.state.get(parameter, {}).items()
        if key in kept[parameter]
    }


def load_optimizer_tensors(
    optimizer: torch.optim.Optimizer,
    named_parameters: Iterable[tuple[str, nn.Parameter]],
    tensors: Mapping[str, Tensor],
) -> None:
    """Put back what `optimizer_tensors` returned, bit for bit, as copies beside each parameter.

    Raises:
        UserError: the tensors belong to another model or another optimizer: a name or a shape differs. The optimizer
            is unchanged then.
    """
    parameters = dict(named_parameters)
    groups = {parameter: group for group in optimizer.param_groups for parameter in group["params"]}
    given: dict[str, dict[str, Tensor]] = {}
    for label, tensor in tensors.items():
        key, _, name = label.partition(".")
        given.setdefault(name, {})[key] = tensor
    loaded: dict[Tensor, dict[str, Tensor]] = {}
    for name, values in given.items():
        parameter = parameters.get(name)
        if parameter is None or parameter not in groups:
            raise UserError(f"optimizer state of {name!r}: no such parameter is trained here; {_OTHER_MODEL}")
        group = groups[parameter]
        expected = {key: () if key == STEP else tuple(parameter.shape) for key in _kept(optimizer, group)}
        shapes = {key: tuple(value.shape) for key, value in values.items()}
        if set(MOMENTS) <= set(shapes) and (STEP in shapes) != (STEP in expected):
            raise UserError(
                f"optimizer state of {name!r}: it holds {', '.join(shapes)}, and {type(optimizer).__name__} keeps "
                f"{', '.join(expected)}: it is another optimizer's; {_OTHER_OPTIMIZER}"
            )
        if shapes != expected:
            raise UserError(f"optimizer state of {name!r}: {shapes} instead of {expected}; {_OTHER_MODEL}")
        loaded[parameter] = {key: _placed(key, value, parameter, group) for key, value in values.items()}
    optimizer.state.clear()
    optimizer.state.update(loaded)


_DELETE = "or delete the checkpoints to train from the start"
_OTHER_MODEL = f"resume with the model it was saved with, {_DELETE}"
_OTHER_OPTIMIZER = f"resume with the optimizer.type it was saved with, {_DELETE}"


def _kept(optimizer: torch.optim.Optimizer, group: Mapping[str, Any]) -> tuple[str, ...]:
    """What is kept of each parameter of a group; only AdamW corrects its moments by the step."""
    if not isinstance(optimizer, torch.optim.AdamW):
        return MOMENTS
    return (STEP, *MOMENTS, LARGEST) if group["amsgrad"] else (STEP, *MOMENTS)


def _placed(key: str, tensor: Tensor, parameter: nn.Parameter, group: Mapping[str, Any]) -> Tensor:
    """A copy where such a tensor is kept: in the layout of its parameter, the step on the CPU unless fused."""
    if key != STEP:
        empty = torch.empty_like(parameter, dtype=tensor.dtype, requires_grad=False)
        return empty.copy_(laid_out_as(tensor, parameter))
    on_device = group.get("fused") or group.get("capturable")
    return tensor.to(parameter.device if on_device else "cpu", copy=True)
