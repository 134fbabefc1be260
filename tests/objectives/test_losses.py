"""A loss of sums over what a batch scores."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from encodery.data.shards import Shards
from tests.objectives.corpora import pretraining, tiny_model


def test_the_loss_is_the_sum_over_what_is_scored(folder: Path) -> None:
    objective, model = pretraining(Shards.open(folder)), tiny_model(nsp=True)
    batch = objective.batch(0)
    output = objective.loss(model, batch)
    hidden = model.encoder(batch)
    mlm_logits = model.heads["mlm"](hidden[batch.label_index])
    nsp_logits = model.heads["nsp"](model.pool(hidden[batch.first_tokens]))
    assert batch.labels is not None
    assert batch.sequence_labels is not None
    expected = {
        "mlm": F.cross_entropy(mlm_logits, batch.labels, reduction="sum"),
        "nsp": F.cross_entropy(nsp_logits, batch.sequence_labels, reduction="sum"),
    }
    assert dict(output.losses).keys() == expected.keys()
    for name, loss in expected.items():
        torch.testing.assert_close(output.losses[name], loss)
        assert output.losses[name].requires_grad
    assert objective.counts(batch) == {"mlm": len(batch.labels), "nsp": batch.num_sequences}
    num_right = {
        "mlm": int((mlm_logits.argmax(-1) == batch.labels).sum()),
        "nsp": int((nsp_logits.argmax(-1) == batch.sequence_labels).sum()),
    }
    for name, count in objective.counts(batch).items():
        assert output.metrics[f"{name}_loss"] == pytest.approx((float(expected[name].detach()), count), rel=1e-5)
        assert output.metrics[f"{name}_accuracy"] == (num_right[name], count)


@pytest.mark.parametrize("nsp", [True, False])
def test_a_split_batch_has_the_same_loss(folder: Path, nsp: bool) -> None:
    objective, model = pretraining(Shards.open(folder), nsp=nsp), tiny_model(nsp)
    batch = objective.batch(1)
    whole = objective.loss(model, batch)
    pieces = batch.split(131)
    assert len(pieces) > 3
    outputs = [objective.loss(model, piece) for piece in pieces]
    assert set(whole.losses) == ({"mlm", "nsp"} if nsp else {"mlm"})
    for name, loss in whole.losses.items():
        torch.testing.assert_close(torch.stack([output.losses[name] for output in outputs]).sum(), loss)
        counts = [objective.counts(piece)[name] for piece in pieces]
        assert sum(counts) == objective.counts(batch)[name]
    assert set(whole.metrics) == {f"{term}_{kind}" for term in whole.losses for kind in ("loss", "accuracy")}
