"""What a plan will cost: tokens, floating-point operations, memory and time, before anything runs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from rich.table import Table

from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.model.skeleton import shapes_only
from encodery.recipe import PRETRAIN
from encodery.stages.engine import Planned, Run
from encodery.train.progress import format_duration

UTILIZATION = 0.35
"""Share of the measured matrix product speed that a training step reaches; see benchmarks/results."""
BYTES_PER_PARAMETER = 16
"""Weights, gradients and the two moments of AdamW, four bytes each."""
MASKED_SHARE = 0.15


@dataclass(frozen=True)
class Cost:
    """Of one training stage; `flops` for the whole stage, forward and backward."""

    tokens: int
    flops: float
    memory_bytes: int


def pretrain_cost(run: Run) -> Cost:
    """The cost of `[pretrain]`, from sizes alone."""
    recipe, table = run.recipe, run.recipe.pretrain
    assert table is not None
    assert recipe.tokenizer is not None
    config = recipe.model.encoder(recipe.tokenizer.vocab_size)
    tokens = table.total_tokens
    micro = min(table.tokens_per_step, table.micro_batch_tokens)
    again = table.activation_checkpointing
    flops = tokens * flops_per_token(config, table.max_seqlen) * (4 / 3 if again else 1)
    return Cost(tokens, flops, memory_bytes(config, micro, again))


def flops_per_token(config: EncoderConfig, seqlen: int) -> float:
    """Six operations per weight and token (two forward, four backward), attention's products, and the vocabulary."""
    width, layers = config.hidden_size, range(config.num_hidden_layers)
    weights = len(layers) * (4 * width**2 + (3 if config.gated_mlp else 2) * width * config.intermediate_size)
    seen = sum(seqlen if config.is_global(layer) else min(seqlen, config.attention_window + 1) for layer in layers)
    attention = 12 * seen * width
    vocabulary = MASKED_SHARE * 6 * (width**2 + width * config.vocab_size)
    return 6 * weights + attention + vocabulary


def memory_bytes(config: EncoderConfig, tokens: int, recomputed: bool = False) -> int:
    """Parameters with their optimizer state, and what the backward pass keeps of each layer; where layers are
    computed again, all of one of them and the others' inputs."""
    with shapes_only():
        parameters = sum(p.numel() for p in Model(config, ("mlm", "nsp")).parameters())
    layer = (20 * config.hidden_size + 4 * config.intermediate_size) * 2
    inputs = config.num_hidden_layers * config.hidden_size * 4
    per_token = layer + inputs if recomputed else config.num_hidden_layers * layer
    logits = int(MASKED_SHARE * tokens) * config.vocab_size * 4
    return parameters * BYTES_PER_PARAMETER + tokens * per_token + logits


def measured_flops(precision: str) -> float:
    """Operations per second of a matrix product on this machine, from a fraction of a second of trying."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = (torch.ones(1024, 1024, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        torch.mm(left, right)
        best = min(best, time.perf_counter() - started)
    return 2 * 1024**3 / best


def plan_table(run: Run, planned: Sequence[Planned]) -> Table:
    """The plan as a person reads it."""
    table = Table(
        "stage", "state", "why", "tokens", "FLOPs", "memory", "time", title=f"{run.folder}", title_justify="left"
    )
    for item in planned:
        cost = [""] * 4
        if item.stage.name == PRETRAIN and item.state != "fresh" and run.recipe.pretrain:
            estimate = pretrain_cost(run)
            seconds = estimate.flops / (UTILIZATION * measured_flops(run.recipe.pretrain.precision))
            memory = f"{estimate.memory_bytes / 1e9:.1f} GB"
            cost = [f"{estimate.tokens:,}", f"{estimate.flops:.1e}", memory, f"about {format_duration(seconds)}"]
        table.add_row(item.stage.name, item.state, item.reason, *cost)
    return table
