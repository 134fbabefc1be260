"""The ARPA format of n-gram models, which `kenlm` reads: a section for each length of runs, log10 of
probabilities."""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import Float64

from encodery.corpus.lm.grams import Grams

ZERO = 1e-99
"""What counts as no probability, which has no logarithm: -99, as the format's programs have it."""


class ArpaWriter:
    """Takes runs of all lengths in any order; the sections lie in files of their own until the end."""

    def __init__(self, path: Path, words: Sequence[str], sizes: Sequence[int]) -> None:
        self._path = path
        self._words = np.array(words, object)
        self._sizes = sizes
        self._opened = ExitStack()
        self._sections = [path.with_name(f"{path.name}.{size}") for size in range(1, len(sizes) + 1)]
        self._files = [self._opened.enter_context(section.open("w", encoding="utf-8")) for section in self._sections]

    def __enter__(self) -> "ArpaWriter":
        return self

    def write(
        self,
        size: int,
        grams: Grams,
        probability: Float64[np.ndarray, " grams"],
        backoff: Float64[np.ndarray, " grams"] | None,
    ) -> None:
        """Runs of `size` words; `backoff` is NaN where nothing follows them, and None for the longest."""
        columns = [self._words[grams.word(place).astype(np.int64)].tolist() for place in range(size, 0, -1)]
        names = map(" ".join, zip(*columns, strict=True))
        logs = np.log10(np.maximum(probability, ZERO)).tolist()
        if backoff is None:
            lines = map("%.6f\t%s\n".__mod__, zip(logs, names, strict=True))
        else:
            weights = np.nan_to_num(np.log10(np.maximum(backoff, ZERO))).tolist()
            lines = map("%.6f\t%s\t%.6f\n".__mod__, zip(logs, names, weights, strict=True))
        self._files[size - 1].writelines(lines)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()
        if error is None:
            with self._path.open("w", encoding="utf-8") as file:
                file.write("\\data\\\n")
                file.writelines(f"ngram {size}={number}\n" for size, number in enumerate(self._sizes, start=1))
            with self._path.open("ab") as whole:
                for size, section in enumerate(self._sections, start=1):
                    whole.write(f"\n\\{size}-grams:\n".encode())
                    with section.open("rb") as part:
                        shutil.copyfileobj(part, whole)
                whole.write(b"\n\\end\\\n")
        for section in self._sections:
            section.unlink(missing_ok=True)
