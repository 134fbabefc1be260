"""Byte-level BPE (Radford et al., GPT-2, 2019, sec. 2.2), the tokenizer of RoBERTa: its settings, training and files.

Every text has tokens: nothing is unknown, since each byte has one. A space belongs to the word behind it.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import tokenizers
from pydantic import Field
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

from encodery.config import Config
from encodery.errors import UserError
from encodery.text.layout import FIRST, SECOND, Layout, plain_layout
from encodery.text.library import LibraryKind
from encodery.text.pieces import BEFORE_SPACE, cut
from encodery.text.stored import (
    SPECIAL_TOKENS,
    add_special_tokens,
    by_id,
    check_special_tokens,
    read_table,
    read_text,
    special_tokens,
    write_lines,
    write_settings,
)
from encodery.text.word_counts import MAX_COUNTED_WORDS, most_frequent, repeated

_END_OF_WORD = "</w>"
_SPACE, _TAB, _NEWLINE, _RETURN = "Ġ", "ĉ", "Ċ", "č"  # as the byte alphabet writes white space
_BYTES = frozenset(pre_tokenizers.ByteLevel.alphabet())


class ByteBpeSpec(Config):
    """How a byte-level BPE vocabulary is trained; names are those of `transformers` and `tokenizers`."""

    type: Literal["byte-bpe"] = "byte-bpe"
    vocab_size: int = Field(default=50_265, ge=len(_BYTES) + len(SPECIAL_TOKENS), le=1_000_000)
    min_frequency: int = Field(default=2, ge=1)
    """A pair of pieces that occurs less often is not merged."""
    add_prefix_space: bool = True
    """A text begins as if a space stood before it. The published RoBERTa models do not; but sentences are encoded one
    by one here, and a word should have the same tokens at the beginning of a sentence as inside."""

    def train(self, texts: Iterable[str]) -> "ByteBpe":
        """A vocabulary of exactly `vocab_size`: four special tokens, 256 bytes, merges by frequency, the mask token.

        Raises:
            UserError: there is no text, or it supports a smaller vocabulary only.
        """
        counts = count_words(texts, self.add_prefix_space)
        if not counts:
            raise UserError("there is no text to train the vocabulary on; add text to the corpus")
        mask = SPECIAL_TOKENS["mask_token"]
        opening = [SPECIAL_TOKENS[name] for name in ("cls_token", "pad_token", "sep_token", "unk_token")]
        backend = tokenizers.Tokenizer(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        trainer = trainers.BpeTrainer(
            vocab_size=self.vocab_size - 1,
            min_frequency=self.min_frequency,
            special_tokens=opening,
            initial_alphabet=sorted(_BYTES),
            show_progress=False,
        )
        backend.train_from_iterator(repeated(counts), trainer)
        tokens = [*by_id(backend.get_vocab()), mask]
        if len(tokens) < self.vocab_size:
            raise UserError(
                f"vocab_size = {self.vocab_size} is more than the text supports: {len(tokens):,} tokens found; "
                "lower vocab_size or add text"
            )
        vocabulary = {token: index for index, token in enumerate(tokens)}
        built = build_backend(vocabulary, merges_of(backend), SPECIAL_TOKENS, self.add_prefix_space)
        return ByteBpe(built, SPECIAL_TOKENS)


class ByteBpe(LibraryKind):
    """RoBERTa's tokenizer."""

    boundary = BEFORE_SPACE
    default_tokens = SPECIAL_TOKENS

    def __init__(self, backend: tokenizers.Tokenizer, special_tokens: Mapping[str, str]) -> None:
        super().__init__(backend, special_tokens)
        self._untrimmed = tokenizers.Tokenizer(backend.model)
        self._untrimmed.pre_tokenizer = backend.pre_tokenizer
        added = sorted(backend.get_added_tokens_decoder().items())
        self._untrimmed.add_tokens([token for _, token in added])

    def encode_piece(self, piece: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids and offsets of a piece of text; spaces at the ends of a token are not in its offsets.

        The library trims them by the look of the token, and loses a character where the space was only assumed.
        """
        encoding = self._untrimmed.encode(piece, add_special_tokens=False)
        offsets = []
        for index, token, (start, end) in zip(encoding.ids, encoding.tokens, encoding.offsets, strict=True):
            if index not in self.special_ids:
                start = end - len(piece[start:end].lstrip(" "))
                end = start if token.strip(_SPACE) == "" else start + len(piece[start:end].rstrip(" "))
            offsets.append((start, end))
        return encoding.ids, offsets

    @staticmethod
    def unfit(backend: tokenizers.Tokenizer) -> str | None:
        """Why a tokenizer of this model cannot be used, if so."""
        stored = _without_vocabulary(backend)
        pre_tokenizer = stored["pre_tokenizer"] or {"type": "none"}
        if pre_tokenizer["type"] != "ByteLevel" or not pre_tokenizer["use_regex"]:
            return f"the model is BPE with the pre-tokenizer {pre_tokenizer['type']}"
        if not _BYTES.issubset(backend.get_vocab()):
            return "the model is BPE whose vocabulary lacks single bytes"
        if stored["normalizer"]:
            return f"the model is BPE with the normalizer {stored['normalizer']['type']}"
        return None

    def default_layout(self) -> Layout:
        """`<s> A </s> </s> B </s>`."""
        cls, sep = (self.vocabulary[self.special_tokens[name]] for name in ("cls_token", "sep_token"))
        return plain_layout((cls, FIRST, sep), (cls, FIRST, sep, sep, SECOND, sep))

    def continues_word(self, token: str) -> bool:
        """Whether the token is joined to what stands before it without white space, punctuation included."""
        return token[0] not in (_SPACE, _TAB, _NEWLINE, _RETURN)

    def save(self, folder: Path) -> None:
        """Write tokenizer.json, vocab.json, merges.txt, tokenizer_config.json and special_tokens_map.json."""
        stored = _without_vocabulary(self.backend)
        config: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
        if stored["normalizer"] is None and (stored["post_processor"] or {}).get("type") == "RobertaProcessing":
            config = {
                "tokenizer_class": "RobertaTokenizer",
                "add_prefix_space": stored["pre_tokenizer"]["add_prefix_space"],
                "trim_offsets": stored["post_processor"]["trim_offsets"],
            }
        write_settings(folder, self.backend, self.special_tokens, config)
        ids = {token: self.vocabulary[token] for token in by_id(self.vocabulary)}
        (folder / "vocab.json").write_text(json.dumps(ids, ensure_ascii=False) + "\n", encoding="utf-8")
        write_lines(folder / "merges.txt", ["#version: 0.2", *map(" ".join, merges_of(self.backend))])


def build_backend(
    vocabulary: Mapping[str, int],
    merges: Sequence[tuple[str, str]],
    names: Mapping[str, str],
    add_prefix_space: bool,
) -> tokenizers.Tokenizer:
    """RoBERTa's tokenizer over a vocabulary and its merges."""
    backend = tokenizers.Tokenizer(models.BPE(dict(vocabulary), list(merges)))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    backend.decoder = decoders.ByteLevel()
    cls, sep = ((names[name], vocabulary[names[name]]) for name in ("cls_token", "sep_token"))
    backend.post_processor = processors.RobertaProcessing(sep, cls, True, add_prefix_space)
    add_special_tokens(backend, names)
    return backend


def read_original(path: Path, settings: Mapping[str, Any]) -> ByteBpe:
    """The tokenizer of a `vocab.json` with the `merges.txt` beside it.

    Raises:
        UserError: a file is missing or broken, or the two do not belong together.
    """
    vocabulary = read_table(path)
    if not all(type(index) is int for index in vocabulary.values()):
        raise UserError(f"{path}: each token must have one whole number as its id; fetch or write it again")
    if any(token.endswith(_END_OF_WORD) for token in vocabulary):
        raise UserError(
            f"{path}: tokens end in {_END_OF_WORD}, as XLM's do, but tokenizer_config.json names "
            f"{settings.get('tokenizer_class')!r:.80}; XLMTokenizer is allowed there"
        )
    names = special_tokens(settings, SPECIAL_TOKENS)
    check_special_tokens(path, vocabulary, names)
    missing = sorted(_BYTES - vocabulary.keys())
    if missing:
        raise UserError(
            f"{path}: {len(missing)} of the 256 bytes are no tokens, {missing[0]!r} for one; "
            "only byte-level BPE can be read"
        )
    merges = read_merges(path.with_name("merges.txt"), vocabulary)
    return ByteBpe(build_backend(vocabulary, merges, names, bool(settings.get("add_prefix_space", False))), names)


def read_merges(path: Path, vocabulary: Mapping[str, int]) -> list[tuple[str, str]]:
    """The pairs of a `merges.txt`, the first the most frequent.

    Raises:
        UserError: it is missing or a line is no pair of tokens whose join is a token.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; vocab.json needs merges.txt beside it")
    merges = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line or (number == 1 and line.startswith("#version")):
            continue
        first, _, second = line.partition(" ")
        for token in (first, second, first + second):
            if token not in vocabulary:
                raise UserError(
                    f"{path}:{number}: {line!r:.80} needs the token {token!r:.80}, which vocab.json lacks; "
                    "the two files belong to different tokenizers"
                )
        merges.append((first, second))
    return merges


def merges_of(backend: tokenizers.Tokenizer) -> list[tuple[str, str]]:
    """The merges of a BPE model in order."""
    return [(first, second) for first, second in json.loads(backend.to_str())["model"]["merges"]]


def count_words(texts: Iterable[str], add_prefix_space: bool) -> Counter[str]:
    """How often each word occurs, its bytes written as in GPT-2; past four million the rarest are dropped."""
    split = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space).pre_tokenize_str
    counts: Counter[str] = Counter()
    for text in texts:
        for _, piece in cut(text, BEFORE_SPACE):
            counts.update(word for word, _ in split(piece))
        if len(counts) > MAX_COUNTED_WORDS:
            counts = most_frequent(counts, MAX_COUNTED_WORDS // 2)
    return counts


def _without_vocabulary(backend: tokenizers.Tokenizer) -> dict[str, Any]:
    """The parts of a tokenizer around its model."""
    stored: dict[str, Any] = json.loads(backend.to_str())
    return {part: stored[part] for part in ("normalizer", "pre_tokenizer", "post_processor")}
