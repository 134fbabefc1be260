"""Answers by beam search: a head that looks for the end of an answer in view of its beginning (XLNet, XLM)."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from encodery.batch import Batch
from encodery.model.config import EncoderConfig

NEVER = -1e30
"""The logit of a token that cannot be part of an answer, as in `transformers`."""


@dataclass(frozen=True)
class Beam:
    """The best beginnings and ends of an answer in each sequence; names and layout are those of `transformers`.

    The index of a token counts from the beginning of its sequence; what `transformers` calls a log-probability is a
    probability. Rows of ends go by rank first: `end * start_n_top + start`.
    """

    start_top_log_probs: Float[Tensor, "sequences starts"]
    start_top_index: Int[Tensor, "sequences starts"]
    end_top_log_probs: Float[Tensor, "sequences ends"]
    end_top_index: Int[Tensor, "sequences ends"]
    cls_logits: Float[Tensor, " sequences"]
    """High where the question has no answer."""


class BeamHead(nn.Module):
    """A probability for each beginning, one for each end behind it, and whether there is an answer at all."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.start_n_top, self.end_n_top = config.start_n_top, config.end_n_top
        self.start = nn.Linear(size, 1)
        self.end_dense = nn.Linear(2 * size, size)
        self.end_norm = nn.LayerNorm(size, eps=config.layer_norm_eps)
        self.end = nn.Linear(size, 1)
        self.answer_dense = nn.Linear(2 * size, size)
        self.answer = nn.Linear(size, 1, bias=False)

    def forward(
        self,
        hidden: Float[Tensor, "tokens hidden"],
        batch: Batch,
        p_mask: Bool[Tensor, " tokens"] | None = None,
        cls_index: Int[Tensor, " sequences"] | None = None,
    ) -> Beam:
        """Search in the last hidden states of packed tokens.

        Args:
            p_mask: true for tokens that cannot be part of an answer: the question, special tokens.
            cls_index: the token of each sequence, counted from its beginning, that answerability is read from; the
                last one if not given.

        Where a batch has fewer tokens in its longest sequence than the beam is wide, the beam is as wide as that.
        """
        never = torch.zeros_like(batch.input_ids, dtype=torch.bool) if p_mask is None else p_mask
        first = batch.cu_seqlens[:-1].long()
        starts = _padded_softmax(self.start(hidden).masked_fill(never[:, None], NEVER), batch)[..., 0]
        start_top, start_index = starts.topk(min(self.start_n_top, batch.max_seqlen), dim=-1)
        # tokens of padding have probability 0; where a sequence is too short for the beam they stand behind its end
        states = hidden[(first[:, None] + start_index).clamp(max=len(hidden) - 1)]
        ends = _padded_softmax(self._end_logits(hidden, states, batch).masked_fill(never[:, None], NEVER), batch)
        end_top, end_index = ends.topk(min(self.end_n_top, batch.max_seqlen), dim=1)
        last = batch.cu_seqlens.diff() - 1
        answer_token = hidden[first + (last if cls_index is None else cls_index)]
        weights = starts[_places(batch)]
        expected = torch.zeros_like(answer_token).index_add(0, _places(batch)[0], hidden * weights[:, None])
        answer = torch.tanh(self.answer_dense(torch.cat([expected, answer_token], -1)))
        return Beam(start_top, start_index, end_top.flatten(1), end_index.flatten(1), self.answer(answer)[:, 0])

    def _end_logits(
        self, hidden: Float[Tensor, "tokens hidden"], states: Float[Tensor, "sequences starts hidden"], batch: Batch
    ) -> Float[Tensor, "tokens starts"]:
        """Of each token as the end behind each of its sequence's beginnings.

        The dense layer over (token, beginning) is a sum of two products: one per token, one per beginning.
        """
        of_token, of_start = self.end_dense.weight.chunk(2, dim=1)
        sequence = _places(batch)[0]
        joined = (hidden @ of_token.T)[:, None] + (states @ of_start.T + self.end_dense.bias)[sequence]
        logits: Tensor = self.end(self.end_norm(torch.tanh(joined)))
        return logits[..., 0]


def _places(batch: Batch) -> tuple[Int[Tensor, " tokens"], Int[Tensor, " tokens"]]:
    """The sequence of each token and its place there."""
    lengths = batch.cu_seqlens.diff()
    sequence = torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths)
    return sequence, torch.arange(batch.num_tokens, device=lengths.device) - batch.cu_seqlens[sequence]


def _padded_softmax(
    logits: Float[Tensor, "tokens columns"], batch: Batch
) -> Float[Tensor, "sequences max_seqlen columns"]:
    """Probabilities over the tokens of each sequence, padding 0."""
    padded = logits.new_full((batch.num_sequences, batch.max_seqlen, logits.shape[1]), -torch.inf)
    return padded.index_put(_places(batch), logits).softmax(dim=1)
