"""Who may call: API keys, of which only hashes are kept, and nothing without one but health."""

import base64
import binascii
import hmac
import os
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from encodery.errors import UserError
from encodery.serve.exchange import exchange_of
from encodery.serve.problems import Problem

VARIABLE = "ENCODERY_API_KEYS"
HEALTH = frozenset({"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"})
_LINE = re.compile(r"([0-9a-fA-F]{64})(?:\s+\*?(\S{1,64}))?")
_LOCAL = re.compile(rb"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?", re.IGNORECASE)
_MIN_LENGTH = 16


class Keys:
    """The hashes of the keys that open the server, each with a name for the log.

    A key is compared with all of them, each in constant time: how long it takes says nothing about any of them.
    """

    def __init__(self, file: Path | None = None, environment: str = "") -> None:
        """`environment` is the keys themselves, separated by commas or spaces.

        Raises:
            UserError: the file cannot be read or a line of it is no hash; a key is too short to be a secret.
        """
        self.file = file
        self._given = {sha256(key.encode()).digest(): f"environment-{n}" for n, key in _listed(environment)}
        self._hashes = self._read()

    def __len__(self) -> int:
        return len(self._hashes)

    def reload(self) -> None:
        """Read the file again; raises as the constructor, and then keeps what there was."""
        self._hashes = self._read()

    def name_of(self, key: bytes) -> str | None:
        """The name of a key that is known."""
        given = sha256(key).digest()
        found = None
        for known, name in self._hashes.items():
            if hmac.compare_digest(known, given):
                found = name
        return found

    def _read(self) -> dict[bytes, str]:
        return self._given | (dict(read_hashes(self.file)) if self.file else {})


def read_hashes(file: Path) -> Iterable[tuple[bytes, str]]:
    """Hashes and names from lines `HASH  NAME`; blank lines and lines after # are passed over.

    Raises:
        UserError: it cannot be read, holds none, or a line is no hash.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: the file of API keys cannot be read ({error})") from None
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if (match := _LINE.fullmatch(line.strip())) is None:
            # the line may be the key itself: it is not repeated
            raise UserError(
                f"{file}:{number}: no SHA-256 (64 hexadecimal digits, then perhaps a name); "
                "printf %s KEY | sha256sum makes one of a key"
            )
        found.append((bytes.fromhex(match[1]), match[2] if match[2] not in (None, "-") else f"line-{number}"))
    if not found:
        raise UserError(f"{file}: no API key in it; a line for each: printf %s KEY | sha256sum")
    return found


def take_environment(environment: dict[str, str] | os._Environ[str]) -> str:
    """The keys in the environment, which then has them no more: no child of this process sees them."""
    return environment.pop(VARIABLE, "")


def _listed(environment: str) -> Iterable[tuple[int, str]]:
    for number, key in enumerate(re.split(r"[,\s]+", environment.strip(", \n")), start=1):
        if not key:
            continue
        if len(key) < _MIN_LENGTH:
            raise UserError(
                f"{VARIABLE}: key {number} has {len(key)} characters; at least {_MIN_LENGTH} are needed "
                "(openssl rand -hex 32 makes one)"
            )
        yield number, key


def presented_key(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The key of a request: a bearer token, or the password where a browser asked for one."""
    scheme, _, value = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return value.strip() or None
    if scheme.lower() == b"basic":
        try:
            return base64.b64decode(value.strip(), validate=True).partition(b":")[2] or None
        except binascii.Error:
            return None
    return None


class Guard:
    """Lets a request through to `app` if it may call."""

    def __init__(self, app: ASGIApp, keys: Keys, open_paths: Iterable[str] = (), any_host: bool = False) -> None:
        """`any_host`: without keys, whether the server may be called by another name than this machine's own.

        Where it may not, a page of another site whose name was made to mean 127.0.0.1 gets nothing.
        """
        self.app = app
        self.keys = keys
        self.open_paths = HEALTH | set(open_paths)
        self.open_under = tuple(path[:-1] for path in self.open_paths if path.endswith("/*"))
        self.any_host = any_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (problem := self._problem(scope)) is not None:
            exchange = exchange_of(scope)
            exchange.code = problem.code
            response = problem.response(exchange.request_id)
            if problem.code == "unauthorized" and b"text/html" in exchange.headers.get(b"accept", b""):
                # a person's browser asks for the key: as the password, of any user
                response.headers.append("www-authenticate", 'Basic realm="encodery", charset="UTF-8"')
            await response(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _problem(self, scope: Scope) -> Problem | None:
        path: str = scope["path"]
        if path in self.open_paths or path.startswith(self.open_under):
            return None
        exchange = exchange_of(scope)
        if not self.keys:
            if self.any_host or _LOCAL.fullmatch(exchange.headers.get(b"host", b"")):
                return None
            return Problem("forbidden", "the header Host does not name this machine", field="Host")
        key = presented_key(exchange.headers)
        name = None if key is None else self.keys.name_of(key)
        if name is None:
            said = "an API key is needed" if key is None else "the API key is not known"
            return Problem("unauthorized", said, field="Authorization")
        exchange.key = name
        return None
