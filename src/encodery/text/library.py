"""The kinds that the `tokenizers` library runs: what WordPiece, byte-level BPE and unigram have in common."""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tokenizers
from jaxtyping import Int32

from encodery.errors import UserError
from encodery.text.independence import independence_of
from encodery.text.layout import Layout, read_layout
from encodery.text.pieces import MARKS, cut, in_calls
from encodery.text.revision import NewToken, Revision, rebuilt
from encodery.text.stored import by_id
from encodery.text.word_arrays import Runs, Words
from encodery.text.word_counts import MAX_COUNTED_WORDS, WordCounts
from encodery.text.word_memory import WordMemory
from encodery.text.word_offsets import WordOffsets, offsets_of

# Characters handed to the library in one call: its full encodings take about a hundred times the text.
_CALL_CHARS = 1 << 20
_TEXTS_AT_ONCE = 1024

Ids = Int32[np.ndarray, " tokens"]


class LibraryKind(ABC):
    """A `Kind` around the library's tokenizer, which holds the vocabulary, the normaliser and the layout."""

    boundary: re.Pattern[str] = MARKS
    """Where long text may be cut without a change of its tokens."""
    offsets_of_words: ClassVar[bool] = False
    """Whether the offsets are the library's, and those of a word the same wherever it stands."""
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
            known = self._offsets.encode(piece) if self._offsets else None
            new, spans = self.encode_piece(piece) if known is None else known
            ids += new
            offsets += [(start + first, start + last) for first, last in spans]
            if limit is not None and len(ids) > limit:
                break
        return ids, offsets

    def encode_piece(self, piece: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids and offsets of a piece of text."""
        encoding = self.backend.encode(piece, add_special_tokens=False)
        return encoding.ids, encoding.offsets

    def encode_ids(self, text: str, limit: int | None) -> list[int]:
        """The ids of `encode` alone, from memory where it can tell them."""
        ids: list[int] = []
        for _, piece in cut(text, self.boundary):
            known = self._memory.encode(piece) if self._memory else None
            ids += self._cut_texts([piece])[0] if known is None else known
            if limit is not None and len(ids) > limit:
                break
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[Ids]:
        """The ids of each text, a million characters at once; by the library (all cores) where memory cannot tell."""
        runs: list[Ids] = []
        owners: list[int] = []
        for call in in_calls(texts, self.boundary, _CALL_CHARS):
            runs += self._encode_pieces([piece for _, piece in call])
            owners += [index for index, _ in call]
        if len(runs) == len(texts):
            return runs
        of_text: list[list[Ids]] = [[] for _ in texts]
        for owner, run in zip(owners, runs, strict=True):
            of_text[owner].append(run)
        return [np.concatenate(parts) for parts in of_text]

    def _encode_pieces(self, pieces: Sequence[str]) -> list[Ids]:
        found = self._memory.encode_batch(pieces) if self._memory else [None] * len(pieces)
        rest = iter(self._cut_texts([piece for piece, known in zip(pieces, found, strict=True) if known is None]))
        return [np.array(next(rest), dtype=np.int32) if known is None else known for known in found]

    @cached_property
    def _memory(self) -> WordMemory | None:
        """What is known of words, where these are independent of each other."""
        independence = independence_of(self.backend)
        return None if independence is None else WordMemory(independence, self._cut_texts, solve=self._solve)

    @cached_property
    def _offsets(self) -> WordOffsets | None:
        """The same with offsets, for the kinds that leave these as the library has them."""
        return offsets_of(self.backend) if self.offsets_of_words else None

    _solve: Callable[[Words], Runs] | None = None
    """The ids of single words by a way of our own, where there is one that is faster than the library."""

    def forget(self) -> None:
        """Drop what is remembered of words: its memory is given back, the next texts take as long as the first."""
        vars(self).pop("_memory", None)
        vars(self).pop("_offsets", None)

    def _cut_texts(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of texts by the library."""
        if len(texts) == 1:
            return [self.backend.encode(texts[0], add_special_tokens=False).ids]
        encodings = self.backend.encode_batch_fast(texts, add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, special tokens left out; what normalisation removed does not come back."""
        text: str = self.backend.decode(list(ids), skip_special_tokens=True)
        return text

    def trim(self, texts: Iterable[str], keep_characters: bool = True) -> Revision:
        """Without the tokens that these texts do not need; see `Revisable`."""
        kept = {token for token in self.vocabulary if keep_characters and self.is_character(token)}
        stream = iter(texts)
        while group := list(islice(stream, _TEXTS_AT_ONCE)):
            kept |= self.used_in(group)
        kept = self.closed(kept) | self._fixed()
        tokens = [token for token in by_id(self.vocabulary) if token in kept]
        kind = type(self)(rebuilt(self.backend, tokens), self.special_tokens)
        return Revision(kind, tuple((self.vocabulary[token],) for token in tokens))

    def _fixed(self) -> set[str]:
        """The tokens that no text needs and the tokenizer does: special and added ones."""
        ids = {index for index, _ in (*self.layout.single, *self.layout.pair) if index >= 0}
        ids |= self.special_ids | self.backend.get_added_tokens_decoder().keys()
        tokens = by_id(self.vocabulary)
        return {tokens[index] for index in ids}

    @abstractmethod
    def is_character(self, token: str) -> bool:
        """Whether the token is a single character, or byte, of its own."""

    def used_in(self, texts: Sequence[str]) -> set[str]:
        """The tokens of these texts."""
        tokens = by_id(self.vocabulary)
        return {tokens[index] for ids in self.encode_batch(texts) for index in np.unique(ids).tolist()}

    def closed(self, tokens: set[str]) -> set[str]:
        """These tokens and those without which a text of them would be cut in another way."""
        return tokens

    def count_words(self, texts: Iterable[str]) -> Counter[str]:
        """How often each word occurs that the model is given to cut; of millions, the most frequent."""
        normalizer, pre_tokenizer = self.backend.normalizer, self.backend.pre_tokenizer
        counts = WordCounts(MAX_COUNTED_WORDS)
        for text in texts:
            for _, piece in cut(text, self.boundary):
                normal = normalizer.normalize_str(piece) if normalizer else piece
                split = pre_tokenizer.pre_tokenize_str(normal) if pre_tokenizer else [(normal, None)]
                counts.add((word for word, _ in split), 1.0)
            counts.prune()
        return counts.total()

    def pieces_of(self, word: str) -> tuple[str, ...]:
        """What the model cuts a word into; what it does not know is the unknown token."""
        model = self.backend.model
        return tuple(model.id_to_token(token.id) for token in model.tokenize(word))

    def make_tokens(self, word: str) -> list[NewToken]:
        """What has to be added for a word to be one token; see `Revisable`."""
        words = list(self.count_words([f" {word}"]))
        if len(words) != 1:
            raise UserError(f"{word!r:.80} is {len(words)} words to this tokenizer; list single words")
        pieces = self.pieces_of(words[0])
        if len(pieces) == 1 and pieces[0] in (words[0], word):
            raise UserError(f"{word!r:.80} is one token already, {pieces[0]!r}; leave it out")
        return self.new_tokens(words[0], pieces)

    @abstractmethod
    def new_tokens(self, word: str, pieces: tuple[str, ...]) -> list[NewToken]:
        """What makes one token of a word that is cut into these pieces."""

    def extend(self, new: Sequence[NewToken]) -> Revision:
        """With these tokens behind the others; see `Revisable`."""
        added: dict[str, tuple[int, ...]] = {}
        for token in new:
            if token.token not in self.vocabulary and token.token not in added:
                added[token.token] = tuple(self.vocabulary[piece] for piece in token.pieces)
        old = by_id(self.vocabulary)
        ids = self.backend.get_vocab(with_added_tokens=False).values()
        end = 1 + max(index for index in ids if index not in self.special_ids)
        backend = rebuilt(self.backend, [*old[:end], *added, *old[end:]], self.enlarged(new, list(added)))
        before, after = range(end), range(end, len(old))
        sources = (*((index,) for index in before), *added.values(), *((index,) for index in after))
        return Revision(type(self)(backend, self.special_tokens), sources, range(end, end + len(added)))

    @abstractmethod
    def enlarged(self, new: Sequence[NewToken], added: Sequence[str]) -> dict[str, Any]:
        """The changed parts of the stored model; `added` are those of the new tokens that had no id."""

    @abstractmethod
    def find_tokens(self, texts: Iterable[str], num_tokens: int, min_frequency: int) -> list[NewToken]:
        """The tokens that would shorten these texts most; see `Revisable`."""


def enough(found: Collection[object], num_tokens: int, min_frequency: int) -> None:
    """Raises `UserError` if fewer tokens were found than asked for."""
    if len(found) < num_tokens:
        raise UserError(
            f"num_tokens = {num_tokens} is more than the text supports: {len(found):,} new tokens occur at least "
            f"min_frequency = {min_frequency} times; lower num_tokens or add text"
        )
