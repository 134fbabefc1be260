"""What XLM does to a text before BPE: punctuation made plain, words set apart by Moses, case and accents dropped.

The steps are those of `transformers.XLMTokenizer`, which runs the ports of the Moses scripts in `sacremoses`; words
of Chinese, Japanese and Thai are found by programs of their own. Control characters are deleted, line ends among
them: text is given sentence by sentence.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, pairwise
from typing import Any

from encodery.errors import UserError
from encodery.text.alignment import Span
from encodery.text.pieces import BETWEEN_WORDS, NOWHERE
from encodery.text.segmenters import SEGMENTERS
from encodery.text.traced import Traced, joined

_Rule = tuple[re.Pattern[str], str]


def _compiled(rules: Iterable[tuple[str, str]]) -> list[_Rule]:
    return [(re.compile(pattern), template) for pattern, template in rules]


# Moses' replace-unicode-punctuation.perl; nothing of it is in ASCII
_BEYOND_ASCII = _compiled(
    (
        *(("，", ","), (r"。\s*", ". "), ("、", ","), ("”", '"'), ("“", '"'), ("∶", ":"), ("：", ":"), ("？", "?")),
        *(("《", '"'), ("》", '"'), ("）", ")"), ("！", "!"), ("（", "("), ("；", ";"), ("１", "1"), ("」", '"')),
        *(("「", '"'), ("０", "0"), ("３", "3"), ("２", "2"), ("５", "5"), ("６", "6"), ("９", "9"), ("７", "7")),
        *(("８", "8"), ("４", "4"), (r"．\s*", ". "), ("～", "~"), ("’", "'"), ("…", "..."), ("━", "-"), ("〈", "<")),
        *(("〉", ">"), ("【", "["), ("】", "]"), ("％", "%")),
    )
)
# Sennrich's scripts for Romanian at WMT16: normalise-romanian.py, remove-diacritics.py
_ROMANIAN = str.maketrans("ŞşŢţȘșȚțĂăÂâÎî", "SsTtSsTtAaAaIi")
# Moses writes a run of dots in letters while it works, and takes such letters in the text for a run of dots
_DOTS = re.compile(r"(?:DOT)+MULTI")


class Moses:
    """The words of a text in one language, with or without their places in it."""

    def __init__(self, language: str, lowercase_and_remove_accent: bool) -> None:
        """Load what the language needs.

        Raises:
            UserError: a package for it is not installed.
        """
        sacremoses = _sacremoses()
        self._rules = _compiled(sacremoses.MosesPunctNormalizer(lang=language).substitutions)
        self._tokenizer = sacremoses.MosesTokenizer(lang=language)
        # its own makes a set of two thousand letters at every full stop: a fifth of the time that words take
        self._tokenizer.islower = frozenset(self._tokenizer.IsLower).issuperset
        self._romanian = language == "ro"
        self._lowercase = lowercase_and_remove_accent
        segmenter = SEGMENTERS.get(language)
        split = segmenter.load() if segmenter else self._split
        self._first = split if segmenter and segmenter.first else None
        self._last: Callable[[str], list[str]] = str.split if self._first else split
        self._restores_dots = segmenter is None
        self.boundary = BETWEEN_WORDS if self._first or segmenter is None else NOWHERE
        """Where long text may be cut without a change of its words."""

    def words(self, text: str) -> list[str]:
        """The words in order, none of them empty."""
        if self._first:
            text = " ".join(self._first(text))
        for pattern, template in self._rules_of(text):
            text = pattern.sub(template, text)
        text = text.strip().translate(_CONTROLS)
        words = self._last(text.translate(_ROMANIAN) if self._romanian else text)
        if self._lowercase:
            words = without_case_and_accents(" ".join(words)).split(" ")
        return list(filter(None, words))

    def traced_words(self, text: str) -> list[Traced]:
        """The same words; each character with the span of `text` that it came from."""
        traced = Traced.of(text)
        if self._first:
            traced = joined(traced.carried(self._first(text)))
        for pattern, template in self._rules_of(traced.text):
            if pattern.search(traced.text):
                traced = traced.sub(pattern, template)
        traced = traced.strip()
        traced = traced.keep(map(_printable, traced.text))
        if self._romanian:
            traced = Traced(traced.text.translate(_ROMANIAN), traced.spans)
        words = self._last(traced.text)
        if self._restores_dots:
            traced = traced.sub(_DOTS, _dots)
        found = traced.carried(words)
        if self._lowercase:
            found = list(_split_at_spaces(_bare(joined(found))))
        return [word for word in found if word.text]

    def _rules_of(self, text: str) -> Iterable[_Rule]:
        return self._rules if text.isascii() else chain(_BEYOND_ASCII, self._rules)

    def _split(self, text: str) -> list[str]:
        words: list[str] = self._tokenizer.tokenize(text, return_str=False, escape=False)
        return words


def without_case_and_accents(text: str) -> str:
    """Text in lower case, letters without their marks (XLM's tools/lowercase_and_remove_accent.py)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFD", text.lower()).translate(_ACCENTS).lower()


def _sacremoses() -> Any:
    try:
        import sacremoses
    except ImportError:
        raise UserError(
            "a tokenizer of XLM sets words apart with sacremoses, which is not installed; "
            "try: pip install 'encodery[xlm]'"
        ) from None
    return sacremoses


def _printable(character: str) -> bool:
    return not unicodedata.category(character).startswith("C")


def _no_accent(character: str) -> bool:
    return unicodedata.category(character) != "Mn"


class _Without(dict[int, int | None]):
    """For `str.translate`: each character is looked at once and remembered."""

    def __init__(self, keeps: Callable[[str], bool]) -> None:
        self._keeps = keeps

    def __missing__(self, code: int) -> int | None:
        self[code] = code if self._keeps(chr(code)) else None
        return self[code]


_CONTROLS, _ACCENTS = _Without(_printable), _Without(_no_accent)


def _dots(marker: re.Match[str]) -> str:
    return "." * (len(marker[0].removesuffix("MULTI")) // len("DOT"))


def _bare(traced: Traced) -> Traced:
    """As `without_case_and_accents`."""
    bare = _decomposed(_lower(traced))
    return _lower(bare.keep(map(_no_accent, bare.text)))


def _lower(traced: Traced) -> Traced:
    """As `str.lower`; what follows a sigma changes its form, but no character's length depends on others."""
    pairs = zip(traced.text, traced.spans, strict=True)
    return Traced(traced.text.lower(), [span for character, span in pairs for _ in character.lower()])


def _decomposed(traced: Traced) -> Traced:
    """Unicode's NFD; a letter with its marks is decomposed, and marks are put in order, independently of others."""
    spans: list[Span] = []
    starts = [index for index, character in enumerate(traced.text) if not index or _starts(character)]
    for start, end in pairwise([*starts, len(traced.text)]):
        spans += [traced.hull(start, end)] * len(unicodedata.normalize("NFD", traced.text[start:end]))
    return Traced(unicodedata.normalize("NFD", traced.text), spans)


def _starts(character: str) -> bool:
    return unicodedata.combining(unicodedata.normalize("NFD", character)[0]) == 0


def _split_at_spaces(traced: Traced) -> Iterator[Traced]:
    start = 0
    for word in traced.text.split(" "):
        yield traced.part(start, start + len(word))
        start += len(word) + 1
