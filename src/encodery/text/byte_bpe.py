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
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from encodery.errors import UserError
from encodery.text.alignment import Span, align, carried_back
from encodery.text.balance import EVEN, BalancedSpec
from encodery.text.joining import join_neighbours
from encodery.text.layout import FIRST, SECOND, Layout, bert_processor, plain_layout
from encodery.text.library import LibraryKind, enough
from encodery.text.merges import derivation, merges_of, rank_merges, read_merges
from encodery.text.pieces import BEFORE_SPACE, cut
from encodery.text.revision import NewToken
from encodery.text.stored import (
    SPECIAL_TOKENS,
    add_special_tokens,
    by_id,
    check_special_tokens,
    read_table,
    special_tokens,
    write_lines,
    write_settings,
)
from encodery.text.word_counts import MAX_COUNTED_WORDS, WordCounts, repeated
from encodery.text.wordpiece import BERT_SPECIAL_TOKENS

_END_OF_WORD = "</w>"
_OUTER = ("cls_token", "sep_token")
_SPACE, _TAB, _NEWLINE, _RETURN = "Ġ", "ĉ", "Ċ", "č"  # as the byte alphabet writes white space
_BYTES = frozenset(pre_tokenizers.ByteLevel.alphabet())
_NAMES: Mapping[str, Mapping[str, str]] = {"roberta": SPECIAL_TOKENS, "bert": BERT_SPECIAL_TOKENS}


