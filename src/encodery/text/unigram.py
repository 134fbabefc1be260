"""SentencePiece unigram (Kudo, 2018; Kudo and Richardson, 2018), the tokenizer of XLM-RoBERTa.

Trained by `sentencepiece`, run by `tokenizers` as `transformers` does. Ids are shifted as fairseq has them: `<s>` 0,
`<pad>` 1, `</s>` 2, `<unk>` 3, then the pieces of the model, `<mask>` last.
"""

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tokenizers
from pydantic import Field
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from encodery.errors import UserError
from encodery.text.alignment import Span, align, carried_back
from encodery.text.balance import EVEN, BalancedSpec
from encodery.text.joining import join_neighbours
from encodery.text.layout import FIRST, SECOND, Layout, plain_layout
from encodery.text.library import LibraryKind, enough
from encodery.text.pieces import BEFORE_SPACE
from encodery.text.revision import NewToken
from encodery.text.sentencepiece_model import SentencePieceModel, parse_model, read_model, write_model
from encodery.text.stored import SPECIAL_TOKENS, add_special_tokens, special_tokens, write_settings
from encodery.text.unigram_paths import UnigramPaths
from encodery.text.unigram_training import train_model
from encodery.text.word_arrays import Runs, Words

WORD_START = "▁"
_SHIFTED = ("cls_token", "pad_token", "sep_token", "unk_token")
"""The ids 0 to 3, in place of SentencePiece's own three."""
_JOIN_BONUS = 2.0**-7
"""A new piece is worth what it replaces and this much for each joint: by 1 % likelier, far above rounding."""
_CLASSES = (None, "XLMRobertaTokenizer", "XLMRobertaTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend")


class UnigramSpec(BalancedSpec):
    """How a unigram vocabulary is trained; names are those of `sentencepiece`."""

    type: Literal["unigram"] = "unigram"
    vocab_size: int = Field(default=250_002, ge=16, le=1_000_000)
    character_coverage: float = Field(default=0.9995, gt=0.9, le=1.0)
    """Share of the text's characters that get a piece of their own; the rest is `<unk>`."""
    input_sentence_size: int = Field(default=1_000_000, ge=100, le=100_000_000)
    """At most this many lines, drawn evenly from the whole text, are held in memory."""

    def train(self, texts: Iterable[str], weights: Iterable[float] = EVEN) -> "Unigram":
        """A vocabulary of exactly `vocab_size`; each text counts as many times as it weighs.

        Raises:
            UserError: `sentencepiece` is not installed, there is no text, or it supports another size only.
        """
        data = train_model(texts, weights, self.vocab_size, self.character_coverage, self.input_sentence_size)
        return Unigram(build_backend(parse_model(data), SPECIAL_TOKENS), SPECIAL_TOKENS)


