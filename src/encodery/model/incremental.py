"""Decoding token by token: what each layer has seen is kept, so that a step computes one token of each sequence only.

Rows are sentences times beams, with no padding: sentences that are done leave. The beams of a sentence share its
source, whose keys and values are there once, and they share one pool of past keys and values: which of them are a
beam's own past is a mask. So a change of beams moves a mask of a few numbers, never a cache.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from encodery.batch import Batch
from encodery.model.attention import contiguous_heads, make_group
from encodery.model.decoder import DecoderLayer
from encodery.model.packed_linear import packed
from encodery.model.rope import rotations
from encodery.model.translator import Translator


class Memory:
    """The state of decoding for a batch of sources: `logits` of the next tokens, `follow` and `leave` between."""

    def __init__(self, model: Translator, source: Batch, beams: int, max_steps: int) -> None:
        """Encode the sources; at most `max_steps` tokens can follow, for `beams` beams of each."""
        self._decoder, self._head = packed(model.decoder), packed(model.head)
        self._beams, self._max_steps = beams, max_steps
        self._step = 0
        self._sentences = source.num_sequences
        config = model.decoder_config
        self._heads, self._size = config.num_attention_heads, config.head_dim
        encoded = model.encoder(source)
        bounds = source.cu_seqlens.cpu().numpy().astype("int64")
        group = make_group(bounds, torch.arange(self._sentences).numpy(), source.max_seqlen, encoded.device)
        both = [
            contiguous_heads(layer.cross_attention.key_value(encoded), group, 2, self._heads)
            for layer in self._decoder.stack
        ]
        shape = (len(both), 2, self._sentences, self._heads)
        self._across = torch.stack([part for pair in both for part in pair]).view(*shape, -1, self._size)
        """(layers, key and value, sentences, heads, source length, size)"""
        self._hidden: Float[Tensor, "sentences 1 1 source"] | None = None
        """What is added to scores: -inf where a shorter source has no token."""
        if group.valid is not None:
            zeros = torch.zeros(group.valid.shape, dtype=self._across.dtype, device=encoded.device)
            self._hidden = zeros.masked_fill_(~group.valid, -torch.inf)[:, None, None]
        self._past = self._across.new_empty(*shape, max_steps, beams, self._size)
        """(layers, key and value, sentences, heads, steps, beams, size)"""
        own = torch.full((self._sentences, beams, max_steps, beams), -torch.inf, device=encoded.device)
        self._own = own.to(self._past.dtype)
        """What is added to the score of a beam with each past key of its sentence: 0 for its own past, else -inf."""

    def logits(
        self, input_ids: Int[Tensor, " rows"], language_ids: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows vocabulary"]:
        """Read the next token of every beam, sentence by sentence; what may come behind it."""
        batch = self._as_batch(input_ids, language_ids)
        decoder = self._decoder
        own = torch.arange(self._beams, device=input_ids.device)
        self._own[: self._sentences, own, self._step, own] = 0.0
        turns = rotations(batch.position_ids, self._size, decoder.rope_thetas)
        hidden: Tensor = decoder.embeddings(batch)
        for number, layer in enumerate(decoder.stack):
            qkv = layer.attention.project(layer.take(hidden, layer.attention_norm), turns)
            update = layer.attention.out(self._look_back(qkv, number, layer))
            hidden = layer.add(update, hidden, layer.attention_norm, layer.attention_dropout)
            query = layer.cross_attention.query(layer.take(hidden, layer.cross_norm))
            update = layer.cross_attention.out(self._look_across(query, number))
            hidden = layer.add(update, hidden, layer.cross_norm, layer.attention_dropout)
            hidden = layer.feed(hidden)
        self._step += 1
        logits: Tensor = self._head(decoder.norm(hidden))
        return logits

    def follow(self, parents: Int[Tensor, "sentences beams"]) -> None:
        """Beam `i` of a sentence goes on from the beam `parents[i]`."""
        if self._beams > 1:
            seen = self._own[: self._sentences, :, : self._step]
            seen.copy_(seen.gather(1, parents[:, :, None, None].expand_as(seen)))

    def leave(self, done: Bool[Tensor, " sentences"]) -> Int[Tensor, " left"]:
        """Forget sentences. Returns the former places of those that stay, in the order in which they stand now."""
        count = int((~done).sum())
        order = torch.arange(count, device=done.device)
        gaps = done[:count].nonzero()[:, 0]
        movers = (~done[count:]).nonzero()[:, 0] + count  # the last ones fill the gaps, the others stay in place
        order[gaps] = movers
        self._across[:, :, gaps] = self._across[:, :, movers]
        self._past[:, :, gaps, :, : self._step] = self._past[:, :, movers, :, : self._step]
        self._own[gaps] = self._own[movers]
        if self._hidden is not None:
            self._hidden[gaps] = self._hidden[movers]
        self._sentences = count
        return order

    def _as_batch(self, input_ids: Tensor, language_ids: Tensor | None) -> Batch:
        """Sequences of one token each, that stand where the sequences so far end."""
        rows = torch.arange(len(input_ids) + 1, dtype=torch.int32, device=input_ids.device)
        return Batch(input_ids, torch.full_like(input_ids, self._step), rows, 1, language_ids=language_ids)

    def _look_back(self, qkv: Tensor, number: int, layer: DecoderLayer) -> Float[Tensor, "rows hidden"]:
        """Self-attention of the new tokens, which enter the past."""
        reach = layer.attention.reach
        end = self._step + 1
        first = 0 if reach is None else max(0, end - 1 - reach)
        three = qkv.view(self._sentences, self._beams, 3, self._heads, self._size).permute(2, 0, 3, 1, 4)
        past = self._past[number, :, : self._sentences]
        past[:, :, :, self._step] = three[1:]
        keys, values = past[:, :, :, first:end].flatten(3, 4)
        mask = self._own[: self._sentences, None, :, first:end].flatten(3) if self._beams > 1 else None
        return self._attend(three[0], keys, values, mask)

    def _look_across(self, query: Tensor, number: int) -> Float[Tensor, "rows hidden"]:
        queries = query.view(self._sentences, self._beams, self._heads, self._size).transpose(1, 2)
        keys, values = self._across[number, :, : self._sentences]
        return self._attend(queries, keys, values, None if self._hidden is None else self._hidden[: self._sentences])

    def _attend(
        self,
        query: Float[Tensor, "sentences heads beams size"],
        keys: Float[Tensor, "sentences heads keys size"],
        values: Float[Tensor, "sentences heads keys size"],
        mask: Float[Tensor, "sentences #heads #beams keys"] | None,
    ) -> Float[Tensor, "rows hidden"]:
        scores = torch.matmul(query * self._size**-0.5, keys.transpose(2, 3))
        if mask is not None:
            scores += mask
        mixed = torch.matmul(torch.softmax(scores, -1), values)
        return mixed.transpose(1, 2).reshape(self._sentences * self._beams, -1)
