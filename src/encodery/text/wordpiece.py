"""WordPiece, the tokenizer of BERT and DistilBERT: its settings, how it is built, its files."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import tokenizers
from pydantic import Field
from tokenizers import decoders, models, normalizers, pre_tokenizers

from encodery.errors import UserError
from encodery.text.balance import EVEN, BalancedSpec
from encodery.text.layout import FIRST, SECOND, Layout, bert_processor
from encodery.text.library import LibraryKind, enough
from encodery.text.pieces import cut
from encodery.text.revision import NewToken
from encodery.text.stored import by_id, read_text, special_tokens, write_lines, write_settings
from encodery.text.wordpiece_vocabulary import CONTINUING_PREFIX, MAX_WORD_CHARS, fitting_size, train_vocabulary

BERT_SPECIAL_TOKENS = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}


class WordPieceSpec(BalancedSpec):
    """How a WordPiece vocabulary is trained; names are those of `transformers` and `tokenizers`."""

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

    def train(self, texts: Iterable[str], weights: Iterable[float] = EVEN) -> "WordPiece":
        """A vocabulary of exactly `vocab_size`; each text counts as many times as it weighs.

        Raises:
            UserError: there is no text, or it supports a smaller vocabulary only.
        """
        names = list(BERT_SPECIAL_TOKENS.values())
        untrained = build_backend(names, names, self.lowercase, self.strip_accents, self.split_cjk)
        tokens = train_vocabulary(
            texts, untrained.normalizer, names, self.vocab_size, self.min_frequency, self.limit_alphabet, weights
        )
        backend = build_backend(tokens, names, self.lowercase, self.strip_accents, self.split_cjk)
        return WordPiece(backend, BERT_SPECIAL_TOKENS)

    def fitting_size(self, texts: Iterable[str]) -> int:
        """A `vocab_size` that these texts support where `min_frequency` is 1."""
        names = list(BERT_SPECIAL_TOKENS.values())
        untrained = build_backend(names, names, self.lowercase, self.strip_accents, self.split_cjk)
        return fitting_size(texts, untrained.normalizer, names, self.limit_alphabet)


class WordPiece(LibraryKind):
    """BERT's tokenizer: white space and punctuation separate words, `##` marks the pieces that continue one."""

    default_tokens = BERT_SPECIAL_TOKENS
    offsets_of_words = True

    @staticmethod
    def unfit(backend: tokenizers.Tokenizer) -> str | None:
        """Why a tokenizer of this model cannot be used, if so."""
        prefix = backend.model.continuing_subword_prefix
        return None if prefix == CONTINUING_PREFIX else f"the model is WordPiece with the prefix {prefix!r}"

    def default_layout(self) -> Layout:
        """`[CLS] A [SEP] B [SEP]`, the second text of type 1."""
        cls, sep = (self.vocabulary[self.special_tokens[name]] for name in ("cls_token", "sep_token"))
        single = ((cls, 0), (FIRST, 0), (sep, 0))
        return Layout(single, (*single, (SECOND, 1), (sep, 1)))

    def continues_word(self, token: str) -> bool:
        """Whether the token goes on with the word before it."""
        return token.startswith(CONTINUING_PREFIX) and token != CONTINUING_PREFIX

    def is_character(self, token: str) -> bool:
        """A character that begins a word or goes on with one."""
        return len(token.removeprefix(CONTINUING_PREFIX)) == 1 or len(token) == 1

    def used_in(self, texts: Sequence[str]) -> set[str]:
        """The tokens of these texts; and the beginnings of words that turned out to be unknown.

        The model takes the longest token that fits and never looks back. Without those beginnings it would take
        shorter ones, and might find the rest of such a word.
        """
        used = super().used_in(texts)
        unknown = self.special_tokens["unk_token"]
        if unknown in used:
            used.update(*(self._beginnings(word) for text in texts for word in self._unknown_words(text)))
        return used

    def _unknown_words(self, text: str) -> Iterator[str]:
        unknown = self.vocabulary[self.special_tokens["unk_token"]]
        for _, piece in cut(text, self.boundary):
            encoding = self.backend.encode(piece, add_special_tokens=False)
            for index, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
                if index == unknown:
                    yield from self.count_words([piece[start:end]])

    def _beginnings(self, word: str) -> Iterator[str]:
        """The longest tokens from the left, as far as there are any."""
        start = 0
        while start < len(word):
            prefix = CONTINUING_PREFIX if start else ""
            ends = (end for end in range(len(word), start, -1) if prefix + word[start:end] in self.vocabulary)
            end = next(ends, None)
            if end is None:
                return
            yield prefix + word[start:end]
            start = end

    def find_tokens(self, texts: Iterable[str], num_tokens: int, min_frequency: int) -> list[NewToken]:
        """Whole words, those first that save most pieces; an unknown word counts as if it saved one."""
        gains: dict[NewToken, int] = {}
        for word, count in self.count_words(texts).items():
            if count >= min_frequency and len(word) <= MAX_WORD_CHARS and word not in self.vocabulary:
                pieces = self.pieces_of(word)
                gains[NewToken(word, pieces, pieces)] = count * max(1, len(pieces) - 1)
        ranked = sorted(gains, key=lambda token: (-gains[token], token.token))
        enough(ranked, num_tokens, min_frequency)
        return ranked[:num_tokens]

    def new_tokens(self, word: str, pieces: tuple[str, ...]) -> list[NewToken]:
        """The word itself."""
        return [NewToken(word, pieces, pieces)]

    def enlarged(self, new: Sequence[NewToken], added: Sequence[str]) -> dict[str, Any]:
        """More words."""
        return {"vocab": {**self.backend.get_vocab(with_added_tokens=False), **dict.fromkeys(added, 0)}}

    def save(self, folder: Path) -> None:
        """Write tokenizer.json, vocab.txt, tokenizer_config.json and special_tokens_map.json."""
        normalizer = json.loads(self.backend.to_str())["normalizer"] or {}
        config: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
        if normalizer.get("type") == "BertNormalizer":
            config = {
                "tokenizer_class": "BertTokenizer",
                "do_lower_case": normalizer["lowercase"],
                "strip_accents": normalizer["strip_accents"],
                "tokenize_chinese_chars": normalizer["handle_chinese_chars"],
            }
        write_settings(folder, self.backend, self.special_tokens, config)
        write_lines(folder / "vocab.txt", by_id(self.vocabulary))


