"""Personal data in texts: addresses and numbers that belong to a person are replaced, and counted by kind.

What is found is what has a form of its own: a postal address or a name has none. Every pattern takes time linear in the
text: none can begin inside a run that it failed on, and every repetition is bounded or possessive.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from encodery.config import Config
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page

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

    def __call__(self, pages: Sequence[Page], ledger: Ledger) -> None:
        """Mend all pages that are not dropped; `counts["personal/email", "replaced"]` is how many there were."""
        for page in pages:
            if not page.dropped:
                page.text = self._without(page.text, ledger)

    def _without(self, text: str, ledger: Ledger) -> str:
        for kind, placeholder in self._wanted:
            if not kind.needs.search(text):
                continue
            text, count = replaced(text, kind, placeholder)
            if count:
                ledger.counts[f"{self.name}/{kind.name}", "replaced"] += count
        return text


class Kind(NamedTuple):
    """One kind of personal data."""

    name: str
    needs: re.Pattern[str]
    """What a text must have for there to be any: quickly looked for."""
    pattern: re.Pattern[str]
    """Its group `it`, or all of it, is what is replaced."""
    holds: Callable[[str], bool]
    """Whether what the pattern found is one."""


def replaced(text: str, kind: Kind, placeholder: str) -> tuple[str, int]:
    """The text with all of a kind replaced, and how many these were."""
    count = 0

    def one(match: re.Match[str]) -> str:
        nonlocal count
        found = match["it"]
        if not kind.holds(found):
            return match[0]
        count += 1
        return match[0][: match.start("it") - match.start()] + placeholder

    return kind.pattern.sub(one, text), count


def is_public_address(found: str) -> bool:
    """An IP address that belongs to somebody."""
    try:
        return ipaddress.ip_address(found).is_global
    except ValueError:
        return False


def is_phone_number(found: str) -> bool:
    """As many digits as E.164 allows."""
    return 7 <= sum(map(str.isdigit, found)) <= 15


def is_iban(found: str) -> bool:
    """The number is 1 modulo 97, the first four characters at the end and letters as 10 to 35 (ISO 7064)."""
    account = found.replace(" ", "")
    return 15 <= len(account) <= 34 and int("".join(str(int(c, 36)) for c in account[4:] + account[:4])) % 97 == 1


def is_card_number(found: str) -> bool:
    """An issuer's digits, and every second digit doubled, from the right, sums to a multiple of ten."""
    digits = re.sub("[ -]", "", found)
    if not _ISSUERS.fullmatch(digits):
        return False
    values = [int(digit) for digit in reversed(digits)]
    return sum(values[::2] + [sum(divmod(2 * value, 10)) for value in values[1::2]]) % 10 == 0


_ISSUERS = re.compile(
    r"4\d{12}(?:\d{3})?(?:\d{3})?"  # Visa
    r"|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"  # Mastercard
    r"|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}"  # American Express, Diners Club
    r"|6(?:011|4[4-9]\d|5\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}",  # Discover, JCB, UnionPay
    re.ASCII,
)
_TELEPHONE = (
    "tel|tél|telefon|telefone|teléfono|telefono|téléphone|telephone|phone|fax|mobile|mobil|móvil|cell|handy|gsm|"
    "whatsapp|puhelin|telefoon|telefón|τηλ|τηλέφωνο|тел|телефон|факс|هاتف|تلفن|फोन|โทร|電話|电话|전화"
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_DIGITS = re.compile(r"\d\d", re.ASCII)
_MORE_DIGITS = r"(?:[ ./()-]{0,3}+[0-9])"
KINDS = (
    Kind(
        "email",
        re.compile("@"),
        re.compile(
            r"(?<![A-Za-z0-9._%+-])(?P<it>[A-Za-z0-9._%+-]{1,64}+@(?:[A-Za-z0-9-]{1,63}+\.){1,8}[A-Za-z]{2,24}+)"
            r"(?![A-Za-z0-9-])"
        ),
        lambda found: not found.startswith("."),
    ),
    Kind(
        "iban",
        re.compile(r"[A-Z]{2}\d\d", re.ASCII),
        re.compile(
            r"(?<![A-Za-z0-9])(?P<it>[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)(?![A-Za-z0-9])", re.ASCII
        ),
        is_iban,
    ),
    Kind(
        "card",
        re.compile(r"\d{4}", re.ASCII),
        re.compile(r"(?<![\d.+-])(?<!\d )(?P<it>\d(?:[ -]?\d){12,18}+)(?![ -]?\d)", re.ASCII),
        is_card_number,
    ),
    Kind(
        "ip",
        re.compile(r"\d\.\d|[0-9A-Fa-f]:[0-9A-Fa-f:]", re.ASCII),
        re.compile(
            rf"(?P<it>(?<![\w.]){_OCTET}(?:\.{_OCTET}){{3}}|(?<![\w.:])[0-9A-Fa-f]{{1,4}}+:[0-9A-Fa-f:]{{2,35}}+)(?!\.?\w)",
            re.ASCII,
        ),
        is_public_address,
    ),
    Kind(
        "phone",
        _DIGITS,
        re.compile(
            rf"(?P<it>(?<![\w+])\+[1-9]{_MORE_DIGITS}{{6,14}}|(?<![\w+.,-])00 ?[1-9]{_MORE_DIGITS}{{6,14}}"
            r"|(?<![\w)])\(\d{3}\) ?\d{3}[ .-]\d{4}|(?<![\w+.,-])\d{3}([.-])\d{3}\2\d{4})(?!\d)",
            re.ASCII,
        ),
        is_phone_number,
    ),
    Kind(
        "phone",
        _DIGITS,
        re.compile(
            rf"(?<!\w)(?:{_TELEPHONE})[^\w\n+(]{{0,5}}+(?P<it>[+(]?[0-9]{_MORE_DIGITS}{{6,11}})(?!\d)", re.IGNORECASE
        ),
        is_phone_number,
    ),
)
"""In the order in which they are looked for: what is longer first."""