class ByteBpeSpec(BalancedSpec):
    """How a byte-level BPE vocabulary is trained; names are those of `transformers` and `tokenizers`."""

    type: Literal["byte-bpe"] = "byte-bpe"
    vocab_size: int = Field(default=50_265, ge=len(_BYTES) + len(SPECIAL_TOKENS), le=1_000_000)
    min_frequency: int = Field(default=2, ge=1)
    """A pair of pieces that occurs less often is not merged."""
    add_prefix_space: bool = True
    """A text begins as if a space stood before it. The published RoBERTa models do not; but sentences are encoded one
    by one here, and a word should have the same tokens at the beginning of a sentence as inside."""
    special_tokens: Literal["roberta", "bert"] = "roberta"
    """`<s> A </s> </s> B </s>` as in RoBERTa, or `[CLS] A [SEP] B [SEP]` as in BERT and ModernBERT."""
    normalizer: Literal["nfc"] | None = None
    """Characters are composed (Unicode's NFC) before all else, as in ModernBERT; None: text is taken as it is."""

    def train(self, texts: Iterable[str], weights: Iterable[float] = EVEN) -> "ByteBpe":
        """A vocabulary of exactly `vocab_size`: four special tokens, 256 bytes, merges by frequency, the mask token.

        Each text counts as many times as it weighs.

        Raises:
            UserError: there is no text, or it supports a smaller vocabulary only.
        """
        backend, tokens = self._learned(texts, weights)
        if len(tokens) < self.vocab_size:
            raise UserError(
                f"vocab_size = {self.vocab_size} is more than the text supports: {len(tokens):,} tokens found; "
                "lower vocab_size or add text"
            )
        names = _NAMES[self.special_tokens]
        vocabulary = {token: index for index, token in enumerate(tokens)}
        built = build_backend(vocabulary, merges_of(backend), names, self.add_prefix_space)
        if self._normalizer:
            built.normalizer = self._normalizer
        if self.special_tokens == "bert":
            built.post_processor = bert_processor(*((names[name], vocabulary[names[name]]) for name in _OUTER))
        return ByteBpe(built, names)

    def fitting_size(self, texts: Iterable[str]) -> int:
        """The `vocab_size` that these texts support, at most that of the settings.

        Raises:
            UserError: there is no text.
        """
        return len(self._learned(texts, EVEN)[1])

    @property
    def _normalizer(self) -> normalizers.Normalizer | None:
        return normalizers.NFC() if self.normalizer == "nfc" else None

    def _learned(self, texts: Iterable[str], weights: Iterable[float]) -> tuple[tokenizers.Tokenizer, list[str]]:
        """What the trainer made, and all tokens in the order of their ids."""
        normalizer = self._normalizer
        normal = map(normalizer.normalize_str, texts) if normalizer else texts
        counts = count_words(normal, self.add_prefix_space, weights)
        if not counts:
            raise UserError("there is no text to train the vocabulary on; add text to the corpus")
        names = _NAMES[self.special_tokens]
        backend = tokenizers.Tokenizer(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        trainer = trainers.BpeTrainer(
            vocab_size=self.vocab_size - 1,
            min_frequency=self.min_frequency,
            special_tokens=[names[name] for name in ("cls_token", "pad_token", "sep_token", "unk_token")],
            initial_alphabet=sorted(_BYTES),
            show_progress=False,
        )
        backend.train_from_iterator(repeated(counts), trainer)
        return backend, [*by_id(backend.get_vocab()), names["mask_token"]]


class ByteBpe(LibraryKind):
    """RoBERTa's tokenizer, and ModernBERT's."""

    boundary = BEFORE_SPACE
    default_tokens = SPECIAL_TOKENS

    def __init__(self, backend: tokenizers.Tokenizer, special_tokens: Mapping[str, str]) -> None:
        super().__init__(backend, special_tokens)
        self._untrimmed = tokenizers.Tokenizer(backend.model)
        self._untrimmed.pre_tokenizer = backend.pre_tokenizer
        added = sorted(backend.get_added_tokens_decoder().items())
        self._untrimmed.add_tokens([token for _, token in added])
        self._normalize = backend.normalizer.normalize_str if backend.normalizer else str

    def encode_piece(self, piece: str) -> tuple[list[int], list[Span]]:
        """Ids and offsets of a piece of text; spaces at the ends of a token are not in its offsets."""
        normal = self._normalize(piece)
        ids, offsets = self._encode_normal(normal)
        if normal == piece:
            return ids, offsets
        encoding = self.backend.encode(piece, add_special_tokens=False)
        if (
            encoding.ids != ids
        ):  # a mark would change a special token's last character, which the library leaves alone
            return encoding.ids, encoding.offsets
        return ids, carried_back(offsets, align(piece, self._normalize), len(piece))

    def _encode_normal(self, piece: str) -> tuple[list[int], list[Span]]:
        """The same of text that is in its normal form.

        The library trims spaces by the look of the token, and loses a character where the space was only assumed.
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
        if stored["normalizer"] and stored["normalizer"]["type"] != "NFC":
            return f"the model is BPE with the normalizer {stored['normalizer']['type']}"
        return None

    def default_layout(self) -> Layout:
        """`<s> A </s> </s> B </s>`."""
        cls, sep = (self.vocabulary[self.special_tokens[name]] for name in ("cls_token", "sep_token"))
        return plain_layout((cls, FIRST, sep), (cls, FIRST, sep, sep, SECOND, sep))

    def continues_word(self, token: str) -> bool:
        """Whether the token is joined to what stands before it without white space, punctuation included."""
        return token[0] not in (_SPACE, _TAB, _NEWLINE, _RETURN)

    def is_character(self, token: str) -> bool:
        """A byte."""
        return token in _BYTES

    def closed(self, tokens: set[str]) -> set[str]:
        """All bytes, and what merges make on the way to these tokens."""
        ranks = rank_merges(merges_of(self.backend))
        return tokens.union(_BYTES, *(derivation(token, ranks) & self.vocabulary.keys() for token in tokens))

    def find_tokens(self, texts: Iterable[str], num_tokens: int, min_frequency: int) -> list[NewToken]:
        """Those that the training of the vocabulary would find next, were it continued on these texts."""
        words = {self.pieces_of(word): count for word, count in self.count_words(texts).items()}
        found = join_neighbours(words, self.vocabulary.keys(), num_tokens, min_frequency)
        enough({token.token for token in found}.difference(self.vocabulary), num_tokens, min_frequency)
        return found

    def new_tokens(self, word: str, pieces: tuple[str, ...]) -> list[NewToken]:
        """The pieces joined from the left, since a merge takes two: all that this meets on the way is added, too."""
        joined = ["".join(pieces[: length + 1]) for length in range(len(pieces))]
        return [
            NewToken(joined[last], pieces[: last + 1], (joined[last - 1], pieces[last]))
            for last in range(1, len(pieces))
        ]

    def enlarged(self, new: Sequence[NewToken], added: Sequence[str]) -> dict[str, Any]:
        """More merges, behind those of today: text without the new tokens is cut as before."""
        merges = dict.fromkeys((*merges_of(self.backend), *((token.parts[0], token.parts[1]) for token in new)))
        vocabulary = {**self.backend.get_vocab(with_added_tokens=False), **dict.fromkeys(added, 0)}
        return {"vocab": vocabulary, "merges": [list(merge) for merge in merges]}

    def save(self, folder: Path) -> None:
        """Write tokenizer.json, tokenizer_config.json, special_tokens_map.json; vocab.json and merges.txt where they
        say it all, which is RoBERTa's layout without a normalizer."""
        stored = _without_vocabulary(self.backend)
        config: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
        if stored["normalizer"] is None and (stored["post_processor"] or {}).get("type") == "RobertaProcessing":
            config = {
                "tokenizer_class": "RobertaTokenizer",
                "add_prefix_space": stored["pre_tokenizer"]["add_prefix_space"],
                "trim_offsets": stored["post_processor"]["trim_offsets"],
            }
        write_settings(folder, self.backend, self.special_tokens, config)
        if config["tokenizer_class"] != "RobertaTokenizer":
            return
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
    cls, sep = ((names[name], vocabulary[names[name]]) for name in _OUTER)
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


def count_words(texts: Iterable[str], add_prefix_space: bool, weights: Iterable[float] = EVEN) -> Counter[str]:
    """How often each word occurs, its bytes written as in GPT-2; past a million the rarest are dropped."""
    split = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space).pre_tokenize_str
    counts = WordCounts(MAX_COUNTED_WORDS)
    for text, weight in zip(texts, weights, strict=False):  # EVEN has no end
        for _, piece in cut(text, BEFORE_SPACE):
            counts.add((word for word, _ in split(piece)), weight)
        counts.prune()
    return counts.total()


def _without_vocabulary(backend: tokenizers.Tokenizer) -> dict[str, Any]:
    """The parts of a tokenizer around its model."""
    stored: dict[str, Any] = json.loads(backend.to_str())
    return {part: stored[part] for part in ("normalizer", "pre_tokenizer", "post_processor")}
