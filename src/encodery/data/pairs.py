"""Aligned sentences as token shards: every document is one pair, its two sentences are the two sides."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from encodery.data.shards import Shards
from encodery.errors import UserError

SEPARATOR = "/"
"""Between the languages of a pair, in the name that its document has for them: "en/de"."""
_PAIRS_AT_ONCE = 1 << 16


def pair_label(source: str | None, target: str | None) -> str:
    """The name of both languages; "" where they are not known."""
    return f"{source}{SEPARATOR}{target}" if source and target else ""


@dataclass(frozen=True)
class Sides:
    """Where the text of some pairs lies, the first side and the second."""

    starts: Int64[np.ndarray, "pairs 2"]
    lengths: Int64[np.ndarray, "pairs 2"]


class Pairs:
    """Shards read as pairs."""

    def __init__(self, shards: Shards) -> None:
        """Raises `UserError` if the shards hold no pairs, or something else."""
        if not shards.num_documents:
            raise UserError("the shards of parallel text hold no pair; write them again from files that have some")
        if shards.num_sentences != 2 * shards.num_documents:
            raise UserError(
                f"the shards of parallel text hold {shards.num_documents:,} documents of {shards.num_sentences:,} "
                "sentences, where a pair has two; write them again from [[corpus.parallel]]"
            )
        self.shards = shards

    def __len__(self) -> int:
        """Number of pairs."""
        return self.shards.num_documents

    def sides(self, index: Int64[np.ndarray, " pairs"]) -> Sides:
        """Where the two sides of each pair lie."""
        bounds = self.shards.sentences.at((2 * index[:, None] + np.arange(3)).ravel()).astype(np.int64).reshape(-1, 3)
        return Sides(bounds[:, :2], np.diff(bounds, axis=1))

    def kept(self, max_tokens: int, first: int = 0, stop: int | None = None) -> tuple[int, int]:
        """How many tokens the pairs `first : stop` have where none has more than `max_tokens`, and how many of them
        have more; in bounded memory."""
        tokens = longer = 0
        stop = len(self) if stop is None else stop
        for start in range(first, stop, _PAIRS_AT_ONCE):
            index = np.arange(start, min(start + _PAIRS_AT_ONCE, stop))
            sizes = self.sides(index).lengths.sum(1)
            tokens += int(np.minimum(sizes, max_tokens).sum())
            longer += int((sizes > max_tokens).sum())
        return tokens, longer

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of all pairs, in the order of their names; "" for what names none."""
        return languages_of_pairs(self.shards.languages)

    def numbered(self, lang2id: Mapping[str, int]) -> Int64[np.ndarray, "names 2"]:
        """For each of the shards' names of two languages, the numbers of both.

        Raises:
            UserError: a language has none, or a pair does not name its languages.
        """
        table = []
        for label in self.shards.languages or ("",):
            for language in _split(label):
                if language not in lang2id:
                    what = f"is in the language {language!r:.80}" if language else "does not say its language"
                    raise UserError(
                        f"corpus.parallel: some text {what}, but the model's languages are {', '.join(lang2id)}; "
                        "give the source and the target one of these each as its language"
                    )
            table.append([lang2id[language] for language in _split(label)])
        return np.array(table, np.int64)


def languages_of_pairs(labels: Iterable[str]) -> tuple[str, ...]:
    """The languages of all names of two, in their order; "" for what names none."""
    return tuple(sorted({side for label in labels for side in _split(label)}))


def _split(label: str) -> tuple[str, str]:
    source, _, target = label.partition(SEPARATOR)
    return source, target
