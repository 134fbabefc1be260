"""The playground's files: what is served, under which headers, and that nothing else is."""

import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import PurePosixPath

import pytest
from starlette.testclient import TestClient

from encodery.serve.page import CONTENT_SECURITY_POLICY, read_assets
from tests.serve.page_app import KEY, make_app

STATIC = {file.name: file.read_bytes() for file in files("encodery.serve").joinpath("static").iterdir()}
SCRIPTS = sorted(name for name in STATIC if name.endswith(".js"))
PATHS = sorted(read_assets())
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
LIMIT = 150_000


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(make_app(), base_url="http://localhost")


def name_of(path: str) -> str:
    return path.removeprefix("/static/") if path != "/" else "index.html"


def test_every_file_is_served_and_all_are_small() -> None:
    assert {name_of(path) for path in PATHS} == set(STATIC)
    assert sum(map(len, STATIC.values())) < LIMIT


@pytest.mark.parametrize("path", PATHS)
def test_a_file_is_as_it_is_on_disk(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.content == STATIC[name_of(path)]
    assert answer.headers["Content-Type"] == KINDS[PurePosixPath(name_of(path)).suffix]


@pytest.mark.parametrize("path", PATHS)
def test_a_file_comes_with_its_policy(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers.get_list("Content-Security-Policy") == [CONTENT_SECURITY_POLICY]
    assert headers.get_list("Cache-Control") == ["no-cache"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    rules = dict(rule.split(" ", 1) for rule in CONTENT_SECURITY_POLICY.split("; "))
    assert rules["default-src"] == "'none'"
    assert {rules[f"{kind}-src"] for kind in ("script", "style", "img", "connect")} == {"'self'"}
    assert {rules[name] for name in ("base-uri", "form-action", "frame-ancestors", "trusted-types")} == {"'none'"}
    assert rules["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in CONTENT_SECURITY_POLICY


@pytest.mark.parametrize("form", ["{}", "W/{}", '"another", {}', '"a" , W/{} ,"b"', "*"])
def test_what_the_browser_has_is_not_sent_again(client: TestClient, form: str) -> None:
    first = client.get("/")
    again = client.get("/", headers={"If-None-Match": form.format(first.headers["ETag"])})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("ETag", "Cache-Control", "Content-Security-Policy"):
        assert again.headers[name] == first.headers[name]


def test_another_version_is_sent(client: TestClient) -> None:
    tags = {client.get(path).headers["ETag"] for path in PATHS}
    assert len(tags) == len(PATHS)
    assert client.get("/", headers={"If-None-Match": '"another", ' + 'W/"third"'}).status_code == 200


def test_the_head_alone_can_be_asked_for(client: TestClient) -> None:
    head = client.head("/static/playground.js")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(STATIC["playground.js"])


@pytest.mark.parametrize("path", ["/", "/static/playground.css"])
def test_nothing_can_be_sent_to_the_page(client: TestClient, path: str) -> None:
    answer = client.post(path, json={})
    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "path",
    [
        "/static", "/static/", "/static/index.html", "/index.html", "/static/../page.py", "/static/%2e%2e/page.py",
        "/static/..%2fpage.py", "/static//etc/passwd", "/static/%2fetc%2fpasswd", "/static/playground.js/..",
        "/static/playground.js%00", "/static/PLAYGROUND.JS", "/static/..\\page.py", "/page.py", "//static/icon.svg",
    ],
)  # fmt: skip
def test_no_other_path_is_served(client: TestClient, path: str) -> None:
    answer = client.get(f"http://localhost{path}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_the_page_asks_for_a_key_unless_it_is_opened() -> None:
    keys = TestClient(make_app(keys=KEY), base_url="http://localhost")
    denied = keys.get("/", headers={"Accept": "text/html"})
    assert denied.status_code == 401
    assert any(value.startswith("Basic ") for value in denied.headers.get_list("WWW-Authenticate"))
    assert keys.get("/", auth=("anyone", KEY)).content == STATIC["index.html"]
    opened = TestClient(make_app(keys=KEY, open_paths=("/", "/static/*")), base_url="http://localhost")
    assert all(opened.get(path).status_code == 200 for path in PATHS)
    assert opened.get("/v1/models").status_code == 401


def test_the_page_is_not_part_of_the_api(client: TestClient) -> None:
    assert not {"/", *PATHS} & client.get("/openapi.json").json()["paths"].keys()


def test_the_mask_token_is_told(client: TestClient) -> None:
    told = {model["id"]: model["mask_token"] for model in client.get("/v1/models").json()["data"]}
    assert told["masked"] == "<mask>"
    assert told["reviews"] is None


class Tags(HTMLParser):
    """All tags of a page with their attributes, and the text of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_has_nothing_inline() -> None:
    tags = Tags(STATIC["index.html"].decode()).found
    assert len(tags) > 30
    for tag, attributes in tags:
        assert tag != "style"
        assert tag != "script" or attributes["src"]
        assert not [name for name in attributes if name == "style" or name.startswith("on")]


def test_every_reference_is_to_a_file_of_the_page() -> None:
    tags = Tags(STATIC["index.html"].decode()).found
    references = [str(attributes.get(key)) for _, attributes in tags for key in ("src", "href") if key in attributes]
    assert sorted(reference for reference in references if not reference.startswith("#")) == sorted(
        ["static/icon.svg", "static/icon.svg", "static/playground.css", "static/playground.js", "docs"]
    )
    imports = {name: re.findall(r'from "\./([^"]+)"', STATIC[name].decode()) for name in SCRIPTS}
    assert {file for found in imports.values() for file in found} | {"playground.js"} == set(SCRIPTS)


def test_each_label_is_for_a_field_that_is_there() -> None:
    tags = Tags(STATIC["index.html"].decode()).found
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in tags:
        for key in ("for", "aria-labelledby", "aria-describedby", "aria-controls"):
            assert attributes.get(key) in (None, *ids)


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_makes_markup_or_code_of_text(name: str) -> None:
    sinks = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|javascript:"
    stores = r"localStorage|sessionStorage|indexedDB|document\.cookie"
    assert not re.search(rf"{sinks}|{stores}|https?://", STATIC[name].decode())
