"""A language model from text that somebody called good: pieces by SentencePiece, n-grams of them by `lmplz` or
here."""

import io
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from encodery.corpus.lm.grams import END, MAX_WORDS
from encodery.corpus.lm.kneser_ney import estimate
from encodery.corpus.lm.model import COMPILED, NGRAMS, PIECES, Pieces
from encodery.corpus.lm.normal_form import normal_form
from encodery.errors import UserError

_COVERAGE = 0.9995
_THREADS = 4
"""Of SentencePiece: a number of its own, since sums over threads depend on it."""
_LINES_AT_ONCE = 10_000
_LMPLZ_MEMORY = "1G"
_SPECIALS = ("<unk>", "<s>", "</s>")


def train_model(
    texts: Iterable[str], into: Path, *, vocab_size: int, order: int, lmplz: Path | None, language: str
) -> None:
    """Write `pieces.model` and `ngrams.arpa`, with lmplz's `build_binary` beside it `ngrams.binary`.

    Args:
        texts: good ones, a paragraph a line.
        lmplz: kenlm's program; without it the estimator here.

    Raises:
        UserError: there is no text, or too little; `lmplz` fails.
    """
    with tempfile.TemporaryDirectory(dir=into) as work:
        lines = Path(work) / "lines.txt"
        if not _write_lines(texts, lines):
            raise UserError(
                f"corpus.clean.perplexity.good: no text in {language!r}; name some, or leave that language out"
            )
        (into / PIECES).write_bytes(_train_pieces(lines, vocab_size, language))
        pieces = Pieces((into / PIECES).read_bytes())
        if lmplz is None:
            _estimate(lines, pieces, order, Path(work), into / NGRAMS)
        else:
            _run_lmplz(lmplz, lines, pieces, order, Path(work), into)


def _write_lines(texts: Iterable[str], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for text in texts:
            lines = [line for line in normal_form(text).split("\n") if line]
            file.writelines(f"{line}\n" for line in lines)
            count += len(lines)
    return count


def _train_pieces(lines: Path, vocab_size: int, language: str) -> bytes:
    import sentencepiece

    model = io.BytesIO()
    with lines.open(encoding="utf-8") as file:
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=(line.rstrip("\n") for line in file),
                model_writer=model,
                vocab_size=vocab_size,
                hard_vocab_limit=False,
                model_type="unigram",
                character_coverage=_COVERAGE,
                num_threads=_THREADS,
                minloglevel=2,
            )
        except RuntimeError as error:
            raise UserError(
                f"corpus.clean.perplexity.good: too little text in {language!r} to learn pieces from "
                f"({str(error)[:80]}); name more"
            ) from None
    return model.getvalue()


def _encoded(lines: Path, pieces: Pieces) -> Iterator[str]:
    """The pieces of each line, spaces between them."""
    with lines.open(encoding="utf-8") as file:
        while batch := [line.rstrip("\n") for line in islice(file, _LINES_AT_ONCE)]:
            yield from pieces.encode(batch)


def _estimate(lines: Path, pieces: Pieces, order: int, work: Path, into: Path) -> None:
    numbers = {name: number for number, name in enumerate(_SPECIALS)}
    tokens = work / "tokens.bin"
    with tokens.open("wb") as file:
        for line in _encoded(lines, pieces):
            row = [numbers.setdefault(piece, len(numbers)) for piece in line.split()]
            file.write(np.array([*row, END], "<u4").tobytes())
    if len(numbers) > MAX_WORDS:
        raise UserError(f"corpus.clean.perplexity: {len(numbers)} different pieces, at most {MAX_WORDS}; use lmplz")
    (work / "parts").mkdir()
    estimate(tokens, list(numbers), order, work / "parts", into)


def _run_lmplz(lmplz: Path, lines: Path, pieces: Pieces, order: int, work: Path, into: Path) -> None:
    text = work / "pieces.txt"
    with text.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in _encoded(lines, pieces))
    arpa = into / NGRAMS
    _run(lmplz, "-o", order, "-S", _LMPLZ_MEMORY, "-T", work, "--discount_fallback", "--text", text, "--arpa", arpa)
    compiler = lmplz.with_name("build_binary")
    if compiler.exists():
        _run(compiler, "trie", arpa, into / COMPILED)
        arpa.unlink()


def _run(program: Path, *arguments: object) -> None:
    try:
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise UserError(
            f"{program}: cannot be run ({error.strerror}); corpus.clean.perplexity.lmplz names it"
        ) from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"{program}: ended with code {done.returncode}: {last:.200}")
