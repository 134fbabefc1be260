"""Fill-mask: the likeliest words in the place of a text's mask token."""

from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from encodery.batch import Batch
from encodery.data.examples import Example
from encodery.errors import UserError
from encodery.model.heads import Model
from encodery.tasks.languages import Languages
from encodery.tasks.task import Encoded, check_single, encode_text
from encodery.text.tokenizer import Tokenizer

TOP = 5


class FillMask:
    """Predictions are `{"predictions": [{"token", "token_id", "score", "sequence"}, ...]}`, the likeliest first."""

    name = "fill-mask"
    heads: tuple[str, ...] = ("mlm",)

    def __init__(self, tokenizer: Tokenizer, max_seqlen: int, languages: Languages | None = None) -> None:
        self.tokenizer = tokenizer
        self.max_seqlen = max_seqlen
        self.languages = languages or Languages()

    def encode(self, example: Example) -> Encoded:
        """Token ids of the text.

        Raises:
            UserError: the example is a pair, has not exactly one mask token among the tokens that the model can read,
                or is in a language that the model does not know.
        """
        check_single(example, self.name)
        encoded = encode_text(self.tokenizer, self.languages, example, self.max_seqlen)
        count = list(encoded.sequence.input_ids).count(self.tokenizer.mask_token_id)
        if count != 1:
            mask = self.tokenizer.id_to_token(self.tokenizer.mask_token_id)
            behind = f" within the first {self.max_seqlen} tokens" if encoded.truncated else ""
            raise UserError(f"{example.source}: {count} mask tokens {mask}{behind}; exactly one is needed")
        return encoded

    def predict(self, model: Model, batch: Batch) -> list[dict[str, Any]]:
        """One prediction per sequence."""
        masked = (batch.input_ids == self.tokenizer.mask_token_id).nonzero()[:, 0]
        head: Any = model.heads["mlm"]
        scores = torch.softmax(head(model.encoder(batch, masked.int())).float(), -1)
        best = scores.topk(min(TOP, scores.shape[-1]))
        rows = zip(
            batch.cu_seqlens.tolist(), batch.seqlens(), masked.tolist(), best.indices, best.values, strict=False
        )
        return [
            {"predictions": self._filled(batch.input_ids[start : start + length], place - start, ids, values)}
            for start, length, place, ids, values in rows
        ]

    def _filled(
        self, input_ids: Int[Tensor, " tokens"], place: int, best: Int[Tensor, " best"], scores: Tensor
    ) -> list[dict[str, Any]]:
        """The text with each of the words, special tokens left out."""
        ids = input_ids.tolist()
        return [
            {
                "token": self._word(token),
                "token_id": token,
                "score": score,
                "sequence": self.tokenizer.decode([*ids[:place], token, *ids[place + 1 :]]),
            }
            for token, score in zip(best.tolist(), scores.tolist(), strict=True)
        ]

    def _word(self, token: int) -> str:
        special = token in self.tokenizer.special_ids
        return self.tokenizer.id_to_token(token) if special else self.tokenizer.decode([token])
