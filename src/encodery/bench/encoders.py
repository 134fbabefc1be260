"""What turns text into ids, ours and the peers': each a step that `rounds.alternate` can repeat."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers

from encodery.bench.machine import OthersWatch
from encodery.bench.rounds import Block
from encodery.cores import usable_cores
from encodery.text.library import LibraryKind
from encodery.text.moses_bpe import MosesBpe
from encodery.text.tokenizer import Tokenizer

TEXTS_AT_ONCE = 1024
"""In one call, of ours and of theirs: as the stages encode."""


def nothing() -> None:
    """No preparation."""


@dataclass(frozen=True)
class Encoder:
    """One way to encode the benchmark's text; a step is all of it."""

    encode: Callable[[], object]
    amount: int
    """Bytes, or texts, of a step."""
    prepare: Callable[[], object] = nothing
    """Called before each step; its time does not count."""

    def run(self, steps: int) -> Block:
        """Encode so many times; the block's `tokens` are the amount."""
        seconds = 0.0
        with OthersWatch((os.getpid(),)) as others:
            for _ in range(steps):
                self.prepare()
                start = time.perf_counter()
                self.encode()
                seconds += time.perf_counter() - start
        return Block(seconds, steps * self.amount, peak_bytes=0, others_cores=others.cores)


@dataclass(frozen=True)
class Trained:
    """A tokenizer, its folder and the backend that the peers run."""

    tokenizer: Tokenizer
    kind: LibraryKind | MosesBpe
    folder: Path

    @classmethod
    def load(cls, folder: Path) -> "Trained":
        tokenizer = Tokenizer.load(folder)
        assert isinstance(tokenizer.kind, LibraryKind | MosesBpe)
        return cls(tokenizer, tokenizer.kind, folder)

    @property
    def backend(self) -> tokenizers.Tokenizer:
        """The library's tokenizer; it has none of XLM's kind."""
        assert isinstance(self.kind, LibraryKind)
        return self.kind.backend


def in_calls(texts: Sequence[str]) -> list[list[str]]:
    """The texts of each call."""
    return [list(texts[start : start + TEXTS_AT_ONCE]) for start in range(0, len(texts), TEXTS_AT_ONCE)]


def ours(trained: Trained, texts: Sequence[str], cold: bool) -> Encoder:
    """`encode_batch`; `cold`: nothing is remembered when a step begins."""
    calls = in_calls(texts)
    return Encoder(
        lambda: [trained.tokenizer.encode_batch(call) for call in calls],
        num_bytes(texts),
        trained.kind.forget if cold else nothing,
    )


def with_tokenizers(trained: Trained, texts: Sequence[str]) -> Encoder:
    """The fastest batch call of the library, on all cores; its ids stay inside."""
    calls, backend = in_calls(texts), trained.backend
    return Encoder(
        lambda: [backend.encode_batch_fast(call, add_special_tokens=False) for call in calls], num_bytes(texts)
    )


def with_sentencepiece(trained: Trained, texts: Sequence[str]) -> Encoder:
    """The library's batch call on all cores."""
    calls, model = in_calls(texts), sentencepiece_of(trained)
    return Encoder(lambda: [model.encode(call, num_threads=usable_cores()) for call in calls], num_bytes(texts))


def sentencepiece_of(trained: Trained) -> Any:
    """The model of a unigram tokenizer in `sentencepiece`."""
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_file=str(trained.folder / "sentencepiece.bpe.model"))


def transformers_of(trained: Trained) -> Any:
    """The tokenizer in `transformers`."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(trained.folder)


def with_transformers(trained: Trained, texts: Sequence[str]) -> Encoder:
    """The batch call of `transformers`; lists of ids."""
    calls, tokenizer = in_calls(texts), transformers_of(trained)
    return Encoder(lambda: [tokenizer(call, add_special_tokens=False) for call in calls], num_bytes(texts))


def one_text(encode: Callable[[str], object], text: str) -> Encoder:
    """The same text a hundred times."""

    def repeat() -> None:
        for _ in range(100):
            encode(text)

    return Encoder(repeat, 100)


def num_bytes(texts: Sequence[str]) -> int:
    """In UTF-8."""
    return sum(len(text.encode()) for text in texts)
