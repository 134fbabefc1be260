"""The estimate of a plan against numbers worked out by hand."""

from pathlib import Path

import pytest

from encodery.model.config import EncoderConfig
from encodery.stages.estimate import (
    BYTES_PER_PARAMETER,
    flops_per_token,
    measured_flops,
    memory_bytes,
    pretrain_cost,
)
from tests.stages.test_run import opened

BASE = EncoderConfig(vocab_size=30522)


def test_flops_of_bert_base() -> None:
    """85 million weights in the layers, six operations each; attention over 128 tokens; 15 % of the vocabulary."""
    layers = 12 * 12 * 768**2
    assert flops_per_token(BASE, 128) == 6 * layers + 12 * 12 * 128 * 768 + 0.15 * 6 * (768**2 + 768 * 30522)


def test_a_gate_is_a_third_product_and_a_window_bounds_what_is_seen() -> None:
    """Of 12 layers, 4 see all of 1,024 tokens and 8 see 64 to either side and the token itself."""
    modern = BASE.model_copy(update={"gated_mlp": True, "global_attn_every_n_layers": 3})
    layers = 12 * (4 * 768**2 + 3 * 768 * 3072)
    attention = 12 * (4 * 1024 + 8 * 129) * 768
    assert flops_per_token(modern, 1024) == 6 * layers + attention + 0.15 * 6 * (768**2 + 768 * 30522)
    assert flops_per_token(modern, 101) == 6 * layers + 12 * 12 * 101 * 768 + 0.15 * 6 * (768**2 + 768 * 30522)


def test_memory_holds_at_least_the_optimizer_state() -> None:
    parameters = 110_106_428  # the pretraining model of BERT-base, as published
    assert memory_bytes(BASE, 0) == parameters * BYTES_PER_PARAMETER
    assert memory_bytes(BASE, 2048) > memory_bytes(BASE, 1024) > parameters * BYTES_PER_PARAMETER


def test_layers_computed_again_keep_their_inputs_alone() -> None:
    """Beside one layer's own: 12 vectors of 768 numbers, four bytes each, a token."""
    layer = (20 * 768 + 4 * 3072) * 2
    saved = memory_bytes(BASE, 1024) - memory_bytes(BASE, 1024, recomputed=True)
    assert saved == 1024 * (11 * layer - 12 * 768 * 4)


def test_this_machine_is_measured() -> None:
    assert 1e8 < measured_flops("fp32") < 1e15


def test_causal_lm_scores_every_token(project: Path) -> None:
    plain, causal, both = (
        pretrain_cost(opened(project, "pretrain.objective.nsp=false", *weights))
        for weights in (
            (),
            ("pretrain.objective.weights={ clm = 1.0 }",),
            (
                "pretrain.objective.schedule=[{ steps = 3, weights = { clm = 1.0 } }]",
                "pretrain.objective.weights={ mlm = 1.0 }",
            ),
        )
    )
    vocabulary = 6 * (32**2 + 32 * 90) * plain.tokens
    assert causal.flops - plain.flops == pytest.approx(0.85 * vocabulary)
    assert both.flops - plain.flops == pytest.approx(0.85 * vocabulary * 3 / 12)  # of 12 steps
    assert causal.memory_bytes == both.memory_bytes > plain.memory_bytes
