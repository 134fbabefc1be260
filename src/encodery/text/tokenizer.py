"""The tokenizer of BERT: WordPiece over the `tokenizers` library, in the folder layout of Hugging Face."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tokenizers
from jaxtyping import Bool, Int32
from pydantic import Field

from encodery.config import Config
from encodery.text.folder import build_backend, read_folder, write_folder
from encodery.text.pieces import cut
from encodery.text.wordpiece import CONTINUING_PREFIX, train_vocabulary

BERT_SPECIAL_TOKENS = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
# Characters handed to the library in one call: its full encodings take about a hundred times the text.
_CALL_CHARS = 1 << 20


class TokenizerSpec(Config):
    """How a vocabulary is trained; names are those of `transformers` and `tokenizers`."""

    type: Literal["wordpiece"] = "wordpiece"
    vocab_size: int = Field(default=30_000, ge=16, le=1_000_000)
    lowercase: bool = True
    strip_accents: bool | None = None
    """None: accents go when text is lower-cased, as in the original BERT."""
    split_cjk: bool = True
    """Every Chinese character is a word."""
    min_frequency: int = Field(default=2, ge=1)
    """A pair of pieces that occurs less often is not merged."""
    limit_alphabet: int = Field(default=1000, ge=1)
    """Characters kept, the most frequent first; a word with any other is [UNK]."""


@dataclass(frozen=True)
class Encoding:
    """One input as the model takes it, [CLS] and [SEP] included.

    `offsets` are characters (code points, half-open) of the text that the token came from: of `text` where
    `token_type_ids` is 0, of `pair` where it is 1; (0, 0) for special tokens that were added.
    """

    input_ids: list[int]
    token_type_ids: list[int]
    offsets: list[tuple[int, int]]
    truncated: bool


class Tokenizer:
    """Text to ids and back. `backend` is the library's tokenizer, `special_tokens` as in `BERT_SPECIAL_TOKENS`."""

    def __init__(self, backend: tokenizers.Tokenizer, special_tokens: Mapping[str, str]) -> None:
        backend.no_truncation()
        backend.no_padding()
        self._backend = backend
        self._special_tokens = dict(special_tokens)
        vocabulary = backend.get_vocab(with_added_tokens=True)
        ids = {name: vocabulary[token] for name, token in special_tokens.items()}
        self.vocab_size = len(vocabulary)
        self.pad_token_id = ids["pad_token"]
        self.unk_token_id = ids["unk_token"]
        self.cls_token_id = ids["cls_token"]
        self.sep_token_id = ids["sep_token"]
        self.mask_token_id = ids["mask_token"]
        self.special_ids = frozenset(ids.values())

    @classmethod
    def load(cls, folder: Path) -> "Tokenizer":
        """Read `tokenizer.json`, else `vocab.txt` with `tokenizer_config.json`. Nothing in the folder is executed.

        Raises:
            UserError: neither is there, a file is broken, or it is not a WordPiece tokenizer with BERT's specials.
        """
        return cls(*read_folder(folder, BERT_SPECIAL_TOKENS))

    def save(self, folder: Path) -> None:
        """Write the files that `transformers.AutoTokenizer` opens, and BERT's classic `vocab.txt`."""
        write_folder(folder, self._backend, self._special_tokens)

    @property
    def continues_word(self) -> Bool[np.ndarray, " vocab_size"]:
        """True for the pieces that go on with the word before them (`##ing`), by id."""
        prefix, size = CONTINUING_PREFIX, len(CONTINUING_PREFIX)
        tokens = (self.id_to_token(index) for index in range(self.vocab_size))
        return np.array([token.startswith(prefix) and len(token) > size for token in tokens], dtype=np.bool_)

    def token_to_id(self, token: str) -> int | None:
        """The id of a token, None if the vocabulary lacks it."""
        index: int | None = self._backend.token_to_id(token)
        return index

    def id_to_token(self, index: int) -> str:
        """The token of an id below `vocab_size`."""
        token: str | None = self._backend.id_to_token(index)
        assert token is not None, f"id {index} outside a vocabulary of {self.vocab_size}"
        return token

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, special tokens left out; what normalisation removed does not come back."""
        text: str = self._backend.decode(list(ids), skip_special_tokens=True)
        return text

    def encode_batch(self, texts: Sequence[str]) -> list[Int32[np.ndarray, " tokens"]]:
        """Ids of each text, without special tokens; all cores, one call of the library per million characters."""
        parts: list[list[list[int]]] = [[] for _ in texts]
        for call in self._calls(texts):
            encodings = self._backend.encode_batch_fast([piece for _, piece in call], add_special_tokens=False)
            for (index, _), encoding in zip(call, encodings, strict=True):
                parts[index].append(encoding.ids)
        return [np.concatenate([np.array(ids, dtype=np.int32) for ids in lists]) for lists in parts]

    @staticmethod
    def _calls(texts: Sequence[str]) -> Iterator[list[tuple[int, str]]]:
        """Pieces of the texts, each with the index of its text, in groups of bounded size."""
        group: list[tuple[int, str]] = []
        size = 0
        for index, text in enumerate(texts):
            for _, piece in cut(text):
                group.append((index, piece))
                size += len(piece)
                if size >= _CALL_CHARS:
                    yield group
                    group, size = [], 0
        if group:
            yield group

    def encode(self, text: str, pair: str | None = None, max_length: int | None = None) -> Encoding:
        """`[CLS] text [SEP]` or `[CLS] text [SEP] pair [SEP]`, at most `max_length` tokens.

        What is too long loses tokens from its end, the longer text first (`longest_first` in `transformers`).
        """
        budget = None if max_length is None else max_length - (2 if pair is None else 3)
        assert budget is None or budget >= 0, f"max_length = {max_length} leaves no room for special tokens"
        first, offsets = self._encode_text(text, budget)
        second, pair_offsets = ([], []) if pair is None else self._encode_text(pair, budget)
        keep, keep_pair = _longest_first(len(first), len(second), budget)
        ids = [self.cls_token_id, *first[:keep], self.sep_token_id]
        token_type_ids = [0] * len(ids)
        all_offsets = [(0, 0), *offsets[:keep], (0, 0)]
        if pair is not None:
            ids += [*second[:keep_pair], self.sep_token_id]
            token_type_ids += [1] * (keep_pair + 1)
            all_offsets += [*pair_offsets[:keep_pair], (0, 0)]
        truncated = keep < len(first) or keep_pair < len(second)
        return Encoding(ids, token_type_ids, all_offsets, truncated)

    def _encode_text(self, text: str, limit: int | None) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids and offsets, without special tokens; stops after the piece in which there are more than `limit`."""
        ids: list[int] = []
        offsets: list[tuple[int, int]] = []
        for start, piece in cut(text):
            encoding = self._backend.encode(piece, add_special_tokens=False)
            ids += encoding.ids
            offsets += [(start + first, start + last) for first, last in encoding.offsets]
            if limit is not None and len(ids) > limit:
                break
        return ids, offsets


