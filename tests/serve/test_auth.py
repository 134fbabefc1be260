"""Nothing without a key but health: every route there is, with every way to be wrong."""

import base64
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.routing import Route

from encodery.errors import UserError
from encodery.serve.app import create_app
from encodery.serve.auth import HEALTH, VARIABLE, Keys, presented_key, read_hashes, take_environment
from tests.serve.fakes import Reply, call, service_of

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
GUARDED = service_of(keys=KEY)


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every method of every path that the application answers, with names where the path has places for them."""
    found = set()
    for route in app.routes:
        assert isinstance(route, Route)
        found |= {(method, route.path.format(model="fill-mask", version="1")) for method in route.methods or ()}
    assert len(found) > 20
    yield from sorted(found)


ROUTES = [*routes_of(create_app(GUARDED)), ("GET", "/nothing"), ("OPTIONS", "/v1/fill-mask"), ("PUT", "/v1/models")]
CLOSED = [(method, path) for method, path in ROUTES if path not in HEALTH]


def test_the_walk_reaches_what_was_meant() -> None:
    paths = {path for _, path in ROUTES}
    assert {
        "/",
        "/docs",
        "/openapi.json",
        "/metrics",
        "/v1/embeddings",
        "/v2/models/fill-mask/infer",
        *HEALTH,
    } <= paths


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "an API key is needed"),
        ({"authorization": "Bearer " + KEY[:-1]}, "the API key is not known"),
        ({"authorization": "Bearer " + KEY + "0"}, "the API key is not known"),
        ({"authorization": "Bearer " + KEY.upper()}, "the API key is not known"),
        ({"authorization": "Bearer " + sha256(KEY.encode()).hexdigest()}, "the API key is not known"),
        ({"authorization": "Bearer"}, "an API key is needed"),
        ({"authorization": "Bearer \xff\xfe"}, "the API key is not known"),
        ({"authorization": KEY}, "an API key is needed"),
        ({"authorization": "Basic " + KEY}, "the API key is not known"),
        ({"authorization": "Basic ???"}, "an API key is needed"),
        ({"x-api-key": KEY}, "an API key is needed"),
        ({"cookie": f"key={KEY}"}, "an API key is needed"),
    ],
)
def test_every_route_is_closed(headers: dict[str, str], message: str) -> None:
    app = create_app(GUARDED)
    for method, path in CLOSED:
        reply = call(app, method, path, None, headers)
        assert reply.status == 401, (method, path)
        assert reply.json["code"] == "unauthorized"
        if "Basic" not in headers.get("authorization", ""):
            assert reply.json["message"] == message
        assert reply.headers["www-authenticate"] == 'Bearer realm="encodery"'


def test_a_key_in_the_url_is_not_read() -> None:
    app = create_app(GUARDED)
    for method, path in CLOSED:
        assert call(app, method, f"{path}?key={KEY}&access_token={KEY}").status == 401


def test_every_route_opens() -> None:
    app = create_app(GUARDED)
    basic = base64.b64encode(f"anyone:{KEY}".encode()).decode()
    for given in (f"Bearer {KEY}", f"bearer  {KEY} ", f"Basic {basic}"):
        for method, path in ROUTES:
            assert call(app, method, path, None, {"authorization": given}).status != 401, (method, path)


def test_health_is_open() -> None:
    for path in HEALTH:
        assert call(GUARDED, "GET", path).status == 200


def test_a_browser_is_asked_for_the_key() -> None:
    def challenges(accept: str) -> Reply:
        return call(GUARDED, "GET", "/docs", None, {"accept": accept})

    assert "Basic" in challenges("text/html,application/xhtml+xml").headers["www-authenticate"]
    assert "Basic" not in challenges("application/json").headers["www-authenticate"]


def test_paths_that_were_opened() -> None:
    service = service_of(keys=KEY, open_paths=("/metrics", "/v2/*"))
    assert call(service, "GET", "/metrics").status == 200
    assert call(service, "GET", "/v2/models/fill-mask").status == 200
    assert call(service, "GET", "/metrics/").status == 401
    assert call(service, "GET", "/v1/models").status == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8080", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:8080", 200),
        ("rebound.example.org", 403),
        ("localhost.example.org", 403),
        ("", 403),
    ],
)
def test_without_keys_only_this_machines_names(host: str, status: int) -> None:
    assert call(service_of(), "GET", "/v1/models", None, {"host": host}).status == status


def test_without_keys_and_told_so() -> None:
    service = service_of(no_keys=True, host="0.0.0.0")
    assert call(service, "GET", "/v1/models", None, {"host": "models.example.org"}).status == 200


def test_a_file_of_hashes(tmp_path: Path) -> None:
    """As `sha256sum` writes it."""
    file = tmp_path / "keys"
    made = subprocess.run(["sha256sum"], input=KEY.encode(), capture_output=True, check=True).stdout.decode()
    other = sha256(b"other").hexdigest().upper()
    file.write_text(f"# keys\n\n{made}{other}  search-team\n")
    keys = Keys(file, environment=f"{KEY}1, {KEY}2")
    assert len(keys) == 4
    assert keys.name_of(KEY.encode()) == "line-3"
    assert keys.name_of(b"other") == "search-team"
    assert keys.name_of(f"{KEY}2".encode()) == "environment-2"
    assert keys.name_of(b"") is None


def test_reading_again(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(sha256(b"old").hexdigest())
    keys = Keys(file)
    file.write_text(sha256(b"new").hexdigest())
    keys.reload()
    assert (keys.name_of(b"old"), keys.name_of(b"new")) == (None, "line-1")
    file.write_text("broken")
    with pytest.raises(UserError):
        keys.reload()
    assert keys.name_of(b"new") == "line-1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (KEY, "keys:1: no SHA-256 (64 hexadecimal digits, then perhaps a name); printf %s KEY | sha256sum makes one"),
        ("# nothing\n", "keys: no API key in it; a line for each: printf %s KEY | sha256sum"),
        (None, "keys: the file of API keys cannot be read"),
    ],
)
def test_files_that_are_none(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "keys"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError) as caught:
        [*read_hashes(file)]
    assert message in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_key_that_is_no_secret() -> None:
    with pytest.raises(UserError, match=rf"{VARIABLE}: key 2 has 6 characters; at least 16 are needed"):
        Keys(environment=f"{KEY} secret")


def test_the_environment_has_them_no_more() -> None:
    environment = {VARIABLE: KEY, "HOME": "/"}
    assert take_environment(environment) == KEY
    assert environment == {"HOME": "/"}
    assert take_environment(environment) == ""


def test_a_basic_password_without_colon() -> None:
    assert presented_key({b"authorization": b"Basic " + base64.b64encode(b"abc")}) is None


@pytest.mark.parametrize("origin", ["https://app.example.org", "https://evil.example.org"])
def test_cors_is_for_named_origins(origin: str) -> None:
    service = service_of(keys=KEY, origins=("https://app.example.org",))
    asking = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, content-type",
    }
    reply = call(service, "OPTIONS", "/v1/fill-mask", None, asking)
    named = origin.startswith("https://app")
    assert reply.status == (200 if named else 400)
    assert reply.headers.get("access-control-allow-origin") == (origin if named else None)
    assert "access-control-allow-credentials" not in reply.headers
    body = {"inputs": "a"}
    answered = call(service, "POST", "/v1/fill-mask", body, {"origin": origin, "authorization": f"Bearer {KEY}"})
    assert answered.headers.get("access-control-allow-origin") == (origin if named else None)


def test_cors_is_off() -> None:
    reply = call(service_of(keys=KEY), "GET", "/health/live", None, {"origin": "https://app.example.org"})
    assert "access-control-allow-origin" not in reply.headers
