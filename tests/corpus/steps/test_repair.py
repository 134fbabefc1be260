"""Unicode repair."""

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page, Step
from encodery.corpus.steps.repair import RepairConfig, RepairStep
from encodery.errors import UserError


def repaired(text: str, **options: Any) -> str:
    page = Page(text, "a:1")
    RepairStep(RepairConfig(max_lost=1.0, **options))([page], Ledger())
    return page.text


@pytest.mark.parametrize(
    "text",
    [
        "l’été à Genève: «Âme», “smart” – and… 50 €",
        "schöne Grüße, ¿qué? São Paulo, naïve façade, Ærø, Þór",
        "Это обычный текст: «Сибирь», её; Україна: Рівне, Ґанок, її є",
        "日本語　（全角）と中文，한국어 ไทย العربية עברית हिन्दी",
        "ﬁne ligatures, ① and ﾊﾝｶｸ stay",
        "می‌خواهم کتاب‌ها",  # with zero-width non-joiners, which Persian needs
        "ភាសា​ខ្មែរ",  # with a zero-width space between words
        "👨‍👩‍👧 emoji",
    ],
)
def test_clean_text_stays_as_it_is(text: str) -> None:
    assert repaired(text) == text


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("français et l’été", "cp1252"),
        ("français et l’été", "latin-1"),
        ("schön – größer", "cp1252"),
        ("Με λένε", "latin-1"),
        ("Привет, как дела", "latin-1"),
        ("Привет, ребята", "cp1251"),
        ("日本語の文章", "latin-1"),
    ],
)
def test_utf_8_that_was_read_as_something_else(text: str, wrong: str) -> None:
    broken = "ok: " + text.encode().decode(wrong)
    assert repaired(f"clean line — é\n{broken}") == f"clean line — é\nok: {text}"


def test_windows_1252_that_was_read_as_latin_1() -> None:
    assert repaired("l\x92été \x96 \x93ok\x94") == "l’été – “ok”"


def test_what_is_no_character_goes() -> None:
    assert repaired("a\u00adb\ufeffc\x07d\x00e\ufffff\ue000") == "abcdef\ue000"
    assert repaired("a\u2028b\x0bc\n\x0c\nd \x1d") == "a\nb\nc\nd"
    assert repaired("half \ud800 a pair").encode() == b"half  a pair"


def test_what_was_changed_is_counted() -> None:
    ledger = Ledger()
    pages = [Page("schÃ¶n\nclean\ngrÃ¼n", "a:1"), Page("a\u00adb\u00ad", "a:2"), Page("clean", "a:3")]
    RepairStep(RepairConfig())(pages, ledger)
    assert {key: n for key, n in ledger.counts.items() if key[1] == "changes"} == {
        ("repair/encoding", "changes"): 2,
        ("repair/characters", "changes"): 2,
    }
    assert ledger.samples["repair/encoding"][0][1]["text"] == "schön"


def test_composition() -> None:
    assert repaired("e\u0301") == "e\u0301"
    assert repaired("e\u0301", nfc=True) == "é"


def test_paragraphs_that_could_not_be_decoded_are_cut() -> None:
    page = Page("good \ufffd but for one letter\n\ufffd\ufffd?? \ufffd\nend", "a:1")
    lost = Page("\ufffd\ufffd\ufffd", "a:2")
    gone = Page("\ufffd", "a:3", dropped="url/blocked")
    ledger = Ledger()
    step = RepairStep(RepairConfig())
    assert isinstance(step, Step)
    step([page, lost, gone], ledger)
    assert page.text == "good \ufffd but for one letter\nend"
    assert (lost.dropped, gone.dropped, gone.text) == ("repair/empty", "url/blocked", "\ufffd")
    assert ledger.counts["repair/undecodable", "paragraphs"] == 2
    assert ledger.counts["repair/empty", "documents"] == 1


def test_ftfy_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ftfy", None)
    with pytest.raises(
        UserError, match=r'^\[corpus.clean.repair\] needs the package ftfy; pip install "encodery\[crawl'
    ):
        RepairStep(RepairConfig())


STEP = RepairStep(RepairConfig(nfc=True))


@given(st.text(max_size=60))
def test_repaired_text_is_repaired(text: str) -> None:
    page = Page(text, "a:1")
    STEP([page], Ledger())
    once = page.text
    once.encode()
    assert not set(once) & {"\x00", "\x07", "\x85", "\ufeff", "\u2028"}
