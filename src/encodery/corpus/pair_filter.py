"""`[corpus.clean_parallel]`: which aligned sentences are left out, and why.

A pair is judged in this order, and the first reason counts:

- `missing`: the file lacks one of the two sides (a verse, a variant of a translation unit);
- `empty`: a side has no text;
- `short`, `long`: a side has too few or too many characters (words);
- `ratio`: one side is too many times as long as the other;
- `identical`: both sides say the same, whatever the case: nothing was translated;
- `language`: a side is, surely, in another language than its own;
- `duplicate`: the pair came before, whatever the case;
- `repeated`: one of its sides came too many times before, whatever was on the other one.

The first two need no table: there is nothing to learn from such pairs.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import UInt64
from pydantic import AfterValidator, BeforeValidator, Field, NonNegativeInt, PositiveInt

from encodery.config import Config
from encodery.corpus.languages import Identifier, check_name, identifier_of, language_code
from encodery.corpus.languages.choosing import FASTTEXT
from encodery.corpus.occurrences import Occurrences
from encodery.corpus.parallel import SentencePair
from encodery.errors import UserError

SAMPLES = 3
"""So many pairs are kept for each reason, the first ones, for reading."""
SAMPLE_CHARACTERS = 300
_PAIRS_AT_ONCE = 4096


def _switched(value: Any) -> Any:
    return None if value is False else {} if value is True else value


def _model(name: str) -> str:
    try:
        check_name(name)
    except UserError as error:
        raise ValueError(str(error)) from None
    return name


class PairLanguages(Config):
    """`language = true`, or its settings."""

    model: Annotated[str, AfterValidator(_model)] = "py3langid"
    """As `corpus.clean.language` has it: `py3langid`, `lid.176.ftz` or `fasttext:PATH`."""
    threshold: float = Field(default=0.5, ge=0, le=1)
    """How sure the model must be of another language (CCNet: 0.5, Wenzek et al., 2020, section 3.2). Sentences are
    short: what it is not sure of stays."""


class PairFilterTable(Config):
    """`[corpus.clean_parallel]`: the defaults are those of NLLB's filters (stopes, `LengthFilterConfig`), which scale
    lengths by language, where these do not."""

    unit: Literal["character", "word"] = "character"
    """What lengths are counted in. Words are what stands between blanks: not for Chinese, Japanese, Thai."""
    min_length: NonNegativeInt = 1
    max_length: PositiveInt = 1050
    """Of each side (Moses and OpusFilter: about 100 words)."""
    max_length_ratio: float = Field(default=9.0, ge=1)
    """The longer side to the shorter one (NLLB in characters: 9; Moses' `clean-corpus-n.perl` in words: 9)."""
    identical: bool = True
    """Leave out pairs that were not translated."""
    language: Annotated[PairLanguages | None, BeforeValidator(_switched)] = None
    """Leave out pairs with a side in another language than its own, as the input states it."""
    duplicates: bool = True
    """Leave out all but the first of equal pairs, over all inputs."""
    max_repeats: PositiveInt | None = None
    """How many pairs may have one source, or one target; any number, if not given."""

    def files_read(self, base: Path) -> list[Path]:
        """The files that it needs beside the pairs: a model of languages of one's own."""
        name = self.language.model if self.language else ""
        return [base / name.removeprefix(FASTTEXT)] if name.startswith(FASTTEXT) else []


@dataclass
class Dropped:
    """How many pairs were left out for each reason, and the first of them."""

    counts: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def add(self, reason: str, pair: SentencePair) -> None:
        """Count a pair."""
        self.counts[reason] += 1
        kept = self.samples.setdefault(reason, [])
        if len(kept) < SAMPLES:
            sides = {"source": pair.source[:SAMPLE_CHARACTERS], "target": pair.target[:SAMPLE_CHARACTERS]}
            kept.append({"place": pair.place, **sides})

    def to_json(self) -> dict[str, Any]:
        """For the metrics: the most frequent reasons first."""
        return {
            reason: {"pairs": number, "samples": self.samples[reason]} for reason, number in self.counts.most_common()
        }


class PairFilter:
    """Passes on the pairs that there is something to learn from."""

    def __init__(self, table: PairFilterTable | None, base: Path) -> None:
        """Without a table only what is missing or empty is left out; `base` is where a model's path starts.

        Raises:
            UserError: the model of languages is missing or damaged.
        """
        self.dropped = Dropped()
        self._table = table
        self._pairs, self._sources, self._targets = Occurrences(), Occurrences(), Occurrences()
        self._identifier: Identifier | None = None
        if table and table.language:
            self._identifier = identifier_of(table.language.model, base)

    def __call__(self, pairs: Iterable[SentencePair]) -> Iterator[SentencePair]:
        """Those that stay, in order; the others are counted in `dropped`."""
        pairs = iter(pairs)
        while chunk := list(islice(pairs, _PAIRS_AT_ONCE)):
            kept = self._without(chunk, [self._fault(pair) for pair in chunk])
            kept = self._without(kept, self._in_other_languages(kept))
            yield from self._without(kept, self._seen_before(kept))

    def _without(self, pairs: Sequence[SentencePair], reasons: Sequence[str]) -> list[SentencePair]:
        """The pairs that have no reason to go."""
        for pair, reason in zip(pairs, reasons, strict=True):
            if reason:
                self.dropped.add(reason, pair)
        return [pair for pair, reason in zip(pairs, reasons, strict=True) if not reason]

    def _fault(self, pair: SentencePair) -> str:
        """What is wrong with a pair, looked at alone; "" if nothing is."""
        table = self._table
        if pair.lacks:
            return "missing"
        if not pair.source or not pair.target:
            return "empty"
        if table is None:
            return ""
        sizes = [len(side if table.unit == "character" else side.split()) for side in (pair.source, pair.target)]
        short, long = min(sizes), max(sizes)
        if short < table.min_length:
            return "short"
        if long > table.max_length:
            return "long"
        if long > table.max_length_ratio * short:
            return "ratio"
        return "identical" if table.identical and _folded(pair.source) == _folded(pair.target) else ""

    def _in_other_languages(self, pairs: Sequence[SentencePair]) -> list[str]:
        """`language` for a pair with a side that is in another one."""
        if self._table is None or self._table.language is None or self._identifier is None:
            return [""] * len(pairs)
        stated = [language_code(language or "") for pair in pairs for language in pair.languages]
        guesses = self._identifier.identify([side for pair in pairs for side in (pair.source, pair.target)])
        known, threshold = self._identifier.languages, self._table.language.threshold
        other = [
            own in known and guess.language not in ("", own) and guess.score >= threshold
            for own, guess in zip(stated, guesses, strict=True)
        ]
        return ["language" if any(sides) else "" for sides in zip(other[::2], other[1::2], strict=True)]

    def _seen_before(self, pairs: Sequence[SentencePair]) -> list[str]:
        """`duplicate` and `repeated`."""
        table = self._table
        reasons = [""] * len(pairs)
        if table is None or not pairs:
            return reasons
        sides = [(_folded(pair.source), _folded(pair.target)) for pair in pairs]
        if table.duplicates:
            times = self._pairs.before(_hashes([f"{source}\0{target}" for source, target in sides]))
            reasons = ["duplicate" if time else "" for time in times.tolist()]
        if table.max_repeats is not None:
            left = [place for place, reason in enumerate(reasons) if not reason]
            sources = self._sources.before(_hashes([sides[place][0] for place in left]))
            targets = self._targets.before(_hashes([sides[place][1] for place in left]))
            for place, often in zip(left, np.maximum(sources, targets) >= table.max_repeats, strict=True):
                reasons[place] = "repeated" if often else ""
        return reasons


def _folded(text: str) -> str:
    """What two texts that say the same have in common."""
    return " ".join(text.casefold().split())


def _hashes(texts: Sequence[str]) -> UInt64[np.ndarray, " texts"]:
    digests = b"".join(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, "<u8").astype(np.uint64)
