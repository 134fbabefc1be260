"""A unigram model trained by `sentencepiece`, and what its complaints mean."""

import io
import re
from collections.abc import Iterable, Sequence

from encodery.errors import UserError
from encodery.text.balance import EVEN
from encodery.text.line_sample import MAX_LINE_BYTES, draw, draw_weighted, lines_of

ADDED = 2
"""So many tokens of a vocabulary are ours and not in the SentencePiece model: `<pad>` and `<mask>`."""
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
    lines = _drawn(texts, weights, most_lines)
    if not lines:
        raise UserError("there is no text to train the vocabulary on; add text to the corpus")
    written = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=written,
            model_type="unigram",
            input_format="text" if weights is EVEN else "tsv",
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


def _drawn(texts: Iterable[str], weights: Iterable[float], most: int) -> Sequence[str]:
    """The lines to train on, each with a tab and its count behind it where texts have weights."""
    lines = lines_of(texts, weights)
    if weights is EVEN:
        return draw((line for line, _ in lines), most)
    return [f"{line}\t{count}" for line, count in draw_weighted(lines, most)]


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
