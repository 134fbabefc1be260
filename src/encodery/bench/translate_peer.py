"""The peer of `encodery bench translate`: MarianMT in `transformers`, its `generate`, and a plain loop over padded
batches with fused AdamW."""

from itertools import cycle
from typing import Any

import torch
import transformers

from encodery.bench.gate import Steps
from encodery.bench.translate_jobs import Job, Size
from encodery.bench.translate_ours import NUM_PAIRS, SIZES, lengths_of
from encodery.bench.translate_pairs import END_TOKEN_ID, PAD_TOKEN_ID, START_TOKEN_ID, Pairs

_LR, _MAX_GRAD_NORM = 1e-4, 1.0


def build_model(size: Size) -> Any:
    """The same sizes as ours, random weights; encoder and decoder have words of their own there, too."""
    sizes = SIZES[size]
    sides = {
        f"{side}_{theirs}": sizes[ours]
        for side in ("encoder", "decoder")
        for theirs, ours in (
            ("layers", "num_hidden_layers"),
            ("attention_heads", "num_attention_heads"),
            ("ffn_dim", "intermediate_size"),
        )
    }
    config = transformers.MarianConfig(
        vocab_size=sizes["vocab_size"],
        decoder_vocab_size=sizes["vocab_size"],
        d_model=sizes["hidden_size"],
        max_position_embeddings=512,
        activation_function="gelu",
        share_encoder_decoder_embeddings=False,
        pad_token_id=PAD_TOKEN_ID,
        eos_token_id=END_TOKEN_ID,
        decoder_start_token_id=START_TOKEN_ID,
        forced_eos_token_id=None,
        **sides,
    )
    return transformers.MarianMTModel(config)


class EndsAt(transformers.LogitsProcessor):  # type: ignore[misc]
    """Each translation ends at its length, and nowhere else."""

    def __init__(self, lengths: list[int], beams: int) -> None:
        self._lengths = torch.tensor(lengths).repeat_interleave(beams)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        last = self._lengths <= input_ids.shape[1]
        end = torch.where(last, 0.0, -torch.inf)
        scores[last] = -torch.inf
        scores[:, END_TOKEN_ID] = end
        return scores


def decode(job: Job, steps: Steps, model: Any) -> None:
    """Translate batch after batch, until `steps` ends it."""
    batches = Pairs.make(SIZES[job.size]["vocab_size"], NUM_PAIRS).batches(job.pairs)
    model.eval()
    for pairs in cycle(batches):
        steps.arrive()
        lengths = lengths_of(job, pairs)
        padded = pairs.padded()
        given = {name: torch.from_numpy(padded[name]) for name in ("input_ids", "attention_mask")}
        options = {"num_beams": job.beams, "do_sample": False, "max_new_tokens": max(lengths)}
        if job.new_tokens is None:
            processors = transformers.LogitsProcessorList([EndsAt(lengths, job.beams)])
            found = model.generate(**given, **options, logits_processor=processors)
        else:
            found = model.generate(**given, **options, eos_token_id=None)
        assert found.shape[1] == max(lengths) + 1
        steps.add(sum(lengths))


def train(job: Job, steps: Steps, model: Any) -> None:
    """Train on batch after batch, until `steps` ends it."""
    batches = Pairs.make(SIZES[job.size]["vocab_size"], NUM_PAIRS).batches(job.pairs)
    optimizer = torch.optim.AdamW(model.parameters(), _LR, fused=True)
    model.train()
    for pairs in cycle(batches):
        steps.arrive()
        given = {name: torch.from_numpy(rows) for name, rows in pairs.padded().items()}
        with torch.autocast("cpu", torch.bfloat16, enabled=job.precision == "bf16"):
            loss = model(**given).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), _MAX_GRAD_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
        steps.add(pairs.tokens)
