"""Losses over pairs against formulas written out in float64, and against sentence-transformers."""

import math
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from encodery.data.examples import Example
from encodery.errors import UserError
from encodery.tasks.pairs import Pairs
from encodery.tasks.similarity import Contrastive, CoSENT, CosineMSE, learn_loss, related, similarity_of

DISTINCT = torch.arange(14).view(7, 2)


def make_pairs(text_ids: torch.Tensor = DISTINCT, seed: int = 3) -> Pairs:
    """Seven pairs of random vectors, with numbers of which two are equal."""
    generator = torch.Generator().manual_seed(seed)
    first, second = (F.normalize(torch.randn(7, 5, generator=generator), dim=-1) for _ in range(2))
    numbers = torch.tensor([1.0, 4.9, 2.5, 2.5, 3.0, 5.0, 1.7])
    return Pairs(first.requires_grad_(), second, numbers, text_ids)


def info_nce(pairs: Pairs, temperature: float, symmetric: bool) -> float:
    """By the definition, one pair after the other; texts in common are found by comparing sets."""
    first, second = pairs.first.double().tolist(), pairs.second.double().tolist()
    ids = [set(row) for row in pairs.text_ids.tolist()]

    def one_way(queries: list[list[float]], documents: list[list[float]]) -> float:
        total = 0.0
        for i, query in enumerate(queries):
            scores = {
                j: sum(a * b for a, b in zip(query, document, strict=True)) / temperature
                for j, document in enumerate(documents)
                if j == i or not ids[i] & ids[j]
            }
            total += math.log(sum(math.exp(score) for score in scores.values())) - scores[i]
        return total

    there = one_way(first, second)
    return (there + one_way(second, first)) / 2 if symmetric else there


SHARED = DISTINCT.clone()
SHARED[3, 1] = SHARED[0, 1]  # the same second text
SHARED[4, 0] = SHARED[2, 0]  # the same first text
SHARED[6, 1] = SHARED[5, 0]  # a second text that is another's first


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("text_ids", [DISTINCT, SHARED], ids=["distinct", "shared"])
def test_contrastive_is_the_definition(text_ids: torch.Tensor, symmetric: bool) -> None:
    pairs = make_pairs(text_ids)
    loss, metrics = Contrastive(0.07, symmetric)(pairs)
    assert loss.item() == pytest.approx(info_nce(pairs, 0.07, symmetric), rel=1e-5)
    assert metrics["loss"] == (loss.item(), 7.0)
    assert Contrastive().count(7) == 7.0
    (gradient,) = torch.autograd.grad(loss, pairs.first)
    assert gradient.isfinite().all()


def test_texts_in_common_are_no_negatives() -> None:
    """The pairs 0 and 3, 2 and 4, 5 and 6 share one; without that the loss would be another."""
    assert related(SHARED).nonzero().tolist() == [[0, 3], [2, 4], [3, 0], [4, 2], [5, 6], [6, 5]]
    assert not related(DISTINCT).any()
    assert Contrastive()(make_pairs(SHARED))[0] < Contrastive()(make_pairs())[0]


def test_pairs_that_are_all_the_same_teach_nothing() -> None:
    pairs = make_pairs(torch.tensor([[5, 8]] * 7))
    loss, _ = Contrastive()(pairs)
    assert loss.item() == 0.0
    (gradient,) = torch.autograd.grad(loss, pairs.first)
    assert gradient.abs().max() < 1e-6


def test_accuracy_within_the_batch() -> None:
    vectors = torch.eye(3)
    text_ids = torch.arange(6).view(3, 2)
    pairs = Pairs(vectors, vectors[[0, 2, 1]], torch.full((3,), torch.nan), text_ids)
    assert Contrastive()(pairs)[1]["in_batch_accuracy"] == (1.0, 3.0)


def test_cosent_is_the_definition() -> None:
    pairs = make_pairs()
    cosines = (pairs.first.double() * pairs.second.double()).sum(-1).tolist()
    numbers = pairs.numbers.tolist()
    terms = [math.exp((cosines[j] - cosines[i]) / 0.1) for i in range(7) for j in range(7) if numbers[i] > numbers[j]]
    assert len(terms) == 20  # of 21 pairs of pairs one has equal numbers
    loss, metrics = CoSENT(0.1)(pairs)
    assert loss.item() == pytest.approx(math.log(1 + sum(terms)), rel=1e-5)
    assert CoSENT().count(7) == 1.0
    assert metrics == {"loss": (loss.item(), 1.0)}