def _longest_first(first: int, second: int, budget: int | None) -> tuple[int, int]:
    """How many tokens of each text stay: the longer gives way until both are equal, then both, the first more."""
    if budget is None or first + second <= budget:
        return first, second
    if min(first, second) <= budget // 2:
        return (first, budget - first) if first <= second else (budget - second, second)
    half = budget // 2
    return (half, budget - half) if first <= second else (budget - half, half)


def train_tokenizer(spec: TokenizerSpec, texts: Iterable[str]) -> Tokenizer:
    """Train a vocabulary of exactly `spec.vocab_size` on a stream of texts. The same text gives the same vocabulary.

    Raises:
        UserError: there is no text, or the text supports a smaller vocabulary only.
    """
    special_tokens = list(BERT_SPECIAL_TOKENS.values())
    untrained = build_backend(special_tokens, special_tokens, spec.lowercase, spec.strip_accents, spec.split_cjk)
    tokens = train_vocabulary(
        texts, untrained.normalizer, special_tokens, spec.vocab_size, spec.min_frequency, spec.limit_alphabet
    )
    backend = build_backend(tokens, special_tokens, spec.lowercase, spec.strip_accents, spec.split_cjk)
    return Tokenizer(backend, BERT_SPECIAL_TOKENS)


def _quiet_forks() -> None:
    """The library's threads do not survive a fork: a child encodes on one thread, and no warning is printed."""
    name = "TOKENIZERS_PARALLELISM"
    if name not in os.environ:
        os.register_at_fork(
            before=lambda: os.environ.setdefault(name, "off"),
            after_in_parent=lambda: os.environ.get(name) == "off" and os.environ.pop(name),
            after_in_child=lambda: os.environ.update({name: "false"}),
        )


_quiet_forks()
