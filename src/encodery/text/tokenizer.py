"""The tokenizer: text to ids and back, whatever the kind, in the folder layout of Hugging Face."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from jaxtyping import Bool, Int32
from pydantic import Discriminator, Tag

from encodery.config import Config
from encodery.text.balance import EVEN
from encodery.text.byte_bpe import ByteBpeSpec
from encodery.text.encoding import Assembled, Cut, Encoding
from encodery.text.folder import read_folder
from encodery.text.kind import Kind
from encodery.text.layout import FIRST, SECOND
from encodery.text.moses_bpe import MosesBpeSpec
from encodery.text.pieces import PIECE_CHARS
from encodery.text.unigram import UnigramSpec
from encodery.text.wordpiece import WordPieceSpec


def _type_of(values: Any) -> Any:
    """The tag of a specification; without one it is WordPiece."""
    return values.get("type", "wordpiece") if isinstance(values, dict) else getattr(values, "type", None)


TokenizerSpec = Annotated[
    Annotated[WordPieceSpec, Tag("wordpiece")]
    | Annotated[ByteBpeSpec, Tag("byte-bpe")]
    | Annotated[UnigramSpec, Tag("unigram")]
    | Annotated[MosesBpeSpec, Tag("moses-bpe")],
    Discriminator(_type_of),
]
"""How a vocabulary is trained: one table for each `type`, which is WordPiece if not given."""


class _Wrapped(Config):
    tokenizer: TokenizerSpec


def parse_spec(values: Mapping[str, Any], source: str) -> TokenizerSpec:
    """A specification from plain values; `source` opens the message when they are wrong.

    Raises:
        UserError: the type, a key or a value is not allowed.
    """
    return _Wrapped.parse({"tokenizer": values}, source).tokenizer


class Tokenizer:
    """Text to ids and back. `cls_token_id` opens every input and `sep_token_id` closes every text, in all kinds."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        ids = {name: kind.vocabulary[token] for name, token in kind.special_tokens.items()}
        self.vocab_size = len(kind.vocabulary)
        self.pad_token_id = ids["pad_token"]
        self.unk_token_id = ids["unk_token"]
        self.cls_token_id = kind.layout.single[0][0]
        self.sep_token_id = kind.layout.single[-1][0]
        self.mask_token_id = ids["mask_token"]
        self.special_ids = kind.special_ids
        self._tokens = sorted(kind.vocabulary, key=kind.vocabulary.__getitem__)
        self._ahead: Mapping[str, Int32[np.ndarray, " tokens"]] = {}

    @classmethod
    def load(cls, folder: Path) -> "Tokenizer":
        """Read `tokenizer.json`, else the classic files of the kind. Nothing in the folder is executed.

        Raises:
            UserError: there is no tokenizer, a file is broken or too large, or it is of a kind that is not supported.
        """
        return cls(read_folder(folder))

    def save(self, folder: Path) -> None:
        """Write the files that `transformers.AutoTokenizer` opens, and the classic ones of the kind."""
        folder.mkdir(parents=True, exist_ok=True)
        self.kind.save(folder)

    @property
    def continues_word(self) -> Bool[np.ndarray, " vocab_size"]:
        """True for the tokens that go on with the word before them (`##ing`), by id; never for special tokens."""
        marks = [self.kind.continues_word(token) for token in self._tokens]
        marks = [mark and index not in self.special_ids for index, mark in enumerate(marks)]
        return np.array(marks, dtype=np.bool_)

    @property
    def ends_word(self) -> Bool[np.ndarray, " vocab_size"]:
        """Tokens behind which a word is closed (`ing</w>`), by id; none where words are known by how they begin."""
        return np.array([self.kind.ends_word(token) for token in self._tokens], dtype=np.bool_)

    def token_to_id(self, token: str) -> int | None:
        """The id of a token, None if the vocabulary lacks it."""
        return self.kind.vocabulary.get(token)

    def id_to_token(self, index: int) -> str:
        """The token of an id below `vocab_size`."""
        assert 0 <= index < self.vocab_size, f"id {index} outside a vocabulary of {self.vocab_size}"
        return self._tokens[index]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, special tokens left out; what normalisation removed does not come back."""
        return self.kind.decode(ids)

    def encode_batch(self, texts: Sequence[str]) -> list[Int32[np.ndarray, " tokens"]]:
        """Ids of each text, without special tokens."""
        return self.kind.encode_batch(texts)

    def cut(self, text: str, limit: int | None = None) -> Cut:
        """One text as ids, without special tokens; may stop as soon as there are more than `limit`."""
        known = self._ahead.get(text)
        ids = self.kind.encode_ids(text, limit) if known is None else known.tolist()
        return Cut(ids, lambda: self.kind.encode(text, limit)[1])

    def cut_ahead(self, texts: Iterable[str]) -> None:
        """Find the ids of texts together, in a tenth of the time: `cut` knows them until the next call of this.

        Long texts are left to `cut`, which may stop early.
        """
        short = list(dict.fromkeys(text for text in texts if len(text) <= PIECE_CHARS))
        self._ahead = dict(zip(short, self.kind.encode_batch(short), strict=True))

    def num_added(self, pair: bool) -> int:
        """How many special tokens stand around one text or a pair."""
        return self.kind.layout.added(pair)

    def assemble(self, first: Sequence[int], second: Sequence[int] | None = None) -> Assembled:
        """The ids of one text or of a pair with the special tokens that the kind's layout adds."""
        layout = self.kind.layout
        parts = {FIRST: (0, first), SECOND: (1, second or ())}
        input_ids: list[int] = []
        token_type_ids: list[int] = []
        sequence_ids: list[int | None] = []
        for index, token_type in layout.single if second is None else layout.pair:
            sequence, ids = parts.get(index, (None, [index]))
            input_ids += ids
            token_type_ids += [token_type] * len(ids)
            sequence_ids += [sequence] * len(ids)
        return Assembled(input_ids, token_type_ids, sequence_ids)

    def encode(self, text: str, pair: str | None = None, max_length: int | None = None) -> Encoding:
        """One text or a pair with special tokens, at most `max_length` tokens.

        What is too long loses tokens from its end, the longer text first (`longest_first` in `transformers`).
        """
        budget = None if max_length is None else max_length - self.num_added(pair is not None)
        assert budget is None or budget >= 0, f"max_length = {max_length} leaves no room for special tokens"
        cuts = [self.cut(part, budget) for part in (text, pair) if part is not None]
        lengths = [len(part.ids) for part in cuts]
        keep = longest_first(lengths[0], sum(lengths[1:]), budget)
        kept = [part.ids[:length] for part, length in zip(cuts, keep, strict=False)]
        assembled = self.assemble(*kept)
        truncated = [*map(len, kept)] != lengths
        return Encoding(**vars(assembled), truncated=truncated, _cuts=tuple(cuts))


def longest_first(first: int, second: int, budget: int | None) -> tuple[int, int]:
    """How many tokens of each text stay: the longer gives way until both are equal, then both, the first more."""
    if budget is None or first + second <= budget:
        return first, second
    if min(first, second) <= budget // 2:
        return (first, budget - first) if first <= second else (budget - second, second)
    half = budget // 2
    return (half, budget - half) if first <= second else (budget - half, half)


def train_tokenizer(spec: TokenizerSpec, texts: Iterable[str], weights: Iterable[float] = EVEN) -> Tokenizer:
    """Train a vocabulary of exactly `spec.vocab_size` on a stream of texts. The same text gives the same vocabulary.

    `weights` say how many times each text counts, in the order of the texts.

    Raises:
        UserError: there is no text, or the text supports a smaller vocabulary only.
    """
    return Tokenizer(spec.train(texts, weights))


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
