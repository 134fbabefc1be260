"""Text to encode, made here from a seed so that it needs nothing from outside: invented words, as often as in novels.

What an encoder that remembers words gains depends on how often these occur again, so the text is fitted to the
English novels of ELTeC in that. Words between spaces, with the marks that hang on them, and how many of them differ:

             3 MB                20 MB
    novels   540,784   53,945    3,603,891   163,317
    here     541,748   61,594    3,613,517   151,625
"""

import numpy as np

_SEED = 20_181_011
_TYPES = 60_000
_ZIPF_EXPONENT, _ZIPF_SHIFT = 1.09, 2.7
_SYLLABLES = 300
_RANKS_PER_SYLLABLE = 110.0
"""A word has one more syllable for each time that its rank is so many times higher."""
_MEAN_WORDS, _SIGMA_WORDS = 49.0, 0.9
_MARKS = (("", 0.875), (",", 0.06), (".", 0.035), (";", 0.008), ("?", 0.006), (".”", 0.008), (",”", 0.008))
_OPENING_SHARE, _CAPITAL_SHARE = 0.012, 0.03


def make_lines(megabytes: float) -> list[str]:
    """Paragraphs of at least so many megabytes; the same on every machine."""
    generator = np.random.default_rng(_SEED)
    words = _make_words(generator)
    weights = (np.arange(_TYPES) + _ZIPF_SHIFT) ** -_ZIPF_EXPONENT
    shares = np.cumsum(weights / weights.sum())
    lines: list[str] = []
    size = 0
    while size < megabytes * 1e6:
        length = max(2, int(generator.lognormal(np.log(_MEAN_WORDS) - _SIGMA_WORDS**2 / 2, _SIGMA_WORDS)))
        ranks = np.searchsorted(shares[:-1], generator.random(length), side="right")
        lines.append(_sentence(generator, [words[rank] for rank in ranks.tolist()]))
        size += len(lines[-1].encode()) + 1
    return lines


def _make_words(generator: np.random.Generator) -> list[str]:
    """Words by rank: the rarer, the longer; of syllables of which some are far more frequent than others."""
    consonants, vowels = "bcdfghklmnprstvw", "aeiou"
    syllables = [
        consonants[first] + vowels[second] + ("", "", "n", "r", "s", "t")[last]
        for first, second, last in generator.integers((16, 5, 6), size=(_SYLLABLES, 3)).tolist()
    ]
    counts = 1 + (np.log(np.arange(_TYPES) + 1.0) / np.log(_RANKS_PER_SYLLABLE)).astype(np.int64)
    drawn = (_SYLLABLES * generator.random(int(counts.sum())) ** 2).astype(np.int64).tolist()
    ends = np.cumsum(counts).tolist()
    return [
        "".join(map(syllables.__getitem__, drawn[end - n : end]))
        for n, end in zip(counts.tolist(), ends, strict=True)
    ]


def _sentence(generator: np.random.Generator, words: list[str]) -> str:
    marks, shares = zip(*_MARKS, strict=True)
    closing = generator.choice(len(marks), size=len(words), p=shares).tolist()
    drawn = generator.random((len(words), 2)).tolist()
    return " ".join(
        ("“" if opening < _OPENING_SHARE else "")
        + (word.capitalize() if capital < _CAPITAL_SHARE else word)
        + marks[mark]
        for word, mark, (opening, capital) in zip(words, closing, drawn, strict=True)
    )
