"""Weighted and focal losses against PyTorch and against the formulas written out in double precision."""

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from encodery.batch import pack
from encodery.data.examples import Example, Label
from encodery.tasks.classification import TextClassification
from encodery.tasks.losses import Emphasis, binary_cross_entropy, cross_entropy, weight_of
from encodery.tasks.problems import ManyLabels, OneLabel
from encodery.tasks.windows import Reading
from encodery.text.tokenizer import Tokenizer
from tests.tasks.conftest import LABELS, make_model

WEIGHTS = (0.25, 3.0, 1.5)
EMPHASES = [Emphasis(weights, gamma) for weights in (None, WEIGHTS) for gamma in (0.0, 0.5, 1.0, 2.0)]


def logits(texts: int = 7) -> Tensor:
    return torch.randn(texts, 3, generator=torch.Generator().manual_seed(texts)) * 3


def softmax_loss(row: Sequence[float], target: int, emphasis: Emphasis) -> float:
    p = math.exp(row[target]) / sum(math.exp(value) for value in row)
    weight = emphasis.weights[target] if emphasis.weights else 1.0
    return float(-weight * (1 - p) ** emphasis.gamma * math.log(p))


def sigmoid_loss(row: Sequence[float], targets: Sequence[float], emphasis: Emphasis) -> float:
    total = 0.0
    for place, (value, target) in enumerate(zip(row, targets, strict=True)):
        p = 1 / (1 + math.exp(-value if target else value))
        weight = emphasis.weights[place] if emphasis.weights and target else 1.0
        total -= weight * (1 - p) ** emphasis.gamma * math.log(p)
    return total / len(row)


@pytest.mark.parametrize("emphasis", EMPHASES)
def test_a_softmax_as_the_formula_has_it(emphasis: Emphasis) -> None:
    rows, targets = logits(), torch.tensor([0, 2, 1, 1, 0, 2, 2])
    expected = sum(softmax_loss(row, int(t), emphasis) for row, t in zip(rows.tolist(), targets, strict=True))
    assert cross_entropy(rows, targets, emphasis).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("emphasis", EMPHASES)
def test_sigmoids_as_the_formula_has_them(emphasis: Emphasis) -> None:
    rows = logits()
    targets = (torch.rand(7, 3, generator=torch.Generator().manual_seed(1)) > 0.5).float()
    expected = sum(sigmoid_loss(r, t, emphasis) for r, t in zip(rows.tolist(), targets.tolist(), strict=True))
    assert binary_cross_entropy(rows, targets, emphasis).item() == pytest.approx(expected, rel=1e-5)


def test_the_weighted_mean_is_that_of_pytorch() -> None:
    rows, targets = logits(), torch.tensor([0, 2, 1, 1, 0, 2, 2])
    emphasis = Emphasis(WEIGHTS)
    mean = cross_entropy(rows, targets, emphasis) / weight_of(targets, emphasis)
    torch.testing.assert_close(mean, F.cross_entropy(rows, targets, torch.tensor(WEIGHTS)))
    assert weight_of(targets, emphasis) == 0.25 * 2 + 3.0 * 2 + 1.5 * 3
    assert weight_of(targets, Emphasis(gamma=2.0)) == 7.0


def test_positives_are_weighted_as_in_pytorch() -> None:
    rows = logits()
    targets = (rows > 1).float()
    mean = binary_cross_entropy(rows, targets, Emphasis(WEIGHTS)) / 7
    weights = torch.tensor(WEIGHTS)
    torch.testing.assert_close(mean, F.binary_cross_entropy_with_logits(rows, targets, pos_weight=weights))


def test_nothing_emphasised_is_cross_entropy_to_the_bit() -> None:
    rows, targets = logits(), torch.tensor([0, 2, 1, 1, 0, 2, 2])
    assert torch.equal(cross_entropy(rows, targets, Emphasis()), F.cross_entropy(rows, targets, reduction="sum"))
    several = (rows > 0).float()
    plain = F.binary_cross_entropy_with_logits(rows, several, reduction="none").mean(-1).sum()
    assert torch.equal(binary_cross_entropy(rows, several, Emphasis()), plain)


