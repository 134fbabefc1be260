"""Moses words and BPE (Conneau and Lample 2019, sec. 5), the tokenizer of XLM: its settings, training and files.

`tokenizers` has no Moses, so this kind has no `tokenizer.json`: it is read from and written as `vocab.json`,
`merges.txt` and `tokenizer_config.json`, the files of `transformers.XLMTokenizer`.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, chain, islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Int32
from pydantic import Field

from encodery.errors import UserError
from encodery.text.alignment import Span
from encodery.text.balance import EVEN, BalancedSpec
from encodery.text.end_of_word_bpe import END_OF_WORD, EndOfWordBpe, Merge, train_merges
from encodery.text.layout import FIRST, SECOND, plain_layout
from encodery.text.library import enough
from encodery.text.moses import Moses
from encodery.text.moses_bpe_revision import Revised, enlarged, found_tokens, joined_from_the_left, trimmed
from encodery.text.moses_memory import MosesMemory
from encodery.text.pieces import cut
from encodery.text.revision import NewToken, Revision
from encodery.text.stored import by_id, write_lines
from encodery.text.word_counts import MAX_COUNTED_WORDS, WordCounts

CLASS = "XLMTokenizer"
"""In `transformers`."""
XLM_SPECIAL_TOKENS = {
    "bos_token": "<s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "cls_token": "</s>",
    "sep_token": "</s>",
    "mask_token": "<special1>",
}
RESERVED = tuple(f"<special{index}>" for index in range(10))
_OPENING = ("<s>", "</s>", "<pad>", "<unk>", *RESERVED)
"""The ids 0 to 13, as XLM has them."""
LANGUAGE = r"[a-z][a-z_-]{1,15}"
"""A code as XLM has them: `en`, `zh_classical`."""
_TEXTS_AT_ONCE = 1024


class MosesBpeSpec(BalancedSpec):
    """How a vocabulary of XLM's kind is trained; names are those of `transformers` and `tokenizers`."""

    type: Literal["moses-bpe"] = "moses-bpe"
    vocab_size: int = Field(default=95_000, ge=len(_OPENING) + 2, le=1_000_000)
    language: str = Field(default="en", pattern=f"^{LANGUAGE}$")
    """Whose rules set words apart; `transformers` applies those of English, whatever the text."""
    do_lowercase_and_remove_accent: bool = True
    min_frequency: int = Field(default=2, ge=1)
    """A pair of pieces that occurs less often is not merged."""
    limit_alphabet: int = Field(default=6000, ge=1)
    """Characters kept, the most frequent first; any other is unknown."""

    def train(self, texts: Iterable[str], weights: Iterable[float] = EVEN) -> "MosesBpe":
        """A vocabulary of exactly `vocab_size`. Each text counts as many times as it weighs.

        Raises:
            UserError: a package is not installed, there is no text, or it supports another size only.
        """
        moses = Moses(self.language, self.do_lowercase_and_remove_accent)
        counts = count_words(texts, moses, weights)
        tokens, merges = train_merges(counts, self.vocab_size, _OPENING, self.min_frequency, self.limit_alphabet)
        vocabulary = {token: index for index, token in enumerate(tokens)}
        settings = {
            "language": self.language,
            "do_lowercase_and_remove_accent": self.do_lowercase_and_remove_accent,
        }
        return MosesBpe(vocabulary, merges, XLM_SPECIAL_TOKENS, _OPENING, settings)


