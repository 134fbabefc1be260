"""Where the special tokens stand around one text and around a pair: data, read off the tokenizer itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import tokenizers
from tokenizers import processors

FIRST, SECOND = -1, -2
"""In place of an id: here stand the tokens of the first text, of the second text."""


@dataclass(frozen=True)
class Layout:
    """Ids in order, `FIRST` and `SECOND` among them, each with its token type.

    BERT: `[CLS] A [SEP] B [SEP]` with types 0 0 0 1 1; RoBERTa and XLM-R: `<s> A </s> </s> B </s>`, XLM:
    `<s> A </s> B </s>`, all of type 0.
    """

    single: tuple[tuple[int, int], ...]
    pair: tuple[tuple[int, int], ...]

    def added(self, pair: bool) -> int:
        """How many special tokens are added to one text or to a pair."""
        return len(self.pair) - 2 if pair else len(self.single) - 1


def plain_layout(single: Sequence[int], pair: Sequence[int]) -> Layout:
    """A layout without token types."""
    return Layout(tuple((index, 0) for index in single), tuple((index, 0) for index in pair))


def bert_processor(cls: tuple[str, int], sep: tuple[str, int]) -> processors.TemplateProcessing:
    """What the library adds to give `[CLS] A [SEP] B [SEP]`, the second text of type 1; tokens with their ids."""
    return processors.TemplateProcessing(
        single=f"{cls[0]}:0 $A:0 {sep[0]}:0",
        pair=f"{cls[0]}:0 $A:0 {sep[0]}:0 $B:1 {sep[0]}:1",
        special_tokens=[cls, sep],
    )


def read_layout(backend: tokenizers.Tokenizer, token: str) -> Layout | None:
    """The layout that the backend's post-processor produces; None if it leaves a text or is not of this form.

    Args:
        token: any text that is exactly one token.
    """
    return _checked(_template(backend.encode(token)), _template(backend.encode(token, token)))


def _template(encoding: tokenizers.Encoding) -> tuple[tuple[int, int], ...]:
    markers = (FIRST, SECOND)
    return tuple(
        (index if sequence is None else markers[sequence], token_type)
        for index, sequence, token_type in zip(encoding.ids, encoding.sequence_ids, encoding.type_ids, strict=True)
    )


def _checked(single: tuple[tuple[int, int], ...], pair: tuple[tuple[int, int], ...]) -> Layout | None:
    texts = [[index for index, _ in template if index < 0] for template in (single, pair)]
    opened_and_closed = len(single) >= 3 and min(single[0][0], single[-1][0], pair[0][0], pair[-1][0]) >= 0
    return Layout(single, pair) if texts == [[FIRST], [FIRST, SECOND]] and opened_and_closed else None
