"""Fill-mask: the likeliest words in the place of a text's mask token."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from encodery.batch import Batch
from encodery.data.examples import Example, ExampleFields, input_example
from encodery.errors import UserError
from encodery.files.records import Record
from encodery.model.forward import Forward
from encodery.tasks.languages import Languages
from encodery.tasks.task import check_single
from encodery.tasks.windows import Encoded, Reading, read_windows
from encodery.text.tokenizer import Tokenizer

TOP = 5


class FillMask:
    """Predictions are `{"predictions": [{"token", "token_id", "score", "sequence"}, ...]}`, the likeliest first."""

    name = "fill-mask"
    fields = ExampleFields

    def __init__(self, tokenizer: Tokenizer, reading: Reading, languages: Languages | None = None) -> None:
        self.tokenizer = tokenizer
        self.reading = reading
        self.languages = languages or Languages()

    @staticmethod
    def read(source: str, record: Record, columns: ExampleFields | None) -> Example:
        """A text with a mask token."""
        return input_example(source, record)

    def encode(self, example: Example) -> Encoded:
        """The window in which the mask token has most context.

        Raises:
            UserError: the example is a pair, has not exactly one mask token among the tokens that the model can read,
                or is in a language that the model does not know.
        """
        check_single(example, self.name)
        language_id = self.languages.id_of(example)
        encoded = read_windows(self.tokenizer, self.reading, example.text, None, example.source, language_id)
        mask_id = self.tokenizer.mask_token_id
        masked = [window for window in encoded.windows if mask_id in window.sequence.input_ids[window.own]]
        count = sum([*window.sequence.input_ids[window.own]].count(mask_id) for window in masked)
        if count != 1:
            mask = self.tokenizer.id_to_token(mask_id)
            behind = f" within the first {self.reading.max_seqlen} tokens" if encoded.truncated else ""
            raise UserError(f"{example.source}: {count} mask tokens {mask}{behind}; exactly one is needed")
        return replace(encoded, windows=tuple(masked))

    def outputs(self, model: Forward, batch: Batch) -> list[tuple[list[int], list[float]]]:
        """The likeliest tokens in the place of each sequence's mask token, with their probabilities."""
        masked = (batch.input_ids == self.tokenizer.mask_token_id).nonzero()[:, 0]
        scores = torch.softmax(model.logits("mlm", batch, masked.int()).float(), -1)
        best = scores.topk(min(TOP, scores.shape[-1]))
        return list(zip(best.indices.tolist(), best.values.tolist(), strict=True))

    def decode(
        self, example: Example, encoded: Encoded, outputs: Sequence[tuple[list[int], list[float]]]
    ) -> dict[str, Any]:
        """The text with each of the words in place, special tokens left out, up to where it was cut off."""
        (window,), ((best, scores),) = encoded.windows, outputs
        ids = encoded.cut.ids[: window.stop if encoded.truncated else None]
        place = ids.index(self.tokenizer.mask_token_id)
        return {
            "predictions": [
                {
                    "token": self._word(token),
                    "token_id": token,
                    "score": score,
                    "sequence": self.tokenizer.decode([*ids[:place], token, *ids[place + 1 :]]),
                }
                for token, score in zip(best, scores, strict=True)
            ]
        }

    def _word(self, token: int) -> str:
        special = token in self.tokenizer.special_ids
        return self.tokenizer.id_to_token(token) if special else self.tokenizer.decode([token])