def build_backend(
    tokens: Sequence[str],
    special_tokens: Sequence[str],
    lowercase: bool,
    strip_accents: bool | None,
    split_cjk: bool,
) -> tokenizers.Tokenizer:
    """BERT's tokenizer over a vocabulary; `special_tokens` in the order pad, unk, cls, sep, mask."""
    ids = {token: index for index, token in enumerate(tokens)}
    _, unk, cls, sep, _ = special_tokens
    backend = tokenizers.Tokenizer(models.WordPiece(ids, unk_token=unk))
    backend.normalizer = normalizers.BertNormalizer(
        lowercase=lowercase, strip_accents=strip_accents, handle_chinese_chars=split_cjk
    )
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    backend.post_processor = bert_processor((cls, ids[cls]), (sep, ids[sep]))
    backend.add_special_tokens(list(special_tokens))
    return backend


def read_original(path: Path, settings: Mapping[str, Any]) -> WordPiece:
    """The tokenizer of a `vocab.txt` and the settings beside it.

    Raises:
        UserError: the settings do not tell the case, or the vocabulary is broken.
    """
    if "do_lower_case" not in settings and not (path.parent / "tokenizer_config.json").is_file():
        raise UserError(
            f"{path.parent}: vocab.txt does not say whether text is lower-cased; "
            'add tokenizer_config.json with {"do_lower_case": true} or false'
        )
    names = special_tokens(settings, BERT_SPECIAL_TOKENS)
    tokens = read_text(path).removesuffix("\n").split("\n")
    first_line: dict[str, int] = {}
    for line, token in enumerate(tokens, start=1):
        if first_line.setdefault(token, line) != line:
            raise UserError(f"{path}:{line}: {token!r} is already on line {first_line[token]}; each token has one id")
    for name in names.values():
        if name not in first_line:
            raise UserError(f"{path}: the special token {name!r} is not in it; name yours in tokenizer_config.json")
    backend = build_backend(
        tokens,
        list(names.values()),
        settings.get("do_lower_case", True),
        settings.get("strip_accents"),
        settings.get("tokenize_chinese_chars", True),
    )
    return WordPiece(backend, names)
