"""What every kind of tokenizer can do, whatever stands behind it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int32

from encodery.text.layout import Layout


@runtime_checkable
class Kind(Protocol):
    """Text to ids without special tokens around it, and back; the four kinds are WordPiece, byte-level BPE, unigram
    and the BPE of XLM."""

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """Every token and its id; the ids run from 0 without a gap."""

    @property
    def special_tokens(self) -> Mapping[str, str]:
        """The tokens by the names of `transformers`: pad_token, unk_token, cls_token, sep_token, mask_token."""

    @property
    def special_ids(self) -> frozenset[int]:
        """The ids of all special tokens, those without a name included."""

    @property
    def layout(self) -> Layout:
        """Where special tokens stand around one text and around a pair."""

    def encode(self, text: str, limit: int | None) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids and offsets; may stop as soon as there are more than `limit`."""

    def encode_ids(self, text: str, limit: int | None) -> list[int]:
        """The ids of `encode` alone, which take less time without offsets."""

    def encode_batch(self, texts: Sequence[str]) -> list[Int32[np.ndarray, " tokens"]]:
        """The ids of each text."""

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, special tokens left out."""

    def continues_word(self, token: str) -> bool:
        """Whether the token goes on with the word before it."""

    def ends_word(self, token: str) -> bool:
        """Whether no token behind this one goes on with its word."""

    def save(self, folder: Path) -> None:
        """Write the files that `transformers.AutoTokenizer` opens."""