def test_cosent_of_one_pair_is_nothing() -> None:
    one = Pairs(torch.eye(3)[:1], torch.eye(3)[:1], torch.tensor([3.0]), torch.tensor([[0, 1]]))
    assert CoSENT()(one)[0].item() == 0.0


def test_cosine_mse_brings_the_numbers_to_0_to_1() -> None:
    pairs = make_pairs()
    cosines = (pairs.first.double() * pairs.second.double()).sum(-1)
    expected = ((cosines - (pairs.numbers.double() - 1) / 4) ** 2).sum().item()
    loss, metrics = CosineMSE(1.0, 5.0)(pairs)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert metrics["loss"][1] == CosineMSE().count(7) == 7.0


@pytest.mark.filterwarnings("ignore")  # theirs
def test_losses_are_those_of_sentence_transformers() -> None:
    """Where no text is there twice: theirs takes such texts for negatives."""
    reason = "sentence-transformers is not installed"
    losses: Any = pytest.importorskip("sentence_transformers.losses", reason=reason)
    pairs = make_pairs()
    vectors = [pairs.first, pairs.second]
    theirs = losses.MultipleNegativesRankingLoss(None, scale=20.0).compute_loss_from_embeddings(vectors, None)
    assert Contrastive(0.05)(pairs)[0].item() / 7 == pytest.approx(theirs.item(), rel=1e-5)
    both = losses.MultipleNegativesSymmetricRankingLoss(None, scale=20.0).compute_loss_from_embeddings(vectors, None)
    assert Contrastive(0.05, True)(pairs)[0].item() / 7 == pytest.approx(both.item(), rel=1e-5)
    cosent = losses.CoSENTLoss(None, scale=20.0).compute_loss_from_embeddings(vectors, pairs.numbers)
    assert CoSENT(0.05)(pairs)[0].item() == pytest.approx(cosent.item(), rel=1e-5)


def example(label: Any, line: int = 7) -> Example:
    return Example("a", "b", label, f"in.jsonl:{line}")


def test_a_similarity_is_a_number() -> None:
    assert similarity_of(example(None)) is None
    assert similarity_of(example("3.5")) == 3.5  # as a table has it
    assert similarity_of(example(2)) == 2.0
    with pytest.raises(UserError) as error:
        similarity_of(example("entailment"))
    assert str(error.value) == (
        "in.jsonl:7: label = 'entailment'; how similar a pair is, is a finite number; of pairs that simply belong "
        "together leave the label out"
    )


def test_the_loss_follows_from_the_labels() -> None:
    plain, numbered = [example(None)] * 3, [example(1.0), example(5.0), example("2.5")]
    assert learn_loss(None, 0.1, True, plain) == Contrastive(0.1, True)
    assert learn_loss(None, 0.1, False, numbered) == CoSENT(0.1)
    assert learn_loss("cosine-mse", 0.1, False, numbered) == CosineMSE(1.0, 5.0)


@pytest.mark.parametrize(
    ("name", "labels", "message"),
    [
        (
            "contrastive",
            (None, 0.5),
            "in.jsonl:2: label = 0.5, but the contrastive loss learns from pairs that belong together; keep those, "
            'without label, or set task.loss = "cosent"',
        ),
        (None, (0.5, None), "in.jsonl:2: label is missing; cosent needs a number for every pair"),
        ("cosine-mse", (None, None), "in.jsonl:1: label is missing; cosine-mse needs a number for every pair"),
        (None, (2, 2.0), "in.jsonl:1: every pair has the label 2; cosent needs different numbers"),
    ],
)
def test_pairs_that_a_loss_cannot_learn_from(name: Any, labels: tuple[Any, ...], message: str) -> None:
    with pytest.raises(UserError) as error:
        learn_loss(name, 0.05, False, [example(label, line) for line, label in enumerate(labels, 1)])
    assert str(error.value) == message
