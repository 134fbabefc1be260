"""Lines that the user does not want."""

from pathlib import Path
from typing import Any

import pytest

from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page, Step
from encodery.corpus.steps.lines import LinesConfig, LinesStep
from encodery.errors import UserError


def run(base: Path, *texts: str, **options: Any) -> tuple[list[Page], Ledger]:
    pages = [Page(text, f"a:{number}") for number, text in enumerate(texts)]
    ledger = Ledger()
    step = LinesStep(LinesConfig(**options), base)
    assert isinstance(step, Step)
    step(pages, ledger)
    return pages, ledger


def test_each_reason_is_counted(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("# boilerplate\nAccept ALL cookies\n\nImpressum  \n")
    (first, second, third), ledger = run(
        tmp_path,
        "A sentence.\nok\nACCEPT all cookies\nRead more about it\nAccept all cookies, or not.",
        "impressum\nx",
        "untouched text",
        listed=["b.txt"],
        patterns=["^Read more", "(?:tele|mega)phone$"],
        min_characters=3,
    )
    assert first.text == "A sentence.\nAccept all cookies, or not."
    assert (second.text, second.dropped) == ("", "lines/empty")
    assert (third.text, third.dropped) == ("untouched text", "")
    counts = {reason: n for (reason, unit), n in ledger.counts.items() if unit == "paragraphs"}
    assert counts == {"lines/listed": 2, "lines/pattern": 1, "lines/short": 2, "lines/empty": 0}
    assert ledger.samples["lines/pattern"][0][1]["text"] == "Read more about it"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("A title\nA long sentence, the first.\nshort one.\nMore articles\nRelated", 2),
        ("A title\nHe said: “a long sentence, the first.”[1]\nRelated", 2),
        ("这是一个足够长的句子，它讲的是新闻里的主要事情。\n相关文章", 1),
        ("यह एक लंबा वाक्य है जो समाचार बताता है।\nऔर पढ़ें", 1),
        ("no sentence here\nnor here", 2),
        ("all of it are sentences that end so.", 1),
    ],
)
def test_what_follows_the_last_sentence(tmp_path: Path, text: str, left: int) -> None:
    (page,), ledger = run(tmp_path, text, tail_after=20)
    assert page.text == "\n".join(text.split("\n")[:left])
    assert ledger.counts["lines/tail", "paragraphs"] == text.count("\n") + 1 - left


def test_dropped_pages_stay_as_they_are(tmp_path: Path) -> None:
    page = Page("x", "a:1", dropped="url/blocked")
    LinesStep(LinesConfig(min_characters=3), tmp_path)([page], Ledger())
    assert (page.text, page.dropped) == ("x", "url/blocked")


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"^r: patterns\.0 = '\(': not a regular expression \(missing \), unterminated"
    ):
        LinesConfig.parse({"patterns": ["("]}, "r")
    with pytest.raises(UserError, match=r"none\.txt: no such file"):
        run(tmp_path, listed=["none.txt"])
