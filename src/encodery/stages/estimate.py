"""What a plan will cost: tokens, floating-point operations, memory and time, before anything runs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from rich import box
from rich.console import Group
from rich.table import Table

from encodery.families.folder import read_sizes
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.model.skeleton import shapes_only
from encodery.objectives.phases import tokens_by_length
from encodery.objectives.turns import Turns
from encodery.recipe import PRETRAIN, PretrainTable
from encodery.recipe.teaching import DISTILL, DistillTable
from encodery.stages.engine import Planned, Run, base_folder
from encodery.stages.given_shards import given_tokenizer
from encodery.train.progress import format_duration

UTILIZATION = 0.35
"""Share of the measured matrix product speed that a training step reaches; see benchmarks/results."""
BYTES_PER_PARAMETER = 16
"""Weights, gradients and the two moments of AdamW, four bytes each."""
PROCESS_BYTES = 900_000_000
"""The interpreter, PyTorch, freed memory that training keeps: 0.8 to 1 GB with 1.5 to 7 million weights."""
MASKED_SHARE = 0.15
"""Of the tokens, those that masked and translation LM score; causal LM scores all."""
UNKNOWN_VOCABULARY = 30_522
"""BERT's, for a teacher whose vocabulary no one knows yet."""


@dataclass(frozen=True)
class Cost:
    """Of one training stage; `flops` for the whole stage, forward and backward; memory of the process, on a CPU."""

    tokens: int
    flops: float
    memory_bytes: int


def pretrain_cost(run: Run) -> Cost:
    """The cost of `[pretrain]`, from sizes alone; no tokens and operations where only its time is known."""
    recipe, table = run.recipe, run.recipe.pretrain
    assert table is not None
    config = _pretrained_config(run, table)
    again = table.activation_checkpointing
    causal = Turns(table.objective, recipe.seed).before(table.total_steps)["clm"] / table.total_steps
    scored = causal + (1 - causal) * MASKED_SHARE
    each = [
        (tokens, flops_per_token(config, length, scored) * (4 / 3 if again else 1))
        for length, tokens in tokens_by_length(table.stretches, table.steps or 0)
    ]
    micro = min(max(part.tokens_per_step for part in table.stretches), table.micro_batch_tokens)
    memory = memory_bytes(config, micro, again, 1.0 if causal else MASKED_SHARE)
    return Cost(table.total_tokens, sum(tokens * flops for tokens, flops in each), PROCESS_BYTES + memory)


def _pretrained_config(run: Run, table: PretrainTable) -> EncoderConfig:
    """The sizes of the model that is pretrained: of the folder it continues from, or of `[model]`."""
    if table.source:
        return read_sizes(base_folder(run, table.source))
    if run.recipe.tokenizer is None:
        return run.recipe.model.encoder(given_tokenizer(run).vocab_size)
    return run.recipe.model.encoder(run.recipe.tokenizer.vocab_size)


def distill_cost(run: Run) -> Cost:
    """The cost of `[distill]`: of training the student, and of the teacher's way forward, a third of training it.

    Where every token has soft targets, every one reaches both vocabularies.
    """
    recipe, table = run.recipe, run.recipe.distill
    assert table is not None
    teacher = _teacher(run, table)
    student = recipe.student.encoder(teacher.vocab_size)
    scored = 1.0 if table.objective.scored == "all" else MASKED_SHARE
    again = 4 / 3 if table.activation_checkpointing else 1
    flops = sum(
        tokens * (flops_per_token(student, length, scored) * again + flops_per_token(teacher, length, scored) / 3)
        for length, tokens in tokens_by_length(table.stretches, table.steps or 0)
    )
    micro = min(max(part.tokens_per_step for part in table.stretches), table.micro_batch_tokens)
    asked = num_parameters(teacher) * (2 if table.teacher_precision == "bf16" else 4)
    own_bytes = memory_bytes(student, micro, table.activation_checkpointing)
    return Cost(table.total_tokens, flops, PROCESS_BYTES + own_bytes + asked)


def _teacher(run: Run, table: DistillTable) -> EncoderConfig:
    """The teacher's sizes: of its folder, or of `[model]` where this run has yet to make it."""
    folder = base_folder(run, table.teacher)
    if (folder / "config.json").is_file():
        return read_sizes(folder)
    tokenizer = run.recipe.tokenizer
    return run.recipe.model.encoder(tokenizer.vocab_size if tokenizer else UNKNOWN_VOCABULARY)


def flops_per_token(config: EncoderConfig, seqlen: int, scored: float = MASKED_SHARE) -> float:
    """Six operations per weight and token (two forward, four backward), attention's products, and the vocabulary."""
    width, layers = config.hidden_size, range(config.num_hidden_layers)
    weights = len(layers) * (4 * width**2 + (3 if config.gated_mlp else 2) * width * config.intermediate_size)
    seen = sum(seqlen if config.is_global(layer) else min(seqlen, config.attention_window + 1) for layer in layers)
    attention = 12 * seen * width
    vocabulary = scored * 6 * (width**2 + width * config.vocab_size)
    return 6 * weights + attention + vocabulary


def memory_bytes(config: EncoderConfig, tokens: int, recomputed: bool = False, scored: float = MASKED_SHARE) -> int:
    """Parameters with their optimizer state, and what the backward pass keeps of each layer; where layers are
    computed again, all of one of them and the others' inputs."""
    layer = (20 * config.hidden_size + 4 * config.intermediate_size) * 2
    inputs = config.num_hidden_layers * config.hidden_size * 4
    per_token = layer + inputs if recomputed else config.num_hidden_layers * layer
    logits = int(scored * tokens) * config.vocab_size * 4
    return num_parameters(config) * BYTES_PER_PARAMETER + tokens * per_token + logits


def num_parameters(config: EncoderConfig) -> int:
    """Of a pretraining model."""
    with shapes_only():
        return sum(parameter.numel() for parameter in Model(config, ("mlm", "nsp")).parameters())


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


def plan_table(run: Run, planned: Sequence[Planned]) -> Group:
    """The plan as a person reads it, on 80 columns too: what runs and why; then what it will cost."""
    table = Table(title=f"{run.folder}", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("stage", "state"):
        table.add_column(name, no_wrap=True, overflow="fold")  # a name that is cut names nothing
    table.add_column("why")
    for item in planned:
        table.add_row(item.stage.name, item.state, item.reason)
    return Group(table, *filter(None, (_stated_cost(run, item) for item in planned)))


def _stated_cost(run: Run, item: Planned) -> str:
    """Tokens, operations, memory and time of a stage that pretrains or distils and is to run; none of others."""
    recipe = run.recipe
    costed = {PRETRAIN: (recipe.pretrain, pretrain_cost), DISTILL: (recipe.distill, distill_cost)}
    trained, cost_of = costed.get(item.stage.name, (None, None))
    if not trained or not cost_of or item.state == "fresh":
        return ""
    estimate = cost_of(run)
    seconds = estimate.flops / (UTILIZATION * measured_flops(trained.precision))
    memory = f"about {estimate.memory_bytes / 1e9:.1f} GB"
    if trained.time and not (estimate.tokens and seconds < trained.time):
        return f"{item.stage.name}: {memory}, {format_duration(trained.time)}"
    work = f"{estimate.tokens:,} tokens, {estimate.flops:.1e} FLOPs"
    return f"{item.stage.name}: {work}, {memory}, about {format_duration(seconds)} on this machine as it is now"
