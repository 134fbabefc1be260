"""Causal language modeling (Conneau and Lample, "XLM", 2019, sec. 3.2): the next token, from those before it."""

from typing import ClassVar

import numpy as np
from jaxtyping import Int64, UInt64

from encodery.data.layout import PackedText
from encodery.objectives.masked import MaskedText
from encodery.objectives.scored_tokens import ScoredTokens


class CausalLM(ScoredTokens):
    """Every token but the last of its sequence is asked for the one behind it, the closing `[SEP]` included.

    Nothing is hidden in the text: attention looks back only (`Batch.causal`). As XLM has it, the first token of a
    sequence is given, never asked for.
    """

    name: ClassVar[str] = "clm"
    causal: ClassVar[bool] = True

    def corrupt(
        self,
        text: PackedText,
        streams: UInt64[np.ndarray, " sequences"],
        steps: Int64[np.ndarray, " steps"],
        first_step: int = 0,
    ) -> MaskedText:
        """The scored tokens, each with the next one as its label; the model sees the text as it is."""
        scored = np.delete(np.arange(text.bounds[-1]), text.bounds[1:] - 1)
        return MaskedText(scored, text.input_ids[scored + 1], text.input_ids[scored])
