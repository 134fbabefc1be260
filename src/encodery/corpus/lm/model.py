"""A trained language model in its folder, and the perplexity of a text by it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from encodery.corpus.lm.normal_form import normal_form
from encodery.errors import UserError

PIECES = "pieces.model"
NGRAMS = "ngrams.arpa"
COMPILED = "ngrams.binary"
"""The same for `kenlm` to map into memory, where its `build_binary` was at hand."""
WORDS_REMEMBERED, LONGEST_REMEMBERED = 1 << 18, 40


class LanguageModel:
    """Pieces (SentencePiece) and an n-gram model of them (kenlm)."""

    def __init__(self, folder: Path) -> None:
        compiled = folder / COMPILED
        self._ngrams = _kenlm_model(compiled if compiled.exists() else folder / NGRAMS)
        self._pieces = Pieces((folder / PIECES).read_bytes())

    def perplexities(self, texts: Sequence[str]) -> list[float]:
        """As CCNet: 10 to the power of minus the sum of log10 probabilities of lines, by the number of their pieces
        and ends; to one digit."""
        lines = [normal_form(text).split("\n") for text in texts]
        pieces = iter(self._pieces.encode([line for text in lines for line in text]))
        score = self._ngrams.score
        found = []
        for text in lines:
            total, length = 0.0, 0
            for _ in text:
                line = next(pieces)
                total += score(line)
                length += line.count(" ") + 1 + (line != "")
            found.append(round(10 ** (-total / length), 1))
        return found


class Pieces:
    """A SentencePiece model. No piece of it has a space within: words are cut once and remembered."""

    def __init__(self, model: bytes) -> None:
        try:
            from sentencepiece import SentencePieceProcessor
        except ImportError:
            raise UserError("perplexity needs sentencepiece; pip install encodery[crawl]") from None
        self._processor = SentencePieceProcessor(model_proto=model)
        self._known: dict[str, str] = {}

    def encode(self, lines: Sequence[str]) -> list[str]:
        """The pieces of each line, spaces between them."""
        words = [line.split() for line in lines]
        known = self._known
        new = [word for word in dict.fromkeys(chain.from_iterable(words)) if word not in known]
        known.update(zip(new, map(" ".join, self._processor.encode(new, out_type=str, num_threads=1)), strict=True))
        encoded = [" ".join(filter(None, map(known.__getitem__, line))) for line in words]
        if len(known) > WORDS_REMEMBERED:
            known.clear()
        for word in new:
            if len(word) > LONGEST_REMEMBERED:  # no word, but a line of a language without spaces
                known.pop(word, None)
        return encoded


def _kenlm_model(path: Path) -> Any:
    try:
        import kenlm
    except ImportError:
        raise UserError("perplexity needs kenlm; pip install encodery[crawl]") from None
    settings = kenlm.Config()
    settings.show_progress = False
    with _nothing_said():  # of an ARPA file it advises a person who is not there to make a binary one
        return kenlm.Model(str(path), settings)


@contextmanager
def _nothing_said() -> Iterator[None]:
    """Without what a C++ library writes to standard error."""
    before = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 (a device)
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