class Unigram(LibraryKind):
    """XLM-RoBERTa's tokenizer."""

    boundary = BEFORE_SPACE
    default_tokens = SPECIAL_TOKENS

    def __init__(self, backend: tokenizers.Tokenizer, special_tokens: Mapping[str, str]) -> None:
        backend.model = _exact(backend)
        super().__init__(backend, special_tokens)
        self._added = {index: token.content for index, token in backend.get_added_tokens_decoder().items()}
        self._plain = tokenizers.Tokenizer(backend.model)
        self._plain.pre_tokenizer = backend.pre_tokenizer
        normalizer = backend.normalizer
        self._normalize: Callable[[str], str] = normalizer.normalize_str if normalizer else str
        self._paths: UnigramPaths | None = None

    @staticmethod
    def unfit(backend: tokenizers.Tokenizer) -> str | None:
        """Why a tokenizer of this model cannot be used, if so."""
        stored = json.loads(backend.to_str())
        split = [part["type"] for part in _parts(stored["pre_tokenizer"], "pretokenizers")]
        if split not in (["Metaspace"], ["WhitespaceSplit", "Metaspace"]):
            return f"the model is Unigram with the pre-tokenizer {' + '.join(split) or 'none'}"
        changes = [part["type"] for part in _parts(stored["normalizer"], "normalizers")]
        if changes not in ([], ["Precompiled"]):
            return f"the model is Unigram with the normalizer {' + '.join(changes)}"
        if stored["model"].get("byte_fallback"):
            return "the model is Unigram with byte_fallback"
        return None

    def default_layout(self) -> Layout:
        """`<s> A </s> </s> B </s>`."""
        cls, sep = (self.vocabulary[self.special_tokens[name]] for name in ("cls_token", "sep_token"))
        return plain_layout((cls, FIRST, sep), (cls, FIRST, sep, sep, SECOND, sep))

    def encode_piece(self, piece: str) -> tuple[list[int], list[Span]]:
        """Ids and offsets of a piece of text; the offsets are our own where the text is not its normal form."""
        encoding = self.backend.encode(piece, add_special_tokens=False)
        if self._normalize(piece) == piece:
            return encoding.ids, encoding.offsets
        offsets: list[Span] = []
        start = 0
        for index, (first, last) in zip(encoding.ids, encoding.offsets, strict=True):
            if index in self._added and piece[first:last].strip() == self._added[index]:
                offsets += [*self._aligned(piece, start, first), (first, last)]
                start = last
        offsets += self._aligned(piece, start, len(piece))
        assert len(offsets) == len(encoding.ids), f"{len(offsets)} offsets for {len(encoding.ids)} tokens"
        return encoding.ids, offsets

    def _aligned(self, piece: str, start: int, end: int) -> list[Span]:
        """The offsets of a stretch without special tokens: those in its normal form, carried back."""
        text = piece[start:end]
        sources = align(text, self._normalize)
        encoding = self._plain.encode(self._normalize(text), add_special_tokens=False)
        spans = carried_back(encoding.offsets, sources, len(text))
        return [(start + first, start + last) for first, last in spans]

    def _solve(self, words: Words) -> Runs:
        """The ids of words, in arrays."""
        if self._paths is None:
            self._paths = UnigramPaths.of(self.backend, self._normalize)
        return self._paths.solve(words)

    def continues_word(self, token: str) -> bool:
        """Whether the token goes on with the word before it."""
        return not token.startswith(WORD_START)

    def is_character(self, token: str) -> bool:
        """A piece of one character."""
        return len(token) == 1

    def closed(self, tokens: set[str]) -> set[str]:
        """The best way to cut a word stays the best where others are taken away. But what an unknown character costs
        follows from the lowest score of all: the piece that has it stays."""
        scores = self._scores()
        return tokens | {min(scores, key=scores.__getitem__)}

    def find_tokens(self, texts: Iterable[str], num_tokens: int, min_frequency: int) -> list[NewToken]:
        """Neighbouring pieces joined, the pair that occurs most often first, again and again."""
        unknown = self.special_tokens["unk_token"]
        words: Counter[tuple[str, ...]] = Counter()
        for word, count in self.count_words(texts).items():
            for known, run in groupby(self.pieces_of(word), lambda piece: piece != unknown):
                if known:
                    words[tuple(run)] += count
        found = join_neighbours(words, self.vocabulary.keys(), num_tokens, min_frequency)
        new = {token.token: token for token in reversed(found) if token.token not in self.vocabulary}
        enough(new, num_tokens, min_frequency)
        return list(reversed(new.values()))

    def new_tokens(self, word: str, pieces: tuple[str, ...]) -> list[NewToken]:
        """The word as one piece."""
        if self.special_tokens["unk_token"] in pieces:
            shown = word.removeprefix(WORD_START)
            raise UserError(f"{shown!r:.80} has characters that are no pieces; only known pieces can be joined")
        return [NewToken(word, pieces, pieces)]

    def enlarged(self, new: Sequence[NewToken], added: Sequence[str]) -> dict[str, Any]:
        """More pieces, each with hardly more than the score of the pieces that it replaces: it stands where these
        stood, and other text is cut as before unless two ways to cut it are equal to a hundredth."""
        stored = json.loads(self.backend.to_str())["model"]["vocab"]
        scores = self._scores()
        values = {
            token.token: sum(scores[piece] for piece in token.pieces) + _JOIN_BONUS * (len(token.pieces) - 1)
            for token in reversed(new)
        }
        return {"vocab": [*stored, *([token, float(np.float32(values[token]))] for token in added)]}

    def _scores(self) -> dict[str, float]:
        return dict(json.loads(self.backend.to_str())["model"]["vocab"])

    def save(self, folder: Path) -> None:
        """Write tokenizer.json, sentencepiece.bpe.model, tokenizer_config.json and special_tokens_map.json.

        The `.model` file can only hold vocabularies whose ids are shifted as fairseq's; it is left out for others.
        """
        names = self.special_tokens
        shifted = [self.vocabulary[names[name]] for name in _SHIFTED] == list(range(len(_SHIFTED)))
        shifted = shifted and self.vocabulary[names["mask_token"]] == len(self.vocabulary) - 1
        config: dict[str, Any] = {"tokenizer_class": "XLMRobertaTokenizer" if shifted else "PreTrainedTokenizerFast"}
        write_settings(
            folder, self.backend, names, config | {"bos_token": names["cls_token"], "eos_token": names["sep_token"]}
        )
        if shifted:
            write_model(folder / "sentencepiece.bpe.model", self._sentencepiece())

    def _sentencepiece(self) -> SentencePieceModel:
        stored = json.loads(self.backend.to_str())
        tables = [part["precompiled_charsmap"] for part in _parts(stored["normalizer"], "normalizers")]
        special = set(self.special_tokens.values())
        pieces = tuple((piece, score) for piece, score in stored["model"]["vocab"] if piece not in special)
        return SentencePieceModel(pieces, base64.b64decode(tables[0]) if tables else b"")


