"""The text of a web page, by resiliparse or trafilatura."""

import re

from encodery.corpus.inputs import Extractor
from encodery.errors import UserError

MAX_DEPTH = 500
"""Elements within elements: browsers stop at 512; the time that main content takes grows with its square."""
MAX_TAGS = 400_000
"""A page takes up to 0.8 kB of memory for each; of the largest pages of a crawl (5 MB) some have 100,000."""
_MANY_TAGS = 4000
"""A page with fewer is never slow, however deep it is."""
_TAGS = re.compile(r"<(/?)([a-z][a-z0-9-]*)(?:[^<>]{0,2000}(/)>)?", re.I)
_WITHOUT_END = frozenset(
    re.findall(
        "[a-z]+",
        "area base br col dd dt embed frame hr img input li link meta option p param source td th tr track wbr",
    )
)
"""Elements that hold nothing, or that need not be closed."""
_NO_CONTENT = ("nav", "footer", "aside")


class UnreadablePageError(ValueError):
    """A page that is made to take all time or memory; `reason` is `deep` or `large`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def html_text(page: str, extractor: Extractor) -> str:
    """The text of a page, a line for each block. A page without main content, as of a few words only, is taken as
    `full-text` takes it.

    Raises:
        UnreadablePageError: it is nested so deep that it would take minutes, or has so many elements that it would
            take a gigabyte.
        UserError: the package of the extractor is missing.
    """
    _check(page)
    if extractor == "trafilatura":
        return _trafilatura(page)
    text = _resiliparse(page, main_content=True) if extractor == "main-content" else ""
    return text if text.strip() else _resiliparse(page, main_content=False)


def _check(page: str) -> None:
    tags = page.count("<")
    if tags > MAX_TAGS:
        raise UnreadablePageError("large", f"{tags:,} tags; at most {MAX_TAGS:,} are read")
    if tags > _MANY_TAGS and _depth(page) > MAX_DEPTH:
        raise UnreadablePageError("deep", f"elements are nested deeper than {MAX_DEPTH}")


def _resiliparse(page: str, main_content: bool) -> str:
    """With the settings that were best on annotated pages (benchmarks/extraction.py)."""
    from resiliparse.extract.html2text import extract_plain_text

    text: str = extract_plain_text(
        page,
        main_content=main_content,
        alt_texts=False,
        links=False,
        list_bullets=False,
        comments=False,
        form_fields=False,
        noscript=False,
        skip_elements=_NO_CONTENT if main_content else None,
    )
    return text


def _depth(page: str) -> int:
    """How deep elements lie in each other, if those that are not closed hold all that follows."""
    depth = deepest = 0
    for end, name, closed in _TAGS.findall(page):
        if closed or name.lower() in _WITHOUT_END:
            continue
        depth = max(depth - 1, 0) if end else depth + 1
        deepest = max(deepest, depth)
    return deepest


def _trafilatura(page: str) -> str:
    try:
        from trafilatura import extract
    except ImportError:
        raise UserError('extractor = "trafilatura" needs its package; pip install "encodery[trafilatura]"') from None
    return extract(page, favor_precision=True, include_comments=False) or ""
