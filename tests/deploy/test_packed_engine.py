"""Every family and head over the dense graph: what PyTorch says of the same packed texts, whoever shares the call."""

from pathlib import Path

import pytest
import torch

from encodery.batch import Batch
from encodery.deploy.buckets import LENGTHS, PACKED
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.family import Family
from tests.deploy.conftest import HEADS, eager_engine, make_batch, make_model, said, said_by_torch
from tests.families.conftest import tiny


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))
def test_the_graph_says_what_the_model_says(family: Family, head: str | None, tmp_path: Path) -> None:
    if head is not None and head not in family.heads:
        pytest.skip(f"{family.model_type} has no head {head}")
    model = make_model(family, head)
    batch = make_batch(model)
    engine, _ = eager_engine(model, head, tmp_path)
    wanted = said_by_torch(model, head, batch)
    torch.testing.assert_close(said(engine, head, batch), wanted, atol=2e-5, rtol=1e-4)
    assert wanted.std(0).max() > 1e-3


@pytest.mark.parametrize("head", ["sequence", "token"])
def test_company_changes_nothing(head: str, tmp_path: Path) -> None:
    model = make_model(FAMILIES["bert"], head)
    engine, _ = eager_engine(model, head, tmp_path)
    together = make_batch(model)
    values = said(engine, head, together)
    alone = torch.cat([said(engine, head, part) for part in together.split(1)])
    torch.testing.assert_close(values, alone, atol=1e-5, rtol=1e-5)


def test_only_a_few_lengths_are_ever_compiled(tmp_path: Path) -> None:
    model = make_model(FAMILIES["bert"], "sequence")
    engine, session = eager_engine(model, "sequence", tmp_path)
    for length in range(1, 30):
        said(engine, "sequence", make_batch(model, (length,)))
    assert session.compiled == [8, 16, 24, 29]


def test_warming_up_compiles_what_texts_of_this_length_need(tmp_path: Path) -> None:
    model = make_model(FAMILIES["bert"], "sequence")
    engine, session = eager_engine(model, "sequence", tmp_path)
    engine.warm_up(17)
    assert session.compiled == [8, 16, 24, 29]  # 29: two texts in one call
    for length in range(1, 18):
        said(engine, "sequence", make_batch(model, (length,)))
        said(engine, "sequence", make_batch(model, (length, 17, 3, 11)))
    assert session.compiled == [8, 16, 24, 29]


@pytest.mark.parametrize(("max_seqlen", "longest"), [(17, 256), (64, 256), (256, 256), (257, 384), (384, 384)])
def test_short_texts_are_packed_to_lengths_that_are_warm(max_seqlen: int, longest: int, tmp_path: Path) -> None:
    """Of a model that reads more than is packed: no total of many texts, and no long text, compiles another graph."""
    model = FAMILIES["bert"].model(tiny(FAMILIES["bert"], max_position_embeddings=499), ["sequence"], 3, False)
    engine, session = eager_engine(model.eval(), "sequence", tmp_path)
    engine.warm_up(max_seqlen)
    assert session.compiled == [length for length in LENGTHS if length <= longest]
    for total in range(1, PACKED + 1, 7):
        parts = [max_seqlen] * (total // max_seqlen) + [total % max_seqlen] * (total % max_seqlen > 0)
        said(engine, "sequence", make_batch(model, tuple(parts)))
    said(engine, "sequence", make_batch(model, (1,) * 43 + (max_seqlen,)))
    assert session.compiled[-1] == longest


def test_rows_of_hidden_states(tmp_path: Path) -> None:
    model = make_model(FAMILIES["bert"], None)
    engine, _ = eager_engine(model, None, tmp_path)
    batch = make_batch(model)
    assert torch.equal(engine.hidden(batch, batch.first_tokens), engine.hidden(batch)[batch.first_tokens.long()])


def test_rows_of_a_head_come_in_the_order_that_was_asked(tmp_path: Path) -> None:
    model = make_model(FAMILIES["bert"], "mlm")
    engine, _ = eager_engine(model, "mlm", tmp_path)
    batch = make_batch(model)
    rows = torch.tensor([40, 3, 0, 17, 3, 80]).int()
    torch.testing.assert_close(
        engine.logits("mlm", batch, rows), model.logits("mlm", batch, rows), atol=2e-5, rtol=1e-4
    )


def test_a_head_is_no_vector(tmp_path: Path) -> None:
    model = make_model(FAMILIES["bert"], "sequence")
    engine, _ = eager_engine(model, "sequence", tmp_path)
    batch: Batch = make_batch(model)
    with pytest.raises(UserError, match=r"holds the graph of the head 'sequence'.*--task feature-extraction"):
        engine.hidden(batch)
