"""Translations of packed sources by a translator."""

import torch
from jaxtyping import Int
from torch import Tensor

from encodery.batch import Batch
from encodery.model.incremental import Memory
from encodery.model.search import GenerationConfig, Hypothesis, Targets, search
from encodery.model.translator import Translator


@torch.no_grad()
def generate(
    model: Translator, source: Batch, targets: Targets, config: GenerationConfig | None = None
) -> list[list[Hypothesis]]:
    """The best translations of every source, best first; the model is as in evaluation meanwhile. Computed in the
    dtype of its weights, also within autocast: what an evaluation within a run says is what is said after it.
    """
    config = config or GenerationConfig()
    limits = step_limits(source, config, model.decoder_config.num_positions)
    training = model.training
    model.eval()
    try:
        with torch.autocast(source.input_ids.device.type, enabled=False):
            memory = Memory(model, source, config.num_beams, int(limits.max()))
            return search(memory, targets, limits, config)
    finally:
        model.train(training)


def step_limits(source: Batch, config: GenerationConfig, num_positions: int) -> Int[Tensor, " sentences"]:
    """How many tokens the translation of each source may have: a function of that source alone."""
    lengths = source.cu_seqlens.diff().double()
    return (lengths * config.max_length_a + config.max_length_b).long().clamp(1, num_positions)
