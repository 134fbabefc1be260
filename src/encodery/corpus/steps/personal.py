"""Personal data in texts: addresses and numbers that belong to a person are replaced, and counted by kind.

What is found is what has a form of its own (`personal_kinds`): a postal address or a name has none.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from encodery.config import Config
from encodery.corpus.ledger import Ledger, around
from encodery.corpus.page import Page
from encodery.corpus.steps.personal_kinds import KINDS, replaced

_NO_DIGITS = bytes(code for code in range(256) if not 48 <= code < 58)
Placeholder = str | Literal[False]


class PersonalConfig(Config):
    """`[corpus.clean.personal]`: by kind what is written in its place; `false` leaves that kind alone."""

    email: Placeholder = "[EMAIL]"
    iban: Placeholder = "[IBAN]"
    """Numbers of bank accounts whose check digits are right (ISO 13616)."""
    card: Placeholder = "[CARD]"
    """Numbers of payment cards: an issuer's first digits and length, and Luhn's check digit (ISO/IEC 7812)."""
    ip: Placeholder = "[IP]"
    """Public IPv4 and IPv6 addresses; private and documentation ranges name nobody."""
    phone: Placeholder = "[PHONE]"
    """Numbers of 7 to 15 digits (E.164) with a country's code (`+49 ...`, `0049 ...`), as North America writes them
    (`(212) 555-0123`), or behind a word for telephone in one of some twenty languages."""


class PersonalStep:
    """Replaces personal data; drops nothing."""

    name = "personal"

    def __init__(self, config: PersonalConfig, base: Path) -> None:
        self._wanted = [(kind, text) for kind in KINDS if (text := getattr(config, kind.name)) is not False]
        self._placeholders = {kind.name: text for kind, text in self._wanted}

    def __call__(self, pages: Sequence[Page], ledger: Ledger) -> None:
        """Mend all pages that are not dropped; `counts["personal/email", "changes"]` is how many there were."""
        for page in pages:
            if not page.dropped:
                self._mend(page, ledger)

    def _mend(self, page: Page, ledger: Ledger) -> None:
        counts: Counter[str] = Counter()
        shown: dict[str, str] = {}
        lines = page.text.split("\n")
        for place, line in enumerate(lines):
            lines[place], found = self._without(line)
            counts.update(found)
            for kind in found.keys() - shown.keys():
                shown[kind] = lines[place]
        page.text = "\n".join(lines)
        for name, number in counts.items():
            line = shown[name]
            place = max(0, line.find(self._placeholders[name]))
            ledger.change(page, f"{self.name}/{name}", number, around(line, place, place))

    def _without(self, line: str) -> tuple[str, Counter[str]]:
        """A line without personal data, and how much it had of each kind."""
        found: Counter[str] = Counter()
        digits = len(line.encode("utf-8", "replace").translate(None, _NO_DIGITS))
        for kind, placeholder in self._wanted:
            if digits >= kind.digits and kind.mark in line:
                line, count = replaced(line, kind, placeholder)
                if count:
                    found[kind.name] += count
        return line, found
