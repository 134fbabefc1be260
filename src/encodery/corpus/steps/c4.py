"""C4's rules for lines and pages (Raffel et al., 2020, section 2.2; `c4_utils.py` of TensorFlow Datasets, which has
some that the paper does not name). They were made for English: see `C4Config.end_marks`.

Not here: the list of bad words, and detection of English.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import NonNegativeInt, PositiveInt

from encodery.config import Config
from encodery.corpus.ledger import Ledger, around
from encodery.corpus.page import Page
from encodery.corpus.steps.punctuation import TERMINAL
from encodery.corpus.steps.words import has_words

_CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
_POLICY = re.compile("terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies")
_ELSEWHERE = "".join(sorted(TERMINAL - set(".?!")))
_SENTENCE_END = re.compile(rf"""(?<![.!?])[.!?]++(?=["'”’»)\]]*+(?:\s|$))|[{_ELSEWHERE}]+""")
_OF_PAGES = ("lorem_ipsum", "curly_bracket")
"""Reasons for which the whole page goes."""


class C4Config(Config):
    """`[corpus.clean.c4]`; the numbers and phrases are C4's."""

    min_words: NonNegativeInt = 3
    """Lines of fewer words go. Passed over in languages without spaces between words."""
    max_word_length: PositiveInt = 1000
    """Lines with a longer word go. Passed over in languages without spaces between words."""
    min_sentences: NonNegativeInt = 5
    """Pages with fewer sentences in the lines that are left go."""
    end_marks: tuple[str, ...] = (".", "?", "!", '"', "'")
    """Lines that end otherwise, or with `...`, go. In languages other than English every mark that ends a sentence in
    any script counts as well (mC4 gave this rule up for that reason)."""
    citations: bool = True
    """Take out `[1]`, `[edit]` and `[citation needed]`."""
    javascript: bool = True
    """Lines that name JavaScript go: most ask the reader to switch it on."""
    policy: bool = True
    """Lines on cookies, privacy and terms of use go."""
    lorem_ipsum: bool = True
    """Pages with this filler go."""
    curly_bracket: bool = True
    """Pages with a `{` go: it is code."""


class C4Step:
    """Takes out lines and pages as C4 does."""

    name = "c4"

    def __init__(self, config: C4Config, base: Path) -> None:
        self._config = config
        self._all_marks = tuple({*config.end_marks, *TERMINAL})

    def __call__(self, pages: Sequence[Page], ledger: Ledger) -> None:
        """Change all pages that are not dropped."""
        for page in pages:
            if not page.dropped:
                self._clean(page, ledger)

    def _clean(self, page: Page, ledger: Ledger) -> None:
        judge = self._judge(page)
        kept: list[str] = []
        cut: dict[str, list[str]] = {}
        cited: list[str] = []
        num_citations = 0
        for line in page.paragraphs:
            words, count = line.strip(), 0
            if self._config.citations and "[" in line:
                words, count = _CITATION.subn("", words)
            why = judge(line, words)
            if why in _OF_PAGES:
                return ledger.drop(page, f"{self.name}/{why}")
            if why:
                cut.setdefault(why, []).append(line)
            elif words:
                kept.append(words.strip())
                num_citations += count
                cited += [line] if count else []
        sentences = self._num_sentences(kept)
        ledger.observe(f"{self.name}/sentences", sentences, page, (self._config.min_sentences,))
        if not kept or sentences < self._config.min_sentences:
            return ledger.drop(page, f"{self.name}/few_sentences")
        for why, lines in cut.items():
            ledger.cut(page, f"{self.name}/{why}", lines)
        if cited:
            found = _CITATION.search(cited[0])
            place = found.start() if found else 0
            ledger.change(page, f"{self.name}/citations", num_citations, around(cited[0], place, place))
        page.text = "\n".join(kept)
        return None

    def _num_sentences(self, lines: Sequence[str]) -> int:
        """Of a page, as far as it matters: when there are enough nobody counts on."""
        so_far = 0
        for line in lines:
            if so_far >= self._config.min_sentences:
                break
            so_far += num_sentences(line)
        return so_far

    def _judge(self, page: Page) -> Callable[[str, str], str]:
        """A function from a line, as it is and without citations, to why it goes, or its page."""
        config = self._config
        spaced = has_words(page)
        marks = config.end_marks if page.language in ("en", "") else self._all_marks
        lower = page.text.lower()
        javascript = config.javascript and "javascript" in lower
        lorem_ipsum = config.lorem_ipsum and "lorem ipsum" in lower
        policy = config.policy and _POLICY.search(lower)

        def judge(line: str, cleaned: str) -> str:
            if len(line) > config.max_word_length and spaced and max(map(len, line.split())) > config.max_word_length:
                return "long_word"
            if not cleaned.endswith(marks) or cleaned.endswith("..."):
                return "no_end_mark"
            if spaced and len(line.split(None, config.min_words)) < config.min_words:
                return "few_words"
            if lorem_ipsum and "lorem ipsum" in cleaned.lower():
                return "lorem_ipsum"
            if javascript and "javascript" in cleaned.lower():
                return "javascript"
            if config.curly_bracket and "{" in cleaned:
                return "curly_bracket"
            return "policy" if policy and _POLICY.search(cleaned.lower()) else ""

        return judge


def num_sentences(line: str) -> int:
    """How many sentences a line has: marks that end one, before a space, a quotation mark or another sentence without
    spaces. C4 asks NLTK, which knows English abbreviations: it finds fewer where these are frequent."""
    return max(1, len(_SENTENCE_END.findall(line)))
