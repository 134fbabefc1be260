"""The best continuations are those of a sort of all there are."""

import pytest
import torch
from torch import Tensor

from encodery.model.continuations import GROUP, best_continuations


def plain(logits: Tensor, scores: Tensor, count: int, never: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    totals = logits.double().log_softmax(-1) + scores[:, :, None]
    totals[..., list(never)] = -torch.inf
    best, places = totals.flatten(1).sort(descending=True)
    return best[:, :count], places[:, :count]


@pytest.mark.parametrize("never", [(), (0, 7, 12)])
@pytest.mark.parametrize("beams", [1, 2, 5])
@pytest.mark.parametrize("vocabulary", [13, GROUP * 11, GROUP * 11 + 1, GROUP * 12 - 1, 1009])
def test_they_are_those_of_a_sort(vocabulary: int, beams: int, never: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(vocabulary)
    logits = torch.randn(7, beams, vocabulary, generator=generator) * 3
    logits[1, 0, -1] = logits[2, beams - 1, 1] = 20.0  # also at the ends
    scores = torch.randn(7, beams, generator=generator)
    count = 1 if beams == 1 else 2 * beams
    best, places = plain(logits, scores, count, never)
    found, parents, tokens = best_continuations(logits.clone(), scores, count, never)
    torch.testing.assert_close(found.double(), best, atol=1e-5, rtol=1e-5)
    assert torch.equal(parents * vocabulary + tokens, places)


def test_the_best_may_all_stand_in_one_group() -> None:
    groups, beams = 11, 5
    logits = torch.zeros(1, beams, GROUP * groups)
    places = 3 * GROUP + torch.arange(2 * beams)
    logits[0, 2, places] = torch.linspace(9.0, 5.0, 2 * beams)
    _, parents, tokens = best_continuations(logits.clone(), torch.zeros(1, beams), 2 * beams)
    assert parents[0].tolist() == [2] * 2 * beams
    assert torch.equal(tokens[0], places)


def test_a_beam_that_is_not_there_has_no_continuations() -> None:
    scores = torch.full((2, 3), -1e9)
    scores[:, 0] = 0.0
    _, parents, _ = best_continuations(torch.randn(2, 3, 1009), scores, 6)
    assert parents.tolist() == [[0] * 6] * 2
