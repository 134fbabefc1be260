"""Training a WordPiece vocabulary: the same text gives the same vocabulary, in bounded memory.

The trainer of `tokenizers` breaks ties between equally frequent merges by the ids of their parts, and numbers the
parts `##x` in the order of a hash map, so its result changes from run to run. Here words are counted first; the
alphabet then follows from the counts and enters the trainer already numbered, which leaves it nothing to choose.
"""

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache

import tokenizers
from tokenizers import models, pre_tokenizers, trainers

from encodery.errors import UserError
from encodery.text.balance import EVEN
from encodery.text.pieces import cut
from encodery.text.word_counts import MAX_COUNTED_WORDS, WordCounts, repeated

CONTINUING_PREFIX = "##"
MAX_WORD_CHARS = 100
"""A longer word is unknown as a whole (BERT's `max_input_chars_per_word`)."""


def train_vocabulary(
    texts: Iterable[str],
    normalizer: tokenizers.normalizers.Normalizer,
    special_tokens: list[str],
    vocab_size: int,
    min_frequency: int,
    limit_alphabet: int,
    weights: Iterable[float] = EVEN,
) -> list[str]:
    """The tokens of a vocabulary of exactly `vocab_size`, by id: special tokens, alphabet, then merges by frequency.

    Raises:
        UserError: there is no text, it supports fewer tokens, or single characters alone are more.
    """
    counts = count_words(texts, normalizer, weights)
    if not counts:
        raise UserError("there is no text to train the vocabulary on; add text to the corpus")
    alphabet = _alphabet(counts, limit_alphabet)
    reserved = special_tokens + _character_tokens(counts, alphabet)
    if len(reserved) > vocab_size:
        raise UserError(
            f"vocab_size = {vocab_size} is too small: special tokens and single characters take "
            f"{len(reserved):,}; raise vocab_size or lower limit_alphabet = {limit_alphabet}"
        )
    backend = tokenizers.Tokenizer(models.WordPiece(unk_token=special_tokens[0]))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size, min_frequency=min_frequency, special_tokens=reserved, show_progress=False
    )
    known = {word: count for word, count in counts.items() if alphabet.issuperset(word)}
    backend.train_from_iterator(repeated(known), trainer)
    vocabulary = backend.get_vocab(with_added_tokens=True)
    if len(vocabulary) < vocab_size:
        raise UserError(
            f"vocab_size = {vocab_size} is more than the text supports: {len(vocabulary):,} tokens found; "
            "lower vocab_size or add text"
        )
    return sorted(vocabulary, key=vocabulary.__getitem__)


def fitting_size(
    texts: Iterable[str],
    normalizer: tokenizers.normalizers.Normalizer,
    special_tokens: list[str],
    limit_alphabet: int,
) -> int:
    """A vocabulary size that these texts support where `min_frequency` is 1: special tokens, single characters and
    four fifths of the words. The rest stays in pieces, of which a vocabulary for other texts is made, too."""
    counts = count_words(texts, normalizer)
    alphabet = _alphabet(counts, limit_alphabet)
    reserved = special_tokens + _character_tokens(counts, alphabet)
    whole = sum(len(word) > 1 and alphabet.issuperset(word) for word in counts)
    return len(reserved) + whole * 4 // 5


def count_words(
    texts: Iterable[str], normalizer: tokenizers.normalizers.Normalizer, weights: Iterable[float] = EVEN
) -> Counter[str]:
    """How often each word (BERT's: white space and punctuation separate) occurs after normalisation.

    At most a million words are kept: past that, the rarest are dropped. Words over `MAX_WORD_CHARS` do not count.
    """
    spaced = WordCounts(MAX_COUNTED_WORDS)
    for text, weight in zip(texts, weights, strict=False):  # EVEN has no end
        for _, piece in cut(text):
            spaced.add(normalizer.normalize_str(piece).split(), weight)
        spaced.prune()
    # Punctuation is cut off last, once per distinct word: the expression is slow, the words are few.
    words = re.compile(f"[{_punctuation()}]|[^{_punctuation()}]+")
    counts: Counter[str] = Counter()
    for word, count in spaced.total().items():
        for part in words.findall(word):
            if len(part) <= MAX_WORD_CHARS:
                counts[part] += count
    return counts


def _alphabet(counts: Counter[str], limit: int) -> frozenset[str]:
    """The `limit` most frequent characters; a word with any other is unknown as a whole and teaches nothing."""
    characters: Counter[str] = Counter()
    for word, count in counts.items():
        for character in word:
            characters[character] += count
    ranked = sorted(characters, key=lambda character: (-characters[character], character))
    return frozenset(ranked[:limit])


def _character_tokens(counts: Iterable[str], alphabet: frozenset[str]) -> list[str]:
    """Each character as the start of a word and, where it occurs so, as its continuation."""
    inside = {character for word in counts for character in word[1:]}
    return sorted(alphabet) + [CONTINUING_PREFIX + character for character in sorted(alphabet & inside)]


@cache
def _punctuation() -> str:
    """BERT's punctuation, escaped for an expression: Unicode's, and everything in ASCII that is neither letter,
    digit, space nor control. It looks at a million characters: only where a vocabulary is trained."""
    found = [c for c in map(chr, range(128)) if c.isprintable() and not (c.isalnum() or c == " ")]
    found += [c for c in map(chr, range(128, sys.maxunicode + 1)) if unicodedata.category(c)[0] == "P"]
    return "".join(map(re.escape, found))
