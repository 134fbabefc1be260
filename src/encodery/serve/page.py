"""The playground at `/`: static files beside this module, which ask the server's own routes.

All files are read when the routes are made, and each has a route of its own: no path of a request is ever looked up.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",  # markup made of text is refused, not merely avoided
        "trusted-types 'none'",
    ]
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # kept, but asked for by its ETag: files of two versions never meet
}
MEDIA_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    """A file of the page."""

    body: bytes
    media_type: str

    @property
    def etag(self) -> str:
        """Changes with the bytes."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'

    def respond(self, request: Request) -> Response:
        """The file, or that the browser has it."""
        headers = {**HEADERS, "ETag": self.etag}
        if _names(request.headers.get("If-None-Match", ""), self.etag):
            return Response(status_code=304, headers=headers)
        return Response(self.body, headers={**headers, "Content-Type": self.media_type})


def read_assets() -> dict[str, Asset]:
    """The files of the page by the path of their route."""
    assets = {}
    for file in files("encodery.serve").joinpath("static").iterdir():
        suffix = "." + file.name.rpartition(".")[2]
        path = "/" if file.name == "index.html" else f"/static/{file.name}"
        assets[path] = Asset(file.read_bytes(), MEDIA_TYPES[suffix])
    return assets


def page_router() -> APIRouter:
    """Routes for `GET` and `HEAD` of the page and its files, which are not in the OpenAPI description."""
    return APIRouter(routes=[_route(path, asset) for path, asset in read_assets().items()])


def _route(path: str, asset: Asset) -> Route:
    async def endpoint(request: Request) -> Response:
        return asset.respond(request)

    return Route(path, endpoint, methods=["GET"], include_in_schema=False)


def _names(if_none_match: str, etag: str) -> bool:
    """Whether the header has this tag, compared weakly as RFC 9110 13.1.2 has it."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return bool(tags & {etag, "*"})
