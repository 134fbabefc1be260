"""Gradients of every architecture, in float64, equal those of `transformers`."""

import torch
from torch import Tensor

from encodery.batch import Batch
from encodery.families.name_map import assign, fill, names
from encodery.model.heads import Model
from tests.families.conftest import LABELS, Case, assert_same_outputs, example_batch, our_outputs, their_outputs

SHIFTS = ("heads.beam.start.bias", "heads.beam.end.bias")
"""They move every logit of a softmax alike."""


def ours_with_the_weights_of(theirs: object, case: Case) -> Model:
    """Our model filled from their state, in memory."""
    state: dict[str, Tensor] = theirs.state_dict()  # type: ignore[attr-defined]
    pooler = not case.heads and bool(case.family.pooler_map)
    model = case.family.model(case.config, case.heads, len(LABELS), pooler).double()
    plan = assign(case.family, model, {name: tuple(t.shape) for name, t in state.items()}, "state", complete=True)
    assert plan.fresh == ()
    fill(model, plan, lambda names: {name: state[name] for name in names})
    return model


def loss(outputs: dict[str, Tensor]) -> Tensor:
    """Every number with a weight of its own, and not linear in any."""
    generator = torch.Generator().manual_seed(17)
    total = torch.zeros((), dtype=torch.float64)
    for name in sorted(outputs):
        weights = torch.randn(outputs[name].shape, generator=generator, dtype=torch.float64)
        total = total + (outputs[name].tanh() * weights).sum()
    return total


def test_gradients_equal_those_of_transformers(case: Case) -> None:
    theirs = case.build().double()
    ours = ours_with_the_weights_of(theirs, case)
    batch: Batch = example_batch()
    found, expected = our_outputs(ours, batch), their_outputs(theirs, case, batch)
    assert_same_outputs(found, expected)
    torch.autograd.backward([loss(found), loss(expected)])
    tied = case.family.tied  # they may list a shared weight under the name of its copy
    gradients = {tied.get(name, name): parameter.grad for name, parameter in theirs.named_parameters()}
    prefix = "" if case.heads else case.family.base_prefix
    mapping = names(case.family, case.config, list(ours.heads), ours.pooler is not None)
    checked = 0
    for name, parameter in ours.named_parameters():
        parts = [gradients[part.removeprefix(prefix)] for part in mapping[name]]
        if parameter.grad is None:  # the pooler of a bare encoder: nothing here reads it
            assert parts == [None] * len(parts)
            continue
        torch.testing.assert_close(parameter.grad, torch.cat(parts), atol=1e-6, rtol=1e-6, msg=name)
        assert parameter.grad.abs().max() > 0 or name in SHIFTS, name
        checked += 1
    assert checked > 20
