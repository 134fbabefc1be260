"""Small crawl files, made by hand so that each byte of them is known; archives; the pages of what is written so."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

from encodery.corpus.inputs import CorpusInput, files_of
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page
from encodery.corpus.reading.pages import read_pages


def record(content: bytes, kind: str = "response", uri: str = "http://example.com/", **more: str) -> bytes:
    """A record of WARC as it lies in a file, with the two ends of line behind it."""
    content_type = "application/http; msgtype=response" if kind == "response" else "text/plain"
    fields = {"Content-Type": content_type, **{name.replace("_", "-"): value for name, value in more.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {uri}\r\nWARC-Date: 2024-02-29T11:13:17Z\r\n"
        f"{head}Content-Length: {len(content)}\r\n\r\n"
    ).encode() + b"%b\r\n\r\n" % content


def response(body: bytes, *headers: str, status: str = "200 OK", content_type: str = "text/html") -> bytes:
    """What a server answered."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def page(text: str, title: str = "T") -> bytes:
    """HTML whose main content is `text`."""
    body = "".join(f"<p>{line}</p>" for line in text.split("\n"))
    return f"<!doctype html><html><head><title>{title}</title></head><body><main>{body}</main></body></html>".encode()


def packed(records: list[bytes]) -> bytes:
    """A member of gzip for each."""
    return b"".join(gzip.compress(each, mtime=0) for each in records)


def pages_of(path: Path, **options: Any) -> tuple[list[Page], Ledger]:
    """The pages of what lies at a path, and what is said of it."""
    ledger = Ledger()
    entry = CorpusInput(path=str(path), **options)
    found = [page for file in files_of(entry, path.parent) for page in read_pages(file, entry, ledger)]
    return found, ledger


def pack(path: Path, members: dict[str, bytes]) -> None:
    """An archive of the kind that the name of `path` says, in a zip without compression."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        return
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as packed_files:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            packed_files.addfile(info, io.BytesIO(data))
