"""Small crawl files, made by hand so that each byte of them is known."""

import gzip


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
