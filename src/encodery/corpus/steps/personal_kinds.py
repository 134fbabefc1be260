"""Forms of personal data, and what takes their place.

Every pattern takes time linear in the line: none can begin inside a run that it failed on, and every repetition is
bounded or possessive.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import NamedTuple


class Kind(NamedTuple):
    """One kind of personal data, and one form of it."""

    name: str
    digits: int
    """A line with fewer has none."""
    mark: str
    """Nor has a line without this."""
    pattern: re.Pattern[str]
    """Its group `it` is what is replaced."""
    holds: Callable[[re.Match[str]], bool]
    """Whether what the pattern found is one."""


def replaced(line: str, kind: Kind, placeholder: str) -> tuple[str, int]:
    """The line with all of a kind replaced, and how many these were."""
    count = 0

    def one(match: re.Match[str]) -> str:
        nonlocal count
        if not kind.holds(match):
            return match[0]
        count += 1
        return placeholder

    return kind.pattern.sub(one, line), count


def is_public_address(match: re.Match[str]) -> bool:
    """An IP address that belongs to somebody."""
    try:
        return ipaddress.ip_address(match["it"]).is_global
    except ValueError:
        return False


def is_behind_telephone(match: re.Match[str]) -> bool:
    """A word for telephone stands before the number."""
    return _TELEPHONE.search(match.string, max(0, match.start() - 24), match.start()) is not None


def is_iban(match: re.Match[str]) -> bool:
    """The number is 1 modulo 97, the first four characters at the end and letters as 10 to 35 (ISO 7064)."""
    account = match["it"].replace(" ", "")
    return 15 <= len(account) <= 34 and int("".join(str(int(c, 36)) for c in account[4:] + account[:4])) % 97 == 1


def is_card_number(match: re.Match[str]) -> bool:
    """An issuer's digits, and every second digit doubled, from the right, sums to a multiple of ten."""
    digits = re.sub("[ -]", "", match["it"])
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
_TELEPHONE = re.compile(
    r"(?<!\w)(?:tel|tél|telefon|telefone|teléfono|telefono|téléphone|telephone|phone|fax|mobile|mobil|móvil|cell|handy|gsm|"
    r"whatsapp|puhelin|telefoon|telefón|τηλ|τηλέφωνο|тел|телефон|факс|هاتف|تلفن|फोन|โทร|電話|电话|전화)[^\w\n]{0,5}\Z",
    re.IGNORECASE,
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_MORE_DIGITS = r"(?:[ ./()-]{0,3}+\d)"
KINDS = (
    Kind(
        "email",
        0,
        "@",
        re.compile(
            r"(?<![A-Za-z0-9._%+-])(?P<it>[A-Za-z0-9._%+-]{1,64}+@(?:[A-Za-z0-9-]{1,63}+\.){1,8}[A-Za-z]{2,24}+)"
            r"(?![A-Za-z0-9-])"
        ),
        bool,
    ),
    Kind(
        "iban",
        7,
        "",
        re.compile(
            r"(?<![A-Za-z0-9])(?P<it>[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)(?![A-Za-z0-9])", re.ASCII
        ),
        is_iban,
    ),
    Kind(
        "card",
        13,
        "",
        re.compile(r"(?<![\d.+-])(?<!\d )(?P<it>\d(?:[ -]?\d){12,18}+)(?![ -]?\d)", re.ASCII),
        is_card_number,
    ),
    Kind(
        "ip",
        4,
        ".",
        re.compile(rf"(?<![\w.])(?P<it>{_OCTET}(?:\.{_OCTET}){{3}})(?!\.?\w)", re.ASCII),
        is_public_address,
    ),
    Kind(
        "ip",
        1,
        ":",
        re.compile(r"(?<![\w.:])(?P<it>[0-9A-Fa-f]{1,4}+:[0-9A-Fa-f]{0,4}+:[0-9A-Fa-f:]{1,30}+)(?!\.?\w)", re.ASCII),
        is_public_address,
    ),
    Kind(
        "phone",
        7,
        "",
        re.compile(
            rf"(?P<it>(?<![\w+])\+[1-9]{_MORE_DIGITS}{{6,14}}|(?<![\w+.,-])(?<!\d )00 ?[1-9]{_MORE_DIGITS}{{6,14}}"
            r"|(?<![\w)])\(\d{3}\) ?\d{3}[ .-]\d{4}|(?<![\w+.,-])\d{3}([.-])\d{3}\2\d{4})(?!\d)",
            re.ASCII,
        ),
        bool,
    ),
    Kind(
        "phone",
        7,
        "",
        re.compile(rf"(?<![\d+])(?P<it>[+(]?\d{_MORE_DIGITS}{{6,11}})(?!\d)", re.ASCII),
        is_behind_telephone,
    ),
)
"""In the order in which they are looked for: what is longer first."""
