"""Byte-pair encoding whose tokens tell where a word ends (Sennrich et al. 2016): `</w>` closes its last token.

Trained and run by `tokenizers`. A vocabulary need not hold what its merges pass through, nor every character: what it
lacks is unknown, but the merges go on through it, as in the programs of Sennrich (subword-nmt) and of XLM (fastBPE).
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import cast

import tokenizers
from tokenizers import models, pre_tokenizers, trainers

from encodery.errors import UserError
from encodery.text.stored import by_id
from encodery.text.word_counts import repeated

END_OF_WORD = "</w>"
_UNKNOWN = ""
"""No token is empty."""

Merge = tuple[str, str]
Place = tuple[int, int, int]
"""The number of a word, the first character in it, and the one after the last."""


class EndOfWordBpe:
    """The tokens of words, by a list of merges."""

    def __init__(self, vocabulary: Mapping[str, int], merges: Sequence[Merge], unk_token: str) -> None:
        symbols = {symbol for pair in merges for symbol in (*pair, "".join(pair))}
        symbols |= {token for token in vocabulary if len(token.removesuffix(END_OF_WORD)) == 1}
        symbols -= {" ", " " + END_OF_WORD}
        ordered = [_UNKNOWN, *sorted(symbols - {_UNKNOWN})]
        ids = {symbol: index for index, symbol in enumerate(ordered)}
        model = models.BPE(ids, list(merges), unk_token=_UNKNOWN, end_of_word_suffix=END_OF_WORD)
        self._backend = tokenizers.Tokenizer(model)
        self._unknown = vocabulary[unk_token]
        self._closing = vocabulary.get(END_OF_WORD, self._unknown)
        self._ids = [self._unknown, *(vocabulary.get(symbol, self._unknown) for symbol in ordered[1:])]
        self._symbols = ordered
        self.merges = list(merges)

    def symbols(self, words: Sequence[str]) -> set[str]:
        """What the merges make of words, whether the vocabulary has it or not, but characters that no merge knows."""
        encoding = self._backend.encode(words, is_pretokenized=True, add_special_tokens=False)
        return {self._symbols[index] for index in set(encoding.ids)} - {_UNKNOWN}

    def encode_ids(self, words: Sequence[str]) -> list[int]:
        """The ids of words one after another."""
        if any(" " in word for word in words):
            return self.encode(words)[0]
        encoding = self._backend.encode(words, is_pretokenized=True, add_special_tokens=False)
        return [self._ids[index] for index in encoding.ids]

    def encode(self, words: Sequence[str]) -> tuple[list[int], list[Place]]:
        """The ids of words one after another, and where each is from."""
        encoding = self._backend.encode(words, is_pretokenized=True, add_special_tokens=False)
        ids = [self._ids[index] for index in encoding.ids]
        numbers = cast(list[int], encoding.word_ids)  # None stands for added tokens, and there are none
        places = [(word, start, end) for word, (start, end) in zip(numbers, encoding.offsets, strict=True)]
        if any(" " in word for word in words):
            return self._with_spaces(words, ids, places)
        return ids, places

    def _with_spaces(
        self, words: Sequence[str], ids: list[int], places: list[Place]
    ) -> tuple[list[int], list[Place]]:
        """XLM writes tokens with a space between each two and reads them back: a space in a word is two tokens."""
        pairs: list[tuple[int, Place]] = []
        for index, (word, start, end) in zip(ids, places, strict=True):
            if words[word][start:end] == " ":
                closing = self._closing if end == len(words[word]) else self._unknown
                pairs += [(self._unknown, (word, start, end)), (closing, (word, start, end))]
            else:
                pairs.append((index, (word, start, end)))
        return [index for index, _ in pairs], [place for _, place in pairs]


def train_merges(
    counts: Counter[str], vocab_size: int, special_tokens: Sequence[str], min_frequency: int, limit_alphabet: int
) -> tuple[list[str], list[Merge]]:
    """The tokens of a vocabulary of exactly `vocab_size` by id (special tokens, characters, merges by frequency), and
    the merges. The same counts give the same vocabulary: the trainer gets the characters already numbered.

    Raises:
        UserError: there are no words, they support fewer tokens, or single characters alone are more.
    """
    if not counts:
        raise UserError("there is no text to train the vocabulary on; add text to the corpus")
    alphabet = _alphabet(counts, limit_alphabet)
    known = {word: count for word, count in counts.items() if alphabet.issuperset(word)}
    last = sorted({word[-1] + END_OF_WORD for word in known})
    reserved = [*special_tokens, *sorted(alphabet), *last]
    if len(reserved) > vocab_size:
        raise UserError(
            f"vocab_size = {vocab_size} is too small: special tokens and single characters take {len(reserved):,}; "
            f"raise vocab_size or lower limit_alphabet = {limit_alphabet}"
        )
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        special_tokens=reserved,
        end_of_word_suffix=END_OF_WORD,
        show_progress=False,
    )
    backend.train_from_iterator(repeated(known), trainer)
    tokens = by_id(backend.get_vocab())
    if len(tokens) < vocab_size:
        raise UserError(
            f"vocab_size = {vocab_size} is more than the text supports: {len(tokens):,} tokens found; "
            "lower vocab_size or add text"
        )
    merges = [(first, second) for first, second in json.loads(backend.to_str())["model"]["merges"]]
    return tokens, merges


def _alphabet(counts: Mapping[str, int], limit: int) -> frozenset[str]:
    """The `limit` most frequent characters; a word with any other teaches nothing."""
    characters: Counter[str] = Counter()
    for word, count in counts.items():
        for character in word:
            characters[character] += count
    ranked = sorted(characters, key=lambda character: (-characters[character], character))
    return frozenset(ranked[:limit])
