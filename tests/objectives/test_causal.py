"""Causal LM: every next token is asked for, and nothing behind it is seen."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
from torch import Tensor
from torch.nn import functional as F

from encodery.batch import Batch
from encodery.data.shards import Shards
from encodery.families import FAMILIES
from encodery.families.family import config_to_theirs
from encodery.families.name_map import state_to_theirs
from encodery.model.heads import Model
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.objective import Pretraining
from tests.data.synthetic import VOCAB_SIZE, counting_documents, documents, stored
from tests.model.conftest import make_batch, randomize
from tests.objectives.vocabularies import CLS, MASK, SEP, vocabulary

XLM = FAMILIES["xlm"]
CONFIG = XLM.encoder(
    {
        "vocab_size": VOCAB_SIZE,
        "hidden_size": 26,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "max_position_embeddings": 61,
    },
    "test",
)


def causal(shards: Shards, max_seqlen: int = 61, tokens_per_step: int = 307) -> Pretraining:
    config = ObjectiveConfig(nsp=False, weights={"clm": 1.0})
    return Pretraining(config, shards, vocabulary(shards.vocab_size), max_seqlen, tokens_per_step, 7, causal=True)


def xlm(seed: int = 3) -> Model:
    model = XLM.model(CONFIG, ("mlm",))
    randomize(model, seed)
    return model.eval()


@pytest.fixture(scope="module")
def objective(tmp_path_factory: pytest.TempPathFactory) -> Pretraining:
    return causal(stored(tmp_path_factory.mktemp("corpus") / "shards", documents(101, 17)))


def test_each_token_is_asked_for_the_next_one(tmp_path: Path) -> None:
    objective = causal(
        stored(tmp_path / "shards", counting_documents([5, 3, 2], 4)), max_seqlen=13, tokens_per_step=13
    )
    for batch in [*map(objective.batch, range(7)), *objective.validation_batches(100)]:
        assert (batch.causal, batch.objective) == (True, "clm")
        assert batch.labels is not None
        assert batch.label_index is not None
        assert not (batch.input_ids == MASK).any()
        wanted = []
        for first, end in zip(batch.cu_seqlens[:-1].tolist(), batch.cu_seqlens[1:].tolist(), strict=True):
            ids = batch.input_ids[first:end].tolist()
            assert ids[0] == CLS
            assert ids[1:-1] == list(range(ids[1], ids[1] + len(ids) - 2))
            assert ids[-1] == SEP
            wanted += [(first + place, label) for place, label in enumerate(ids[1:])]
        assert list(zip(batch.label_index.tolist(), batch.labels.tolist(), strict=True)) == wanted
        assert objective.counts(batch) == {"clm": batch.num_tokens - batch.num_sequences}


def float64_loss(model: Model, ids: Tensor) -> Tensor:
    """One sequence through XLM's layers, written out (Vaswani et al. 2017, section 3; XLM, section 3.2)."""
    weights = {name: value.double() for name, value in model.state_dict().items()}

    def linear(x: Tensor, name: str) -> Tensor:
        return F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(x: Tensor, name: str) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + CONFIG.layer_norm_eps).sqrt()
        return torch.addcmul(weights[f"{name}.bias"], scaled, weights[f"{name}.weight"])

    embeddings = "encoder.embeddings"
    x = weights[f"{embeddings}.word.weight"][ids] + weights[f"{embeddings}.position.weight"][: len(ids)]
    x = norm(x, f"{embeddings}.norm")
    for layer in range(CONFIG.num_hidden_layers):
        prefix = f"encoder.layers.{layer}"
        heads = [part.chunk(2, -1) for part in linear(x, f"{prefix}.attention.qkv").chunk(3, -1)]
        outs = []
        for query, key, value in zip(*heads, strict=True):
            rows = []
            for place in range(len(ids)):
                scores = key[: place + 1] @ query[place] / CONFIG.head_dim**0.5
                rows.append(torch.softmax(scores, 0) @ value[: place + 1])
            outs.append(torch.stack(rows))
        x = norm(x + linear(torch.cat(outs, -1), f"{prefix}.attention.out"), f"{prefix}.attention_norm")
        x = norm(x + linear(F.gelu(linear(x, f"{prefix}.mlp.up")), f"{prefix}.mlp.down"), f"{prefix}.mlp_norm")
    logits = x @ weights[f"{embeddings}.word.weight"].T + weights["heads.mlm.decoder.bias"]
    picked = torch.log_softmax(logits[:-1], -1).gather(1, ids[1:, None])
    return -picked.sum()


def test_the_loss_is_that_of_a_computation_written_out_in_double_precision(objective: Pretraining) -> None:
    model, batch = xlm(), objective.batch(3)
    output = objective.loss(model, batch)
    lengths = batch.cu_seqlens.diff().tolist()
    expected = torch.stack([float64_loss(model, ids) for ids in torch.split(batch.input_ids, lengths)]).sum()
    assert set(output.losses) == {"clm"}
    torch.testing.assert_close(output.losses["clm"].double(), expected, rtol=2e-5, atol=0.0)
    assert output.metrics["clm_loss"][1] == objective.counts(batch)["clm"]


def test_packed_is_one_sequence_at_a_time(objective: Pretraining) -> None:
    model, batch = xlm(), objective.batch(2)
    whole = objective.loss(model, batch)
    alone = [objective.loss(model, piece) for piece in batch.split(1)]
    assert len(alone) == batch.num_sequences > 3
    torch.testing.assert_close(torch.stack([part.losses["clm"] for part in alone]).sum(), whole.losses["clm"])
    assert sum(part.metrics["clm_loss"][1] for part in alone) == whole.metrics["clm_loss"][1]


@pytest.mark.parametrize("lengths", [(5, 1, 29, 13, 2), (7, 7, 7)], ids=str)
def test_it_is_the_causal_xlm_of_transformers(lengths: Sequence[int]) -> None:
    model = xlm()
    config = transformers.XLMConfig(**{**config_to_theirs(XLM, CONFIG, ["mlm"]), "causal": True})
    theirs = transformers.XLMWithLMHeadModel(config).eval()
    left = theirs.load_state_dict(state_to_theirs(XLM, model), strict=False)
    assert left.unexpected_keys == []
    batch = replace(make_batch(CONFIG, lengths), causal=True, token_type_ids=None)
    padded = batch.dense(pad_token_id=CONFIG.pad_token_id)
    with torch.no_grad():
        expected = theirs(**padded).logits[padded["attention_mask"].bool()]
        found = model.logits("mlm", batch)
        seen = model.logits("mlm", replace(batch, causal=False))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert (seen - expected).abs().max() > 0.1  # so that the comparison can fail


def test_rows_alone_are_the_rows_of_all(objective: Pretraining) -> None:
    model, batch = xlm(), objective.batch(1)
    rows = torch.arange(3, batch.num_tokens, 5)
    torch.testing.assert_close(model.encoder(batch, rows), model.encoder(batch)[rows])


def test_a_later_token_changes_nothing_before_it(objective: Pretraining) -> None:
    model, batch = xlm(), objective.batch(0)
    place = int(batch.cu_seqlens[1]) // 2

    def hidden(given: Batch) -> Tensor:
        with torch.no_grad():
            out: Tensor = model.encoder(given)
        return out

    changed = batch.input_ids.clone()
    changed[place] = MASK
    before, after = hidden(batch), hidden(replace(batch, input_ids=changed))
    torch.testing.assert_close(after[:place], before[:place], rtol=0.0, atol=0.0)
    assert (after[place] - before[place]).abs().max() > 1e-3
