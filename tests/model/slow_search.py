"""Beam search as plainly as it can be written: one sentence, lists of tokens, no cache; and all there is to find."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from encodery.model.search import GenerationConfig

NextLogProbs = Callable[[Sequence[int]], Sequence[float]]
"""Of each word behind the tokens so far, the start token not among them."""


@dataclass(frozen=True)
class Found:
    tokens: tuple[int, ...]
    """With the end token."""
    score: float


def beam_search(
    next_log_probs: NextLogProbs, end: int, limit: int, config: GenerationConfig, never: Sequence[int] = ()
) -> list[Found]:
    """What `transformers` does, in words of one syllable."""
    beams: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    finished: list[Found] = []
    for length in range(1, limit + 1):
        candidates = [
            ((*tokens, word), total + log_prob)
            for tokens, total in beams
            for word, log_prob in enumerate(next_log_probs(tokens))
            if word not in never
        ]
        candidates.sort(key=lambda candidate: -candidate[1])
        candidates = candidates[: 2 * config.num_beams]
        for tokens, total in candidates[: config.num_beams]:
            if tokens[-1] == end or length == limit:
                finished.append(Found(tokens, total / length**config.length_penalty))
        finished = sorted(finished, key=lambda found: -found.score)[: config.num_beams]
        beams = [beam for beam in candidates if beam[0][-1] != end][: config.num_beams]
        if len(finished) == config.num_beams:
            hoped = limit if config.early_stopping == "never" and config.length_penalty > 0 else length
            best = max((total for _, total in beams), default=float("-inf")) / hoped**config.length_penalty
            if config.early_stopping is True or best <= finished[-1].score:
                break
    return finished[: config.num_return_sequences]


def greedy_search(
    next_log_probs: NextLogProbs, end: int, limit: int, config: GenerationConfig, never: Sequence[int] = ()
) -> list[Found]:
    """The most probable word each time."""
    tokens: tuple[int, ...] = ()
    total = 0.0
    while len(tokens) < limit and (not tokens or tokens[-1] != end):
        log_probs = next_log_probs(tokens)
        best = max((word for word in range(len(log_probs)) if word not in never), key=lambda word: log_probs[word])
        tokens, total = (*tokens, best), total + log_probs[best]
    return [Found(tokens, total / len(tokens) ** config.length_penalty)]


def every_translation(next_log_probs: NextLogProbs, words: int, end: int, limit: int, penalty: float) -> list[Found]:
    """All there are, best first: those that end, and those that are cut off."""
    found = []
    for length in range(1, limit + 1):
        for tokens in product(range(words), repeat=length):
            if end in tokens[:-1] or (tokens[-1] != end and length < limit):
                continue
            total = sum(next_log_probs(tokens[:place])[word] for place, word in enumerate(tokens))
            found.append(Found(tokens, total / length**penalty))
    return sorted(found, key=lambda one: -one.score)


class TableSteps:
    """Logits from a function of (sentence, tokens so far); what the search says of beams is all it keeps."""

    def __init__(self, logits: Callable[[int, tuple[int, ...]], Tensor], sentences: int, beams: int) -> None:
        self._logits = logits
        self._rows: list[list[tuple[int, ...]]] = [[()] * beams for _ in range(sentences)]
        self._sentences = list(range(sentences))
        self.calls: list[int] = []
        """How many rows each call was for."""

    def logits(self, input_ids: Tensor, language_ids: Any = None) -> Tensor:
        width = len(self._rows[0])
        read = input_ids.view(-1, width).tolist()
        assert len(read) == len(self._rows)
        self._rows = [
            [(*beam, token) for beam, token in zip(beams, tokens, strict=True)]
            for beams, tokens in zip(self._rows, read, strict=True)
        ]
        self.calls.append(len(input_ids))
        pairs = zip(self._sentences, self._rows, strict=True)
        return torch.stack([self._logits(number, beam[1:]) for number, beams in pairs for beam in beams])

    def follow(self, parents: Tensor) -> None:
        pairs = zip(self._rows, parents.tolist(), strict=True)
        self._rows = [[beams[parent] for parent in chosen] for beams, chosen in pairs]

    def leave(self, done: Tensor) -> Tensor:
        stay = [place for place, left in enumerate(done.tolist()) if not left][::-1]  # any order will do
        self._rows = [self._rows[place] for place in stay]
        self._sentences = [self._sentences[place] for place in stay]
        return torch.tensor(stay, dtype=torch.long)


def table(words: int, end: int, seed: int, ends: float = 0.0) -> Callable[[int, tuple[int, ...]], Tensor]:
    """Random logits, the same for the same tokens; `ends` is added to that of the end token."""

    def logits(sentence: int, tokens: tuple[int, ...]) -> Tensor:
        generator = torch.Generator().manual_seed(hash((seed, sentence, tokens)) % (1 << 31))
        drawn = torch.randn(words, generator=generator) * 2
        drawn[end] += ends
        return drawn

    return logits


def log_probs_of(logits: Callable[[int, tuple[int, ...]], Tensor], sentence: int) -> NextLogProbs:
    def next_log_probs(tokens: Sequence[int]) -> list[float]:
        return logits(sentence, tuple(tokens)).double().log_softmax(0).tolist()

    return next_log_probs
