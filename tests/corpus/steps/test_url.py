"""Pages of addresses that are not wanted."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page, Step
from encodery.corpus.steps.url import UrlConfig, UrlStep

LIST = "# adult\nBad.example\nwww.spam.example\nhttps://news.example/ads/\nforum.example/t?id=7\n"


def reasons(base: Path, *urls: str, **options: Any) -> list[str]:
    pages = [Page("text", f"a:{number}", url=url) for number, url in enumerate(urls)]
    step = UrlStep(UrlConfig(**options), base)
    assert isinstance(step, Step)
    step(pages, Ledger())
    return [page.dropped for page in pages]


BLOCKED = [
    "http://bad.example/",
    "https://user@BAD.example:8080/x?y",
    "http://a.b.bad.example/page",
    "http://spam.example",
    "http://www.spam.example/a",
    "http://news.example/ads/today.html",
    "http://www.news.example/ads",
    "http://forum.example/t?id=7",
]
KEPT = [
    "http://notbad.example/",
    "http://bad.example.org/",
    "http://news.example/adsense",
    "http://news.example/",
    "http://forum.example/t?id=8",
    "http://[broken",
    "",
]


@pytest.mark.parametrize("name", ["list.txt", "list.txt.gz"])
def test_lists(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(LIST.encode()) if name.endswith("gz") else LIST.encode())
    assert reasons(tmp_path, *BLOCKED, blocked=[name]) == ["url/blocked"] * len(BLOCKED)
    assert reasons(tmp_path, *KEPT, blocked=[name]) == [""] * len(KEPT)


def test_patterns(tmp_path: Path) -> None:
    urls = ["http://x.example/tag/a", "http://x.example/page", "http://casino-x.example/"]
    assert reasons(tmp_path, *urls, patterns=["/tag/", r"^https?://[^/]*casino"]) == [
        "url/pattern",
        "",
        "url/pattern",
    ]
    assert reasons(tmp_path, *urls) == ["", "", ""]


def test_what_is_dropped_already_keeps_its_reason(tmp_path: Path) -> None:
    page = Page("text", "a:1", url="http://x.example/", dropped="read/x")
    UrlStep(UrlConfig(patterns=("x",)), tmp_path)([page], Ledger())
    assert page.dropped == "read/x"


@given(st.text(max_size=40))
def test_no_address_raises(tmp_path_factory: pytest.TempPathFactory, url: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "list").write_text(LIST)
    assert reasons(folder, url, f"http://{url}", blocked=["list"])[0] in ("", "url/blocked")