@pytest.mark.parametrize("emphasis", EMPHASES[1:])
def test_gradients_are_those_of_finite_differences(emphasis: Emphasis) -> None:
    rows = logits(5).double().requires_grad_()
    targets = torch.tensor([0, 2, 1, 1, 0])
    assert torch.autograd.gradcheck(lambda x: cross_entropy(x, targets, emphasis), (rows,))
    several = F.one_hot(targets, 3).double()
    assert torch.autograd.gradcheck(lambda x: binary_cross_entropy(x, several, emphasis), (rows,))


@given(
    st.floats(-200, 200), st.sampled_from([0.1, 0.5, 1.0, 2.0, 7.0]), st.integers(0, 2)
)  # far beyond what float32 tells from certain
def test_certainty_breaks_nothing(value: float, gamma: float, target: int) -> None:
    losses: list[Callable[[Tensor], Tensor]] = [
        lambda rows: cross_entropy(rows, torch.tensor([target]), Emphasis(WEIGHTS, gamma)),
        lambda rows: binary_cross_entropy(rows, F.one_hot(torch.tensor([target]), 3).float(), Emphasis(None, gamma)),
    ]
    for loss in losses:
        rows = torch.tensor([[value, 0.0, -value]], requires_grad=True)
        result = loss(rows)
        result.backward()  # type: ignore[no-untyped-call]
        assert result.isfinite()
        assert result >= 0
        assert rows.grad is not None
        assert rows.grad.isfinite().all()


def test_the_sure_ones_count_less() -> None:
    sure, unsure = torch.tensor([[5.0, 0.0, 0.0]]), torch.tensor([[0.1, 0.0, 0.0]])
    target = torch.tensor([0])
    ratio = [
        (cross_entropy(sure, target, Emphasis(gamma=g)) / cross_entropy(unsure, target, Emphasis(gamma=g))).item()
        for g in (0.0, 1.0, 2.0)
    ]
    assert ratio[0] > 10 * ratio[1] > 100 * ratio[2]


@pytest.mark.parametrize("gamma", [0.0, 2.0])
@pytest.mark.parametrize("several", [False, True])
def test_a_step_in_pieces_is_the_whole_step(tokenizer: Tokenizer, gamma: float, several: bool) -> None:
    """Each piece's sum is divided by what the whole step weighs: the gradients add up to those of one piece."""
    kind = ManyLabels if several else OneLabel
    task = TextClassification(tokenizer, kind(LABELS, Emphasis(WEIGHTS, gamma)), Reading(max_seqlen=11))
    names: list[Label] = ["good", "bad", "bad", "neither", "good"]
    labels: list[Label] = [(str(name),) for name in names] if several else names
    texts = ("the river", "a very dull city", "the baker sees", "happy", "a broken river and a city")
    examples = [Example(text, None, label, "train.jsonl:7") for text, label in zip(texts, labels, strict=True)]
    batch = pack([task.encode(example).windows[0].sequence for example in examples])
    count = task.counts(batch)["classification"]
    assert count == (5.0 if several else 2 * WEIGHTS[0] + 2 * WEIGHTS[1] + WEIGHTS[2])
    gradients, sums = [], []
    for pieces in ([batch], batch.split(7)):
        model = make_model(3)
        outputs = [task.loss(model, piece) for piece in pieces]
        for output in outputs:
            (output.losses["classification"] / count).backward()  # type: ignore[no-untyped-call]
        gradients.append(model.get_parameter("heads.sequence.out.weight").grad)
        sums.append([sum(output.metrics["loss"][part] for output in outputs) for part in (0, 1)])
    assert len(batch.split(7)) > 2
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-5)
    assert sums[0] == pytest.approx(sums[1])
    assert sums[0][1] == count
