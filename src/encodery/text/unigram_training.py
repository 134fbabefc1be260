"""A unigram model trained by `sentencepiece`, and what its complaints mean."""

import ctypes
import io
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate, chain, pairwise

from encodery.errors import UserError
from encodery.text.balance import EVEN
from encodery.text.line_sample import MAX_LINE_BYTES, draw, draw_weighted, lines_of

ADDED = 2
"""So many tokens of a vocabulary are ours and not in the SentencePiece model: `<pad>` and `<mask>`."""
_MOST_BYTES = 96_000_000
"""Of all words as often as they occur: the trainer lays them out so at first, and takes 13 times that."""
_MOST_WORDS = 2_000_000
"""Different ones: each takes 150 bytes and its letters while words are counted."""
_WORDS_IN_BLOCK = 10_000
_MARK_BYTES = 4
"""Of what the trainer sets around a word."""
_THREADS = 8
"""Of the trainer, on any machine: sums, and with them the scores, depend on it."""


def train_model(
    texts: Iterable[str], weights: Iterable[float], vocab_size: int, character_coverage: float, most_lines: int
) -> bytes:
    """The bytes of a `.model` file.

    Raises:
        UserError: `sentencepiece` is not installed, there is no text, or it supports another size only.
    """
    try:
        import sentencepiece
    except ImportError:
        raise UserError(
            'tokenizer.type = "unigram" is trained by sentencepiece, which is not installed; '
            "try: pip install 'encodery[unigram]'"
        ) from None
    words = _words(texts, weights, most_lines)
    _return_freed_memory()
    if not words:
        raise UserError("there is no text to train the vocabulary on; add text to the corpus")
    written = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_taken(words),
            model_writer=written,
            model_type="unigram",
            input_format="tsv",
            vocab_size=vocab_size - ADDED,
            character_coverage=character_coverage,
            normalization_rule_name="nmt_nfkc",
            max_sentence_length=MAX_LINE_BYTES,
            num_threads=_THREADS,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise UserError(_reason(vocab_size, character_coverage, str(error))) from None
    return written.getvalue()


def _words(texts: Iterable[str], weights: Iterable[float], most_lines: int) -> deque[bytes]:
    """The words of the lines drawn and how often they occur, a line for each. The trainer cuts at spaces itself, but
    would hold every line before. Of a language without spaces, a line is a word.

    In blocks, so that nothing of what they were found in is held while the trainer works.
    """
    lines = lines_of(texts, weights)
    if weights is EVEN:
        even = draw((line for line, _ in lines), most_lines)
        counts = counted(lambda step: ((line, 1) for line in even[::step]), _MOST_WORDS)
    else:
        drawn = draw_weighted(lines, most_lines)
        counts = counted(lambda step: drawn[::step], _MOST_WORDS)
    words = thinned(counts, _MOST_BYTES)
    blocks = (words[start : start + _WORDS_IN_BLOCK] for start in range(0, len(words), _WORDS_IN_BLOCK))
    return deque(
        "\n".join(f"{word}\t{count}" for word, count in block).encode("utf-8", "replace") for block in blocks
    )


def _taken(blocks: deque[bytes]) -> Iterator[str]:
    """The lines of the blocks, each of which is gone when its lines are read."""
    while blocks:
        yield from blocks.popleft().decode().split("\n")


def _return_freed_memory() -> None:
    """Where lines were, glibc keeps holes, too small for the trainer's blocks: a quarter of what is allowed."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError, TypeError):
        return  # another C library


def counted(lines: Callable[[int], Iterable[tuple[str, int]]], most: int) -> Counter[str]:
    """How often words occur in lines, each of which counts so many times.

    Args:
        lines: all of them, every second, every fourth ...
        most: different words; if there are more, half of the lines are left out until there are not. To drop the
            rarest would leave nothing of languages without spaces.
    """
    step = 1
    while True:
        counts: Counter[str] = Counter()
        for line, times in lines(step):
            for word in line.split():
                counts[word] += times
            if len(counts) > most:
                break
        else:
            return counts
        step *= 2


def thinned(counts: Mapping[str, int], most_bytes: int) -> list[tuple[str, int]]:
    """At most so many bytes of words, each byte as often as its word occurs.

    If there are more, every k-th occurrence stays, counted from word to word: shares are kept, and of words that
    occur once each k-th is left.
    """
    size = sum((len(word.encode("utf-8", "replace")) + _MARK_BYTES) * count for word, count in counts.items())
    if size <= most_bytes:
        return list(counts.items())
    ends = (end * most_bytes // size for end in accumulate(counts.values()))
    kept = (end - start for start, end in pairwise(chain([0], ends)))
    return [(word, count) for word, count in zip(counts, kept, strict=True) if count]


def _reason(vocab_size: int, character_coverage: float, message: str) -> str:
    """What the trainer says of a vocabulary's size, in our words."""
    most = re.search(r"less than or equal to (\d+)|set it to a value <= (\d+)", message)
    least = re.search(r"smaller than required_chars\. (\d+) vs (\d+)", message)
    if most:
        limit = int(next(filter(None, most.groups()))) + ADDED
        return f"vocab_size = {vocab_size} is more than the text supports: at most {limit}; lower it or add text"
    if least:
        needed = int(least[2]) + ADDED
        return (
            f"vocab_size = {vocab_size} is too small: special tokens and single characters take {needed:,}; "
            f"raise vocab_size or lower character_coverage = {character_coverage}"
        )
    return f"sentencepiece could not train on this text ({' '.join(message.split())}); look at the corpus"