class MosesBpe:
    """XLM's tokenizer, a `Kind`."""

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        merges: Sequence[Merge],
        names: Mapping[str, str],
        recognised: Sequence[str],
        settings: Mapping[str, Any],
    ) -> None:
        """A tokenizer from its parts.

        Args:
            names: the special tokens by name.
            recognised: every token that is taken as it stands in a text, those with a name included.
            settings: `language` and `do_lowercase_and_remove_accent`, and what `tokenizer_config.json` shall keep.

        Raises:
            UserError: a package that the language needs is not installed.
        """
        self.vocabulary = dict(vocabulary)
        self.special_tokens = dict(names)
        self.special_ids = frozenset(self.vocabulary[token] for token in recognised)
        bos, sep = (self.vocabulary[names[name]] for name in ("bos_token", "sep_token"))
        self.layout = plain_layout((bos, FIRST, sep), (bos, FIRST, sep, SECOND, sep))
        self._settings, self._specials = dict(settings), tuple(recognised)
        self._moses = Moses(settings["language"], settings["do_lowercase_and_remove_accent"])
        self._bpe = EndOfWordBpe(vocabulary, merges, names["unk_token"])
        longest_first = sorted(recognised, key=len, reverse=True)
        self._recognised = re.compile("|".join(map(re.escape, longest_first)))
        self._tokens = by_id(self.vocabulary)

    def encode(self, text: str, limit: int | None) -> tuple[list[int], list[Span]]:
        """Ids and offsets; stops after the piece of text in which there are more than `limit`."""
        ids: list[int] = []
        offsets: list[Span] = []
        for start, piece, special in self._pieces(text):
            if special is not None:
                new, spans = [special], [(0, len(piece))]
            else:
                new, spans = self._encode_piece(piece)
            ids += new
            offsets += [(start + first, start + last) for first, last in spans]
            if limit is not None and len(ids) > limit:
                break
        return ids, offsets

    def encode_ids(self, text: str, limit: int | None) -> list[int]:
        """The ids of `encode` alone."""
        ids: list[int] = []
        for _, piece, special in self._pieces(text):
            ids += [special] if special is not None else self._ids([piece])[0]
            if limit is not None and len(ids) > limit:
                break
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[Int32[np.ndarray, " tokens"]]:
        """The ids of each text; new words are learned many at once."""
        groups = (texts[start : start + _TEXTS_AT_ONCE] for start in range(0, len(texts), _TEXTS_AT_ONCE))
        return [np.array(ids, dtype=np.int32) for group in groups for ids in self._ids_of_texts(group)]

    def _ids_of_texts(self, texts: Sequence[str]) -> list[list[int]]:
        parts = [[(piece, special) for _, piece, special in self._pieces(text)] for text in texts]
        plain = iter(self._ids([piece for text in parts for piece, special in text if special is None]))
        runs = [[next(plain) if special is None else [special] for _, special in text] for text in parts]
        return [list(chain.from_iterable(text)) for text in runs]

    def _ids(self, pieces: Sequence[str]) -> list[list[int]]:
        """The ids of pieces without special tokens, from memory where it can tell them."""
        found = self._memory.of(pieces) if self._memory else [None] * len(pieces)
        pairs = zip(pieces, found, strict=True)
        return [self._bpe.encode_ids(self._moses.words(piece)) if ids is None else ids for piece, ids in pairs]

    @cached_property
    def _memory(self) -> MosesMemory[int] | None:
        """What is known of words, where Moses sets them apart."""
        return None if self._moses.is_segmented else MosesMemory(self._moses, self._ids_of_words)

    def _ids_of_words(self, groups: list[list[str]]) -> list[list[int]]:
        ids, places = self._bpe.encode(list(chain.from_iterable(groups)))
        lengths = Counter(word for word, _, _ in places)
        ends = accumulate(map(len, groups))
        rest = iter(ids)
        return [
            list(islice(rest, sum(lengths[word] for word in range(end - len(words), end))))
            for words, end in zip(groups, ends, strict=True)
        ]

    def forget(self) -> None:
        """Drop what is remembered of words: its memory is given back, the next texts take as long as the first."""
        vars(self).pop("_memory", None)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, special tokens left out; what normalisation removed does not come back."""
        tokens = (self._tokens[index] for index in ids if index not in self.special_ids)
        return "".join(tokens).replace(END_OF_WORD, " ").strip()

    def continues_word(self, token: str) -> bool:
        """Whether the token goes on with the word before it: any does, unless that word is closed."""
        return True

    def ends_word(self, token: str) -> bool:
        """Whether the token closes its word; a special one, the unknown token among them, is a word of its own."""
        return token.endswith(END_OF_WORD) or self.vocabulary[token] in self.special_ids

    def save(self, folder: Path) -> None:
        """Write vocab.json, merges.txt, tokenizer_config.json and special_tokens_map.json."""
        named = set(self.special_tokens.values())
        others = [self._tokens[index] for index in sorted(self.special_ids) if self._tokens[index] not in named]
        stated = {**self.special_tokens, "additional_special_tokens": others}
        tables = {
            "vocab": {token: self.vocabulary[token] for token in self._tokens},
            "tokenizer_config": {"tokenizer_class": CLASS, **self._settings, **stated},
            "special_tokens_map": stated,
        }
        for name, table in tables.items():
            indent = None if name == "vocab" else 2
            text = json.dumps(table, indent=indent, ensure_ascii=False)
            (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        write_lines(folder / "merges.txt", list(map(" ".join, self._bpe.merges)))

    def trim(self, texts: Iterable[str], keep_characters: bool = True) -> Revision:
        """Without the tokens that these texts do not need; see `Revisable`."""
        kept = {token for token in self.vocabulary if keep_characters and len(token.removesuffix(END_OF_WORD)) == 1}
        kept |= {self._tokens[index] for index in self.special_ids}
        words: set[str] = set()
        for text in texts:
            words.update(*(self._moses.words(piece) for _, piece, special in self._pieces(text) if special is None))
        if any(" " in word for word in words) and END_OF_WORD in self.vocabulary:
            kept.add(END_OF_WORD)
        return self._revised(trimmed(self.vocabulary, self._bpe, words, kept))

    def find_tokens(self, texts: Iterable[str], num_tokens: int, min_frequency: int) -> list[NewToken]:
        """The tokens that would shorten these texts most; see `Revisable`."""
        counts: Counter[tuple[str, ...]] = Counter()
        for word, count in count_words(texts, self._moses).items():
            counts[self._pieces_of(word)] += count
        unknown = self.special_tokens["unk_token"]
        found = found_tokens(self.vocabulary, counts, unknown, num_tokens, min_frequency)
        enough({token.token for token in found}.difference(self.vocabulary), num_tokens, min_frequency)
        return found

    def make_tokens(self, word: str) -> list[NewToken]:
        """What has to be added for a word to be one token; see `Revisable`."""
        words = list(count_words([word], self._moses))
        if len(words) != 1:
            raise UserError(f"{word!r:.80} is {len(words)} words to this tokenizer; list single words")
        return joined_from_the_left(words[0], self._pieces_of(words[0]), self.special_tokens["unk_token"])

    def extend(self, new: Sequence[NewToken]) -> Revision:
        """With these tokens behind the others; see `Revisable`."""
        return self._revised(enlarged(self.vocabulary, self._bpe.merges, self.special_ids, new))

    def _pieces_of(self, word: str) -> tuple[str, ...]:
        return tuple(self._tokens[index] for index in self._bpe.encode([word])[0])

    def _revised(self, revised: Revised) -> Revision:
        vocabulary = {token: index for index, token in enumerate(revised.tokens)}
        kind = MosesBpe(vocabulary, revised.merges, self.special_tokens, self._specials, self._settings)
        return Revision(kind, revised.sources, revised.added)

    def _pieces(self, text: str) -> Iterator[tuple[int, str, int | None]]:
        """Special tokens with their ids, and the text between them, cut where it is long; each with its start."""
        last = 0
        for match in self._recognised.finditer(text):
            yield from self._cut(last, text[last : match.start()])
            yield match.start(), match[0], self.vocabulary[match[0]]
            last = match.end()
        yield from self._cut(last, text[last:])

    def _cut(self, start: int, text: str) -> Iterator[tuple[int, str, None]]:
        if text:
            for offset, piece in cut(text, self._moses.boundary):
                yield start + offset, piece, None

    def _encode_piece(self, piece: str) -> tuple[list[int], list[Span]]:
        words = self._moses.traced_words(piece)
        ids, places = self._bpe.encode([word.text for word in words])
        return ids, [_without_white_space(piece, words[word].hull(start, end)) for word, start, end in places]


def _without_white_space(text: str, span: Span) -> Span:
    """The span without white space at its ends, unless there is nothing else."""
    found = text[slice(*span)]
    if not found.strip():
        return span
    start = span[0] + len(found) - len(found.lstrip())
    return start, start + len(found.strip())


def count_words(texts: Iterable[str], moses: Moses, weights: Iterable[float] = EVEN) -> Counter[str]:
    """How often each word occurs, line by line; past a million the rarest are dropped."""
    counts = WordCounts(MAX_COUNTED_WORDS)
    memory: MosesMemory[str] | None = None if moses.is_segmented else MosesMemory(moses, list)
    for text, weight in zip(texts, weights, strict=False):  # EVEN has no end
        pieces = [piece for line in text.splitlines() for _, piece in cut(line, moses.boundary)]
        found = memory.of(pieces) if memory else [None] * len(pieces)
        for piece, words in zip(pieces, found, strict=True):
            counts.add(" ".join(moses.words(piece)).split() if words is None else words, weight)
        counts.prune()
    return counts.total()
