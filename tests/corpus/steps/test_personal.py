"""Personal data: what is replaced, and what is left."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page, Step
from encodery.corpus.steps.personal import PersonalConfig, PersonalStep
from encodery.errors import UserError


def scrubbed(text: str, **settings: object) -> tuple[str, dict[str, int]]:
    step = PersonalStep(PersonalConfig.parse(settings, "test"), Path())
    assert isinstance(step, Step)
    page, ledger = Page(text, "a"), Ledger()
    step([page], ledger)
    assert not page.dropped
    return page.text, {
        reason.partition("/")[2]: count for (reason, unit), count in ledger.counts.items() if unit == "changes"
    }


@pytest.mark.parametrize(
    ("text", "left", "kind"),
    [
        ("Write to jane.doe+x@mail.example.co.uk.", "Write to [EMAIL].", "email"),
        ("<a_b%c@x-y.de>", "<[EMAIL]>", "email"),
        ("邮箱abc@example.com。", "邮箱[EMAIL]。", "email"),
        ("Server 8.8.8.8, please", "Server [IP], please", "ip"),
        ("IP:151.101.1.69.", "IP:[IP].", "ip"),
        ("at 2001:4860:4860::8888 and", "at [IP] and", "ip"),
        ("IBAN DE89 3704 0044 0532 0130 00!", "IBAN [IBAN]!", "iban"),
        ("to GB82WEST12345698765432", "to [IBAN]", "iban"),
        ("MT84 MALT 0110 0001 2345 MTLC AST0 01S", "[IBAN]", "iban"),
        ("Card 4111 1111 1111 1111 valid", "Card [CARD] valid", "card"),
        ("378282246310005", "[CARD]", "card"),
        ("5555-5555-5555-4444.", "[CARD].", "card"),
        ("+49 (30) 123-4567", "[PHONE]", "phone"),
        ("(call +1.212.555.0123)", "(call [PHONE])", "phone"),
        ("0049 30 1234567 or", "[PHONE] or", "phone"),
        ("(212) 555-0123", "[PHONE]", "phone"),
        ("212-555-0123", "[PHONE]", "phone"),
        ("Tel.: 030/1234567", "Tel.: [PHONE]", "phone"),
        ("电话：010-88886666", "电话：[PHONE]", "phone"),
        ("Téléphone 01 23 45 67 89 ou", "Téléphone [PHONE] ou", "phone"),
        ("FAX (030) 123 4567", "FAX [PHONE]", "phone"),
    ],
)
def test_what_is_replaced(text: str, left: str, kind: str) -> None:
    assert scrubbed(text) == (left, {kind: 1})
    assert scrubbed(text, **{kind: False})[0] != left
    assert scrubbed(text, **{kind: "…"}) == (left.replace(f"[{kind.upper()}]", "…"), {kind: 1})


@pytest.mark.parametrize(
    "text",
    [
        "user@localhost and @name, a @ b.c",
        "10.0.0.1, 192.168.1.1, 127.0.0.1, 203.0.113.7, 2001:db8::1",
        "Version 1.2.3.4.5, 256.8.8.8, 8.8.8",
        "at 10:30:15 in Bach: 3:4:5",
        "DE89 3704 0044 0532 0130 01",
        "4111 1111 1111 1112, 1234567812345670, 41111111111111111111111",
        "In 2001-2002, 12.12.2020, 1 000 000 000, 2,001 200 300",
        "ISBN 978-3-16-148410-0, 12345678901234567890",
        "Hotel 1234567890, a telly 030/1234567",
        "+49 and +12345",
    ],
)
def test_what_is_left(text: str) -> None:
    assert scrubbed(text) == (text, {})


def test_several_in_several_lines() -> None:
    text = "a@b.de and c@d.fr\n\nnothing here 12345678\ne@f.org, Tel 030 1234567"
    left = "[EMAIL] and [EMAIL]\n\nnothing here 12345678\n[EMAIL], Tel [PHONE]"
    assert scrubbed(text) == (left, {"email": 3, "phone": 1})


def test_what_was_replaced_is_shown_without_what_stood_there() -> None:
    long = "x " * 300
    page, ledger = Page(f"none\n{long}Mail a@b.de or call +49 30 1234567.\nc@d.fr", "a"), Ledger()
    PersonalStep(PersonalConfig(), Path())([page], ledger)
    assert ledger.counts["personal/email", "changes"] == 2
    assert ledger.counts["personal/email", "changed documents"] == 1
    shown = {reason: what["text"] for reason, ((_, what),) in ledger.samples.items()}
    assert list(shown) == ["personal/email", "personal/phone"]
    assert all(text.endswith("x Mail [EMAIL] or call [PHONE].") for text in shown.values())


def test_dropped_pages_are_left() -> None:
    page = Page("a@b.de", "a", dropped="c4/few_sentences")
    PersonalStep(PersonalConfig(), Path())([page], Ledger())
    assert page.text == "a@b.de"


PIECES = [
    "1",
    "0",
    "+",
    "(",
    ")",
    " ",
    "-",
    ".",
    "@",
    "a",
    "A",
    ":",
    "00",
    "DE89",
    "tel",
    "\n",
    "4111",
    "é",
    "\udc80",
    "٣",
]


@given(st.lists(st.sampled_from(PIECES), max_size=60))
def test_any_text_is_left_but_for_placeholders(pieces: list[str]) -> None:
    text = "".join(pieces)
    left, counts = scrubbed(text)
    assert len(re.findall(r"\[(?:EMAIL|IBAN|CARD|IP|PHONE)]", left)) == sum(counts.values())
    assert left.count("\n") == text.count("\n")
    assert scrubbed(left)[0] == left


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "1 ",
        "1-",
        "+1",
        "00",
        "(",
        "a@",
        "a.",
        "@a.",
        "A",
        "AB12",
        "AB12 ",
        "1.",
        "1:",
        "a:",
        "1.1.",
        "tel",
        "tel 1",
        "4111 ",
    ],
)
@pytest.mark.timeout(60)
def test_hostile_lines_take_linear_time(unit: str) -> None:
    """A pattern that goes back over its line would need 10^10 steps."""
    text = unit * 100_000 + "!"
    assert len(scrubbed(text)[0]) <= len(text)


def test_a_kind_that_there_is_not() -> None:
    with pytest.raises(UserError, match=r"unknown key 'mail'; did you mean 'email'\?"):
        PersonalConfig.parse({"mail": False}, "recipe.toml")
