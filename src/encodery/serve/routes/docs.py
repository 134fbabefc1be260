"""`/openapi.json`, and `/docs`: the same for reading, a page without scripts and without anything from elsewhere."""

import base64
import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI, Request, Response

from encodery.serve.routes.description import PlainRoute

_STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; } code, pre { font-family: ui-monospace, monospace; font-size: 0.9em; }
pre { padding: 0.75rem; overflow-x: auto; border: 1px solid #8888; border-radius: 4px; }
summary { cursor: pointer; padding: 0.25rem 0; } details > * { margin-left: 1rem; }
table { border-collapse: collapse; } td, th { text-align: left; vertical-align: top; padding: 0.2rem 1rem 0.2rem 0; }
"""
_HASH = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def docs_routes(app: FastAPI) -> APIRouter:
    """Both; they need a key as all others, and are not themselves described."""
    router = APIRouter(route_class=PlainRoute)

    async def description(request: Request) -> Response:
        return Response(orjson.dumps(app.openapi()), media_type="application/json")

    async def docs(request: Request) -> Response:
        page = "".join(_page(app.openapi()))
        return Response(page, headers={"content-security-policy": POLICY}, media_type="text/html; charset=utf-8")

    router.add_api_route("/openapi.json", description, methods=["GET"], include_in_schema=False)
    router.add_api_route("/docs", docs, methods=["GET"], include_in_schema=False)
    return router


def _page(api: Mapping[str, Any]) -> Iterator[str]:
    title = f"{api['info']['title']} {api['info']['version']}"
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
    yield f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style><h1>{escape(title)}</h1>'
    for paragraph in api["info"]["description"].split("\n\n"):
        yield f"<p>{_marked(paragraph)}</p>"
    yield '<p>For programs: <a href="openapi.json">openapi.json</a></p>'
    tag = None
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            if operation["tags"] != tag:
                tag = operation["tags"]
                yield f"<h2>{escape(', '.join(tag))}</h2>"
            yield from _operation(path, method.upper(), operation)
    yield "</html>"


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<details><summary><code>{method} {escape(path)}</code> {escape(operation['summary'])}</summary>"
    if parameters := operation.get("parameters"):
        yield "<h3>Parameters</h3><table>"
        for parameter in parameters:
            where = f"{parameter['in']}{', required' if parameter.get('required') else ''}"
            text = parameter.get("description", "")
            yield f"<tr><td><code>{escape(parameter['name'])}</code><td>{where}<td>{escape(text)}"
        yield "</table>"
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        example = json.dumps(schema["example"], ensure_ascii=False)
        yield f"<h3>Body</h3><pre>{escape(_curl(path, example))}</pre>{_schema(schema)}"
    yield "<h3>Answers</h3><table>"
    for status, response in operation["responses"].items():
        yield f"<tr><th>{escape(str(status))}<td>{_marked(response['description'])}"
    yield "</table>"
    answer = operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema")
    yield (_schema(answer) if answer else "") + "</details>"


def _curl(path: str, example: str) -> str:
    return (
        f"curl -H 'Authorization: Bearer KEY' -H 'Content-Type: application/json' \\\n  -d '{example}' \\\n"
        f"  http://localhost:8080{path}"
    )


def _schema(schema: Mapping[str, Any]) -> str:
    return f"<details><summary>JSON schema</summary><pre>{escape(json.dumps(schema, indent=2))}</pre></details>"


def _marked(text: str) -> str:
    """A paragraph with what stands between backticks as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))
