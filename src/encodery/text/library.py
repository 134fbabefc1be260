"""The kinds that the `tokenizers` library runs: what WordPiece, byte-level BPE and unigram have in common."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import tokenizers

from encodery.text.layout import Layout, read_layout
from encodery.text.pieces import MARKS, cut

# Characters handed to the library in one call: its full encodings take about a hundred times the text.
_CALL_CHARS = 1 << 20


class LibraryKind(ABC):
    """A `Kind` around the library's tokenizer, which holds the vocabulary, the normaliser and the layout."""

    boundary: re.Pattern[str] = MARKS
    """Where long text may be cut without a change of its tokens."""
    default_tokens: Mapping[str, str]
    """The special tokens by name, for a folder that does not state them."""

    def __init__(self, backend: tokenizers.Tokenizer, special_tokens: Mapping[str, str]) -> None:
        backend.no_truncation()
        backend.no_padding()
        self.backend = backend
        self.special_tokens = dict(special_tokens)
        self.vocabulary: dict[str, int] = backend.get_vocab(with_added_tokens=True)
        added = backend.get_added_tokens_decoder()
        named = {self.vocabulary[token] for token in special_tokens.values()}
        self.special_ids = frozenset(named | {index for index, token in added.items() if token.special})
        self.layout = read_layout(backend, special_tokens["mask_token"]) or self.default_layout()

    @staticmethod
    @abstractmethod
    def unfit(backend: tokenizers.Tokenizer) -> str | None:
        """Why a tokenizer of this model cannot be used, None if it can."""

    @abstractmethod
    def default_layout(self) -> Layout:
        """The layout of the original, for a folder that states none."""

    @abstractmethod
    def continues_word(self, token: str) -> bool:
        """Whether the token goes on with the word before it."""

    def ends_word(self, token: str) -> bool:
        """Whether no token behind this one goes on with its word: these kinds mark how words begin."""
        return False

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the files that `transformers.AutoTokenizer` opens, and those of the original."""

    def encode(self, text: str, limit: int | None) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids and offsets; stops after the piece of text in which there are more than `limit`."""
        ids: list[int] = []
        offsets: list[tuple[int, int]] = []
        for start, piece in cut(text, self.boundary):
            new, spans = self.encode_piece(piece)
            ids += new
            offsets += [(start + first, start + last) for first, last in spans]
            if limit is not None and len(ids) > limit:
                break
        return ids, offsets

    def encode_piece(self, piece: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids and offsets of a piece of text."""
        encoding = self.backend.encode(piece, add_special_tokens=False)
        return encoding.ids, encoding.offsets

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text; all cores, one call of the library per million characters."""
        ids: list[list[int]] = [[] for _ in texts]
        for call in self._calls(texts):
            encodings = self.backend.encode_batch_fast([piece for _, piece in call], add_special_tokens=False)
            for (index, _), encoding in zip(call, encodings, strict=True):
                ids[index] += encoding.ids
        return ids

    def _calls(self, texts: Sequence[str]) -> Iterator[list[tuple[int, str]]]:
        """Pieces of the texts, each with the index of its text, in groups of bounded size."""
        group: list[tuple[int, str]] = []
        size = 0
        for index, text in enumerate(texts):
            for _, piece in cut(text, self.boundary):
                group.append((index, piece))
                size += len(piece)
                if size >= _CALL_CHARS:
                    yield group
                    group, size = [], 0
        if group:
            yield group

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, special tokens left out; what normalisation removed does not come back."""
        text: str = self.backend.decode(list(ids), skip_special_tokens=True)
        return text
