"""What XLM does to a text before BPE: punctuation made plain, words set apart by Moses, case and accents dropped.

The steps are those of `transformers.XLMTokenizer`, which runs the ports of the Moses scripts in `sacremoses`; words
of Chinese, Japanese and Thai are found by programs of their own. Control characters are deleted, line ends among
them: text is given sentence by sentence.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, pairwise
from operator import methodcaller
from typing import Any

from encodery.errors import UserError
from encodery.text.alignment import Span
from encodery.text.pieces import BETWEEN_WORDS, NOWHERE
from encodery.text.segmenters import SEGMENTERS
from encodery.text.traced import Traced, joined

_Rule = tuple[re.Pattern[str], str]
_Step = Callable[[str], str]
_LITERAL = re.compile(r"(?:\\\W|[^\\.^$*+?{}\[\]|()])+")
"""A pattern that has one match, itself."""


def _compiled(rules: Iterable[tuple[str, str]]) -> list[_Rule]:
    return [(re.compile(pattern), template) for pattern, template in rules]


def _steps(rules: Iterable[_Rule]) -> list[_Step]:
    """The rules as functions: most replace one string by another, which `str.replace` does in a fifth of the time."""
    return [
        methodcaller("replace", re.sub(r"\\(\W)", r"\1", pattern.pattern), template)
        if _LITERAL.fullmatch(pattern.pattern) and "\\" not in template
        else partial(pattern.sub, template)
        for pattern, template in rules
    ]


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
_BEYOND_ASCII_STEPS = _steps(_BEYOND_ASCII)
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
        self._steps = _steps(self._rules)
        self._tokenizer = _faster(sacremoses.MosesTokenizer(lang=language))
        self._romanian = language == "ro"
        self._lowercase = lowercase_and_remove_accent
        segmenter = SEGMENTERS.get(language)
        split = segmenter.load() if segmenter else self._split
        self._first = split if segmenter and segmenter.first else None
        self._last: Callable[[str], list[str]] = str.split if self._first else split
        self.boundary = BETWEEN_WORDS if self._first or segmenter is None else NOWHERE
        """Where long text may be cut without a change of its words."""
        self.is_segmented = segmenter is not None
        """Whether a program finds the words, and not Moses."""
        self.small_letters: str = self._tokenizer.IsLower
        """A full stop before one of them stays with its word."""
        patterns = [pattern.pattern for pattern, _ in (*_BEYOND_ASCII, *self._rules)]
        self.moves_full_stops = any(r"\s*[^<]" in pattern for pattern in patterns)
        """Whether a full stop is moved out of a quotation that something follows."""
        self.replaced = frozenset(character for character in "".join(patterns) if not character.isascii())
        """The characters beyond ASCII that rules look for."""

    def words(self, text: str) -> list[str]:
        """The words in order, none of them empty."""
        if self._first:
            text = " ".join(self._first(text))
        for step in self._steps if text.isascii() else chain(_BEYOND_ASCII_STEPS, self._steps):
            text = step(text)
        text = without_controls(text.strip())
        words = self._last(text.translate(_ROMANIAN) if self._romanian else text)
        if self._lowercase:
            words = without_case_and_accents(" ".join(words)).split(" ")
        return list(filter(None, words))

    def traced_words(self, text: str) -> list[Traced]:
        """The same words; each character with the span of `text` that it came from."""
        traced = Traced.of(text)
        if self._first:
            traced = joined(traced.carried(self._first(text)))
        for pattern, template in chain(_BEYOND_ASCII, self._rules):
            if pattern.search(traced.text):
                traced = traced.sub(pattern, template)
        traced = traced.strip()
        traced = traced.keep(map(_printable, traced.text))
        if self._romanian:
            traced = Traced(traced.text.translate(_ROMANIAN), traced.spans)
        words = self._last(traced.text)
        if not self.is_segmented:
            traced = traced.sub(_DOTS, _dots)
        found = traced.carried(words)
        if self._lowercase:
            found = list(_split_at_spaces(_bare(joined(found))))
        return [word for word in found if word.text]

    def _split(self, text: str) -> list[str]:
        words: list[str] = self._tokenizer.tokenize(text, return_str=False, escape=False)
        return words


def without_case_and_accents(text: str) -> str:
    """Text in lower case, letters without their marks (XLM's tools/lowercase_and_remove_accent.py)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFD", text.lower()).translate(_ACCENTS).lower()


def without_controls(text: str) -> str:
    """Text without control and format characters and the like (Moses' remove-non-printing-char.perl)."""
    return text.translate(_CONTROLS)


def _sacremoses() -> Any:
    try:
        import sacremoses
    except ImportError:
        raise UserError(
            "a tokenizer of XLM sets words apart with sacremoses, which is not installed; "
            "try: pip install 'encodery[xlm]'"
        ) from None
    return sacremoses


def _faster(tokenizer: Any) -> Any:
    """The tokenizer of `sacremoses` with some of its parts replaced by others that give the same in less time."""
    tokenizer.handles_nonbreaking_prefixes = _FullStops(tokenizer).set_apart
    for name in ("COMMA_SEPARATE_1", "COMMA_SEPARATE_2", "COMMA_SEPARATE_3"):
        setattr(tokenizer, name, _where(",", getattr(tokenizer, name)))
    for name in ("ENGLISH_SPECIFIC_APOSTROPHE", "FR_IT_SPECIFIC_APOSTROPHE"):
        setattr(tokenizer, name, [_where("'", rule) for rule in getattr(tokenizer, name)])
    return tokenizer


class _FullStops:
    """What `MosesTokenizer.handles_nonbreaking_prefixes` does, which makes a set of all letters at each full stop and
    looks at every word with a pattern."""

    def __init__(self, tokenizer: Any) -> None:
        self._letters: str = tokenizer.IsAlpha
        self._small = frozenset(tokenizer.IsLower)
        self._numeric = frozenset(tokenizer.NUMERIC_ONLY_PREFIXES)
        self._prefixes = frozenset(tokenizer.NONBREAKING_PREFIXES) - self._numeric

    def set_apart(self, text: str) -> str:
        """The text with full stops that close sentences set apart from words."""
        words = text.split()
        for place, word in enumerate(words):
            if word[-1] == "." and len(word) > 1 and not self._keeps(word[:-1], words[place + 1 : place + 2]):
                words[place] = word[:-1] + " ."
        return " ".join(words)

    def _keeps(self, word: str, following: list[str]) -> bool:
        """Whether a full stop behind this word belongs to it."""
        if word in self._prefixes or ("." in word and any(letter in self._letters for letter in word)):
            return True
        first = following[0][0] if following else ""
        return first in self._small or (word in self._numeric and first in frozenset("0123456789"))


class _Where:
    """A pattern that is not looked for in text without a character that all its matches have."""

    def __init__(self, character: str, pattern: re.Pattern[str]) -> None:
        self._character, self._pattern = character, pattern

    def sub(self, template: str, text: str) -> str:
        return self._pattern.sub(template, text) if self._character in text else text


def _where(character: str, rule: _Rule) -> tuple[_Where, str]:
    return _Where(character, rule[0]), rule[1]


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
