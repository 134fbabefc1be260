"""The beam head against the one of `transformers`, with every index; packed sequences do not see each other."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers.models.xlm import modeling_xlm

from encodery.batch import Batch, Sequence, pack
from encodery.model.beam import Beam, BeamHead
from encodery.model.config import EncoderConfig
from encodery.model.heads import HeadShape, Model

LENGTHS = (11, 7, 29, 13)
FIELDS = tuple(Beam.__dataclass_fields__)
NAMES = {
    "start": "start_logits.dense",
    "end_dense": "end_logits.dense_0",
    "end_norm": "end_logits.LayerNorm",
    "end": "end_logits.dense_1",
    "answer_dense": "answer_class.dense_0",
    "answer": "answer_class.dense_1",
}


def make_config(starts: int = 3, ends: int = 5) -> EncoderConfig:
    sizes = {"vocab_size": 101, "hidden_size": 33, "num_attention_heads": 3, "num_hidden_layers": 2}
    return EncoderConfig.parse({**sizes, "start_n_top": starts, "end_n_top": ends}, "test")


@pytest.fixture
def head() -> BeamHead:
    head = BeamHead(make_config())
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.normal_(0.0, 0.5, generator=generator)
    return head


@pytest.fixture
def theirs(head: BeamHead) -> Any:
    config = modeling_xlm.XLMConfig(emb_dim=33, n_heads=3, start_n_top=3, end_n_top=5)
    module: Any = modeling_xlm.XLMSQuADHead(config)
    state = {name.replace(ours, to): t for name, t in head.state_dict().items() for ours, to in NAMES.items()
             if name.rsplit(".", 1)[0] == ours}  # fmt: skip
    module.load_state_dict(state, strict=True)
    return module


def hidden_states() -> tuple[Batch, Tensor]:
    batch = pack([Sequence([5] * length) for length in LENGTHS])
    return batch, torch.randn(batch.num_tokens, 33, generator=torch.Generator().manual_seed(7))


def expected_beam(theirs: Any, hidden: Tensor, **options: Any) -> dict[str, Tensor]:
    """One sequence at a time: without padding."""
    found = theirs(hidden[None], return_dict=True, **options)
    return {name: getattr(found, name)[0] for name in FIELDS}


@pytest.mark.parametrize("masked", [False, True])
@torch.no_grad()
def test_the_beam_is_that_of_transformers(head: BeamHead, theirs: Any, masked: bool) -> None:
    batch, hidden = hidden_states()
    bounds = batch.cu_seqlens.tolist()
    p_mask = torch.rand(batch.num_tokens, generator=torch.Generator().manual_seed(1)) < 0.2 if masked else None
    cls_index = torch.tensor([0, 5, 0, 11]) if masked else None
    beam = head(hidden, batch, p_mask, cls_index)
    assert beam.start_top_index.shape == (4, 3)
    assert beam.end_top_index.shape == (4, 15)
    for row, (start, end) in enumerate(pairwise(bounds)):
        options: dict[str, Tensor] = {}
        if p_mask is not None and cls_index is not None:
            options = {"p_mask": p_mask[None, start:end].float(), "cls_index": cls_index[row : row + 1]}
        expected = expected_beam(theirs, hidden[start:end], **options)
        for name in FIELDS:
            torch.testing.assert_close(getattr(beam, name)[row], expected[name], atol=1e-6, rtol=1e-5, msg=name)


@torch.no_grad()
def test_masked_tokens_are_no_answer(head: BeamHead) -> None:
    batch, hidden = hidden_states()
    allowed = {0: {3, 4, 5, 8}, 1: {1, 2, 3, 5}, 2: {0, 1, 2, 28}, 3: {4, 6, 8, 10}}
    p_mask = torch.ones(batch.num_tokens, dtype=torch.bool)
    for row, places in allowed.items():
        p_mask[batch.cu_seqlens[row] + torch.tensor(sorted(places))] = False
    beam = head(hidden, batch, p_mask)
    for row, places in allowed.items():
        assert set(beam.start_top_index[row].tolist()) <= places
        likely = beam.end_top_log_probs[row] > 0
        assert set(beam.end_top_index[row][likely].tolist()) <= places
        assert beam.end_top_log_probs[row].view(5, 3).sum(0) == pytest.approx([1.0] * 3)


@torch.no_grad()
def test_a_sequence_shorter_than_the_beam(head: BeamHead) -> None:
    """Alone, the beam is narrower; beside a longer one, what is beyond its end has no probability."""
    hidden = torch.randn(9, 33, generator=torch.Generator().manual_seed(5))
    alone = head(hidden[:2], pack([Sequence([5, 5])]))
    assert alone.start_top_log_probs.shape == (1, 2)
    assert alone.end_top_log_probs.shape == (1, 4)
    beside = head(hidden, pack([Sequence([5] * 2), Sequence([5] * 7)]))
    torch.testing.assert_close(beside.start_top_log_probs[0, :2], alone.start_top_log_probs[0])
    assert beside.start_top_log_probs[0, 2] == 0
    torch.testing.assert_close(beside.cls_logits[:1], alone.cls_logits)
    assert all(bool(getattr(beside, name).isfinite().all()) for name in FIELDS)


@torch.no_grad()
def test_a_model_answers_from_its_own_hidden_states() -> None:
    config = make_config(2, 3)
    model = Model(config, {"beam": HeadShape("beam", "tokens", dropout_before=())}).eval()
    model.initialize(3)
    batch = pack([Sequence([5 + place for place in range(length)]) for length in LENGTHS])
    found, expected = model.beam(batch), model.heads["beam"](model.encoder(batch), batch)
    assert all(torch.equal(getattr(found, name), getattr(expected, name)) for name in FIELDS)
    assert found.end_top_index.shape == (4, 6)
