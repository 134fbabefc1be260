"""Pages of addresses that are not wanted, by lists (of UT1's form for example) and patterns of the user's."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from encodery.config import Config
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page
from encodery.corpus.steps.lines import Pattern, any_of, listed_lines

_MAX_PARTS = 16


class UrlConfig(Config):
    """`[corpus.clean.url]`."""

    blocked: tuple[str, ...] = ()
    """Files with an entry a line: a domain (`example.com`, which names its subdomains too) or an address with a path
    (`example.com/forum`, which names all below it), `#` before comments."""
    patterns: tuple[Pattern, ...] = ()
    """Regular expressions; pages in whose address one is found are dropped."""


class UrlStep:
    """Drops pages as `url/blocked` and `url/pattern`. A list takes 8 bytes an entry in memory: of each its hash."""

    name = "url"

    def __init__(self, config: UrlConfig, base: Path) -> None:
        """
        Args:
            base: where relative paths of lists start.

        Raises:
            UserError: a list is missing or not UTF-8.
        """
        entries = (_plain(line) for path in config.blocked for line in listed_lines(base / path))
        self._blocked = np.unique(np.fromiter(map(_hash, entries), np.uint64))
        self._pattern = any_of(config.patterns)

    def __call__(self, pages: Sequence[Page], ledger: Ledger) -> None:
        """Drop the pages whose address is not wanted."""
        for page in pages:
            if page.dropped or not page.url:
                continue
            if self._is_blocked(page.url):
                ledger.drop(page, "url/blocked")
            elif self._pattern and self._pattern.search(page.url):
                ledger.drop(page, "url/pattern")

    def _is_blocked(self, url: str) -> bool:
        if not len(self._blocked):
            return False
        hashes = np.fromiter(map(_hash, _names(url)), np.uint64)
        found = np.searchsorted(self._blocked, hashes)
        return bool((self._blocked[np.minimum(found, len(self._blocked) - 1)] == hashes).any())


def _hash(entry: str) -> int:
    import xxhash

    return xxhash.xxh3_64_intdigest(entry.encode("utf-8", "replace"))


def _plain(entry: str) -> str:
    """An entry or address without scheme, `www.`, port and a slash at its end; host in lower case."""
    host, slash, path = entry.partition("://")[2].partition("/") if "://" in entry else entry.partition("/")
    host = host.rpartition("@")[2].partition(":")[0].lower().rstrip(".").removeprefix("www.")
    return f"{host}{slash}{path}".rstrip("/")


def _names(url: str) -> Iterator[str]:
    """All that an entry could call an address: its domain, those above it, and the paths on the way to it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    host = _plain(parts.netloc)
    labels = host.split(".")[-_MAX_PARTS:]
    hosts = [".".join(labels[start:]) for start in range(len(labels))]
    yield from hosts
    for name in hosts:
        path = ""
        for part in parts.path.strip("/").split("/")[:_MAX_PARTS]:
            path += f"/{part}"
            yield name + path
        if parts.query:
            yield f"{name}{parts.path}?{parts.query}"
