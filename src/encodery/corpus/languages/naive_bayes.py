"""py3langid's model (Lui and Baldwin, 2012, "langid.py"), many texts at a time.

The library walks an automaton byte by byte in Python and adds up rows of a table, text by text. Here all texts are
cut into lanes of a few hundred bytes that walk side by side, one NumPy call a byte: where the automaton is depends on
the last few bytes alone (its features are short runs of bytes), so a lane only has to begin that many bytes earlier.
The counts, the order in which features are added and the sums are the library's.
"""

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64, UInt8, UInt32

from encodery.corpus.dedup.blocks import blocks
from encodery.corpus.languages.codes import language_code
from encodery.corpus.languages.identifier import Guess
from encodery.errors import UserError

_CHARACTERS = 1 << 19
_LANE = 192
_NOT_A_LANGUAGE = "zxx"


class NaiveBayes:
    """py3langid with `norm_probs`; 140 languages."""

    def __init__(self) -> None:
        model = _library_model()
        self._classes: list[str] = model.nb_classes
        self._aliases: list[tuple[int, int]] = model._alias_pairs
        self._bias: Float32[np.ndarray, " classes"] = model.nb_pc
        self._rows: Float32[np.ndarray, "features classes"] = model.nb_ptc.astype(np.float32)
        self._met = np.empty(len(self._rows) + 1, np.int32)
        row_of_state = np.asarray(model.tk_row).astype(np.int32)
        states = np.asarray(model.tk_nextmove)
        self._memory = _depth(states.reshape(-1, 256), row_of_state)
        self._start = int(row_of_state[0]) << 8
        self._next: Int32[np.ndarray, " moves"] = (row_of_state << 8)[states]
        self._feature: Int32[np.ndarray, " moves"] = np.asarray(model.tk_output, np.int32)[states]
        self.languages = frozenset(self._name(label) for label in range(len(self._classes))) - {""}

    def identify(self, texts: Sequence[str]) -> list[Guess]:
        """The language of each text; "" for what the model calls no language."""
        found: list[Guess] = []
        for block in blocks(texts, _CHARACTERS):
            scores = self.probabilities(block)
            best = scores.argmax(1)
            sure = scores[np.arange(len(best)), best].tolist()
            found += map(Guess, map(self._name, best.tolist()), sure)
        return found

    def probabilities(self, texts: Sequence[str]) -> Float32[np.ndarray, "texts classes"]:
        """The library's `norm_probs` of every label."""
        encoded = [_encoded(text) for text in texts]
        lengths = np.array([len(text) for text in encoded])
        scores = self._scores(self._features(encoded, lengths), lengths)
        scores *= (1.0 / np.sqrt(np.maximum(lengths, 1))).astype(np.float32)[:, None]
        np.exp(scores - scores.max(1, keepdims=True), out=scores)
        scores /= scores.sum(1, keepdims=True)
        for first, alias in self._aliases:  # one language in two scripts
            scores[:, first] += scores[:, alias]
            scores[:, alias] = 0
        return scores

    def _features(
        self, encoded: Sequence[bytes], lengths: Int64[np.ndarray, " texts"]
    ) -> Int32[np.ndarray, " bytes"]:
        """The feature that ends with each byte of all texts, or -1."""
        memory = self._memory
        lanes = -(-lengths // _LANE)
        within = np.arange(lanes.sum()) - np.repeat(np.cumsum(lanes) - lanes, lanes)
        text_start = np.repeat(np.cumsum(lengths) - lengths, lanes)
        joined = np.frombuffer(bytes(memory) + b"".join(encoded) + bytes(_LANE), np.uint8)
        windows = np.lib.stride_tricks.sliding_window_view(joined, memory + _LANE)[text_start + within * _LANE]
        moves = self._walk(np.ascontiguousarray(windows.T), within == 0)
        left = np.repeat(lengths, lanes) - within * _LANE
        in_text = np.arange(_LANE) < left[:, None]
        return np.asarray(self._feature.take(moves).T[in_text])

    def _walk(
        self, letters: UInt8[np.ndarray, "steps lanes"], at_start: Bool[np.ndarray, " lanes"]
    ) -> Int32[np.ndarray, "lane lanes"]:
        """The moves of the automaton in all lanes; those at the start of a text have nothing before it."""
        moves = np.empty((_LANE, letters.shape[1]), np.int32)
        warming = np.empty_like(moves[0])
        row = np.full(letters.shape[1], self._start, np.int32)
        for step, letter in enumerate(letters, start=-self._memory):
            if step == 0:
                row[at_start] = self._start
            move = moves[step] if step >= 0 else warming
            np.add(row, letter, out=move)
            np.take(self._next, move, out=row, mode="clip")
        return moves

    def _scores(
        self, features: Int32[np.ndarray, " bytes"], lengths: Int64[np.ndarray, " texts"]
    ) -> Float32[np.ndarray, "texts classes"]:
        """log P(text | label) + log P(label) with log(1 + count) in place of counts; 0 for a text without
        features."""
        found, counts, starts = self._counted(features, lengths)
        weights = np.log1p(np.arange(counts.max(initial=0) + 1, dtype=np.float32))[counts]
        scores = np.zeros((len(lengths), len(self._classes)), np.float32)
        for text, (first, behind) in enumerate(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)):
            if first < behind:
                rows = self._rows.take(found[first:behind], axis=0)
                scores[text] = weights[first:behind] @ rows + self._bias
        return scores

    def _counted(
        self, features: Int32[np.ndarray, " bytes"], lengths: Int64[np.ndarray, " texts"]
    ) -> tuple[Int32[np.ndarray, " found"], Int64[np.ndarray, " found"], Int64[np.ndarray, " bounds"]]:
        """The distinct features of each text in the order in which they are met, how often, and where texts begin."""
        places = np.arange(len(features), dtype=np.int32)
        first_met = np.empty_like(features)
        ends = np.cumsum(lengths).tolist()
        for start, end in zip([0, *ends], ends, strict=False):
            text = features[start:end]
            self._met[text[::-1]] = places[start:end][::-1]  # of a feature met twice the last write counts: the first
            np.take(self._met, text, out=first_met[start:end], mode="clip")
        counts = np.bincount(first_met[features >= 0], minlength=len(features))
        firsts = np.flatnonzero(counts)
        return features[firsts], counts[firsts], np.concatenate([[0], np.searchsorted(firsts, ends)])

    def _name(self, label: int) -> str:
        name = self._classes[label]
        return "" if name == _NOT_A_LANGUAGE else language_code(name)


def _encoded(text: str) -> bytes:
    """As the library does it."""
    if text.isupper():
        text = text.lower()
    return unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")


def _depth(moves: UInt32[np.ndarray, "rows 256"], row_of_state: Int32[np.ndarray, " states"]) -> int:
    """How many bytes lead from the start to the farthest state: the length of the longest feature."""
    seen = np.zeros(len(row_of_state), bool)
    front, depth = np.zeros(1, np.int64), -1
    while len(front):
        seen[front] = True
        reached = np.zeros_like(seen)
        reached[moves[np.unique(row_of_state[front])].ravel()] = True
        front, depth = np.flatnonzero(reached & ~seen), depth + 1
    return depth


def _library_model() -> Any:
    try:
        from py3langid import langid
    except ImportError:
        raise UserError(
            "languages are identified by py3langid; pip install encodery[crawl] or choose another model"
        ) from None
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