def _exact(backend: tokenizers.Tokenizer) -> models.Unigram:
    """The model with scores of single precision, as SentencePiece has them; other scores stay what they are.

    The library's JSON reader may be off in the last bit, which decides between segmentations of equal score.
    """
    stored = json.loads(backend.to_str())["model"]
    scores = np.array([score for _, score in stored["vocab"]], dtype=np.float64)
    single = scores.astype(np.float32).astype(np.float64)
    scores = np.where(np.abs(single - scores) <= 1e-15 * np.abs(scores), single, scores)
    vocabulary = [(piece, float(score)) for (piece, _), score in zip(stored["vocab"], scores, strict=True)]
    return models.Unigram(vocabulary, unk_id=stored["unk_id"], byte_fallback=False)


def build_backend(model: SentencePieceModel, names: Mapping[str, str]) -> tokenizers.Tokenizer:
    """XLM-RoBERTa's tokenizer over a SentencePiece model."""
    tokens = [(names[name], 0.0) for name in _SHIFTED]
    tokens += [*model.pieces, (names["mask_token"], 0.0)]
    backend = tokenizers.Tokenizer(models.Unigram(tokens, unk_id=_SHIFTED.index("unk_token"), byte_fallback=False))
    if model.charsmap:
        backend.normalizer = normalizers.Precompiled(model.charsmap)
    space = pre_tokenizers.Metaspace(replacement=WORD_START, prepend_scheme="always")
    backend.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), space])
    backend.decoder = decoders.Metaspace(replacement=WORD_START, prepend_scheme="always")
    cls, sep = names["cls_token"], names["sep_token"]
    backend.post_processor = processors.TemplateProcessing(
        single=f"{cls} $A {sep}",
        pair=f"{cls} $A {sep} {sep} $B {sep}",
        special_tokens=[(cls, _SHIFTED.index("cls_token")), (sep, _SHIFTED.index("sep_token"))],
    )
    add_special_tokens(backend, names)
    return backend


def read_original(path: Path, settings: Mapping[str, Any]) -> Unigram:
    """The tokenizer of a `sentencepiece.bpe.model`.

    Raises:
        UserError: the file is broken, or belongs to a tokenizer that numbers its pieces in another way.
    """
    name = settings.get("tokenizer_class")
    if name not in _CLASSES:
        raise UserError(
            f"{path}: it belongs to a {name!r:.80}; only XLMRobertaTokenizer's numbering of pieces is known"
        )
    names = special_tokens(settings, SPECIAL_TOKENS)
    model = read_model(path)
    doubles = {piece for piece, _ in model.pieces} & set(names.values())
    if doubles or len(set(names.values())) < len(names):
        raise UserError(
            f"{path}: the special tokens {' '.join(names.values())} repeat a token or a piece of the model; "
            "name yours in tokenizer_config.json"
        )
    try:
        return Unigram(build_backend(model, names), names)
    except Exception as error:  # the library raises nothing narrower
        raise UserError(f"{path}: not a usable model ({error}); fetch or write it again") from None


def _parts(step: dict[str, Any] | None, name: str) -> Sequence[dict[str, Any]]:
    """A step of the library, or the steps of a sequence."""
    if step is None:
        return []
    return step[name] if step["type"] == "Sequence" else [step]
