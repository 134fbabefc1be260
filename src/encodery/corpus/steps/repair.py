"""Unicode repair: text that was decoded wrongly, characters that are none.

Clean text pays for two searches: only lines that look as if UTF-8 had been read as another encoding are given to
ftfy, which repairs them if it is sure. Accents, quotes, ligatures and full-width forms stay as they are.
"""

import re
import unicodedata
from collections.abc import Sequence

from pydantic import Field

from encodery.config import Config
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page
from encodery.corpus.reading.paragraphs import paragraphs
from encodery.errors import UserError

_FOLLOWS = "\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
"""The bytes 80 to BF, which follow the first of a character in UTF-8, read as Latin-1 or Windows-1252."""
_FOLLOWS_CYRILLIC = "ЂЃѓЉЊЌЋЏђљњќћџЎўЈ¤Ґ¦§Ё©Є«¬®Ї°±Ііґµ¶·ё№є»јЅѕї€‚„…†‡‰‹‘’“”•–—™›\u00a0\u00ad"
_MOJIBAKE = re.compile(
    rf"[Â-ïРС\u0080-\u009f](?:(?<=[Â-ß])[{_FOLLOWS}]|(?<=[à-ï])[{_FOLLOWS}]{{2}}"
    rf"|(?<=[РС])[{_FOLLOWS_CYRILLIC}][РС][{_FOLLOWS_CYRILLIC}]|(?<=[\u0080-\u009f]))"
)
"""What it looks like when UTF-8 is read as something else, or Windows-1252 as Latin-1. It may be right all the same
(`Â»` in French capitals): ftfy decides. All begins with one set of characters, by
which the search passes over clean text quickly."""
_BREAKS = re.compile("[\u000b\u000c\u001c-\u001e\u0085\u2028\u2029]")
_NO_TEXT = re.compile(
    "[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00ad\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffc\ufffe\uffff]"
)
"""Controls, soft hyphens, halves of characters, marks of byte order, and what is no character."""
_ODD = re.compile(f"{_BREAKS.pattern}|{_NO_TEXT.pattern}".replace("]|[", ""))
"""Either of them, in one search."""
_LOST = "\ufffd"


class RepairConfig(Config):
    """`[corpus.clean.repair]`."""

    nfc: bool = False
    """Compose letters with their accents (NFC), as most text is written anyway."""
    max_lost: float = Field(default=0.1, ge=0, le=1)
    """Paragraphs with more than this share of U+FFFD, which stands where bytes could not be decoded, are cut."""


class RepairStep:
    """Repairs the text of every page; what cannot be repaired is cut as `repair/undecodable`."""

    name = "repair"

    def __init__(self, config: RepairConfig) -> None:
        """
        Raises:
            UserError: ftfy is missing.
        """
        try:
            import ftfy
        except ImportError:
            raise UserError('[corpus.clean.repair] needs the package ftfy; pip install "encodery[crawl]"') from None
        self._config = config
        self._fix = ftfy.fix_text
        self._settings = ftfy.TextFixerConfig(
            unescape_html=False,
            remove_terminal_escapes=False,
            fix_latin_ligatures=False,
            fix_character_width=False,
            uncurl_quotes=False,
            fix_line_breaks=False,
            fix_surrogates=False,
            remove_control_chars=False,
            normalization=None,
            explain=False,
        )

    def __call__(self, pages: Sequence[Page], ledger: Ledger) -> None:
        """Repair the pages that are not dropped; one without a paragraph left is dropped."""
        for page in pages:
            if page.dropped:
                continue
            text = page.text
            if _ODD.search(text) or (not text.isascii() and _MOJIBAKE.search(text)):
                text = self._repaired(page, ledger)
            if self._config.nfc and not unicodedata.is_normalized("NFC", text):
                text = unicodedata.normalize("NFC", text)
            page.text = self._readable(page, text, ledger) if _LOST in text else text
            if not page.text:
                ledger.drop(page, "repair/empty")

    def _repaired(self, page: Page, ledger: Ledger) -> str:
        """The text as its writer meant it."""
        lines = [self._fix(line, self._settings) if _MOJIBAKE.search(line) else line for line in page.paragraphs]
        repaired = [line for line, before in zip(lines, page.paragraphs, strict=True) if line != before]
        if repaired:
            ledger.change(page, "repair/encoding", len(repaired), repaired[0])
        text = "\n".join(lines)
        if not (odd := len(_ODD.findall(text))):
            return text
        ledger.change(page, "repair/characters", odd)
        return paragraphs(_NO_TEXT.sub("", _BREAKS.sub("\n", text)))

    def _readable(self, page: Page, text: str, ledger: Ledger) -> str:
        """The paragraphs in which enough could be decoded."""
        lines = text.split("\n")
        for line in lines:
            if _LOST in line:
                share = line.count(_LOST) / len(line)
                ledger.observe(f"{self.name}/lost", share, page, (self._config.max_lost,), line)
        lost = [line for line in lines if line.count(_LOST) > self._config.max_lost * len(line)]
        if not lost:
            return text
        ledger.cut(page, "repair/undecodable", lost)
        return "\n".join(line for line in lines if line.count(_LOST) <= self._config.max_lost * len(line))
