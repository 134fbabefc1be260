import json
from pathlib import Path

import pytest
from rich.console import Console

from encodery.artifact import publish
from encodery.corpus.ledger import LEDGER, Ledger
from encodery.corpus.page import Page
from encodery.errors import UserError
from encodery.stages.corpus_screen import LANGUAGES, REASONS, corpus_screen, read_ledger
from encodery.stages.inspect import describe


def make_ledger(languages: int = 3, causes: int = 2) -> Ledger:
    ledger = Ledger()
    pages = [Page("word " * (20 * n + 4), f"f!{n}", language=f"x{n % languages}") for n in range(97)]
    ledger.passed("read", pages)
    for number, page in enumerate(pages[: 3 * causes]):
        ledger.drop(page, f"quality/cause{number % causes:02}")
    ledger.passed("quality", pages)
    return ledger


def shown(ledger: Ledger) -> str:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(corpus_screen(ledger))
    return capture.get()


def test_funnel_reasons_and_languages_are_there() -> None:
    text = shown(make_ledger())
    lines = [line.split() for line in text.splitlines()]
    assert ["read", "97", "97", "468k"] in lines
    assert ["quality", "91", "91", "466k", "0.3%"] in lines
    assert ["quality/cause01", "3", "3", "960"] in lines
    assert [line[0] for line in lines if line and line[0] in ("x0", "x1", "x2")] == ["x0", "x2", "x1"]


def test_it_is_one_screen_whatever_there_is() -> None:
    text = shown(make_ledger(languages=29, causes=23))
    assert len(text.splitlines()) <= 6 + 2 + REASONS + LANGUAGES + 6
    assert "lost most (15 more in report.html)" in text
    assert "languages (20 more in report.html)" in text


def test_an_empty_ledger_is_shown() -> None:
    assert "left behind each step" in shown(Ledger())


def test_a_ledger_is_read_back(tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_text(json.dumps(make_ledger().to_json()))
    assert read_ledger(tmp_path / LEDGER) == make_ledger()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"counts": 7}', '{"counts": {"a": {"b": 1}}}'])
def test_what_is_no_ledger_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_text(text)
    with pytest.raises(UserError, match=r"ledger.json: not the ledger of a corpus .* run the stage corpus again"):
        read_ledger(tmp_path / LEDGER)


def test_inspect_shows_the_artifact_and_its_ledger(tmp_path: Path) -> None:
    with publish(tmp_path / "corpus", {"stage": "corpus", "key": "0" * 64}) as into:
        (into / LEDGER).write_text(json.dumps(make_ledger().to_json()))
    console = Console(width=100)
    with console.capture() as capture:
        console.print(describe(tmp_path / "corpus"))
    text = capture.get()
    assert "artifact (every file matches its recorded hash)" in text
    assert "left behind each step" in text
    assert len(text.splitlines()) <= 40
