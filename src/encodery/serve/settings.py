"""What an operator may set of the server; every limit has a default that a small machine bears."""

import ipaddress
from pathlib import Path

from pydantic import Field, model_validator

from encodery.config import Config
from encodery.errors import UserError
from encodery.serve.job import WorkerSettings


class Settings(Config):
    """The server's limits, times and doors. All bounds are of one request, all times are seconds."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    """0 takes any that is free."""
    keys: Path | None = None
    """A file of the SHA-256 of API keys, one a line, as `sha256sum` prints them."""
    no_keys: bool = False
    """Whether others than this machine may call without a key."""
    open_paths: tuple[str, ...] = ()
    """Paths that need no key, besides those of health: `/metrics` for a scraper, say; `/static/*` is all below it."""
    origins: tuple[str, ...] = ()
    """Origins whose pages may call, exactly as browsers send them; CORS is off without one."""
    certificate: Path | None = None
    private_key: Path | None = None

    max_body_bytes: int = Field(default=4 * 2**20, ge=1)
    """Also once decompressed."""
    max_header_bytes: int = Field(default=32 * 2**10, ge=256)
    max_depth: int = Field(default=16, ge=3, le=512)
    """Lists and objects in each other."""
    max_containers: int = Field(default=100_000, ge=1)
    """Lists and objects in a body: each costs far more than its bytes."""
    max_inputs: int = Field(default=2048, ge=1)
    max_characters: int = Field(default=200_000, ge=1)
    """Of one text."""
    max_connections: int = Field(default=16_384, ge=1)

    receive_seconds: float = Field(default=10.0, gt=0)
    """In which a request must have come whole, from its first byte, and a connection must have its first request."""
    send_seconds: float = Field(default=20.0, gt=0)
    """In which a client must have taken of its answer what the system's buffers do not hold."""
    keep_alive_seconds: int = Field(default=30, ge=1)
    """Before an idle connection is closed."""
    answer_seconds: float = Field(default=60.0, gt=0)
    """The longest that anyone waits for an answer; callers may wish for less."""
    notice_seconds: float = Field(default=1.0, ge=0)
    """Between "not ready" and the end of accepting, so that a load balancer sees it."""
    drain_seconds: float = Field(default=30.0, gt=0)
    """In which what was accepted is answered, when told to stop."""

    log_requests: bool = True
    worker: WorkerSettings = WorkerSettings()
    """Of each model."""

    @model_validator(mode="after")
    def _is_consistent(self) -> "Settings":
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and private_key are given together or not at all")
        if wrong := [path for path in self.open_paths if not path.startswith("/")]:
            raise ValueError(f"open_paths: {wrong[0]!r} is no path; it begins with /")
        if "*" in self.origins:
            raise ValueError("origins: '*' is not allowed; name each, as in https://app.example.org")
        return self

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def check_doors(self, has_keys: bool) -> None:
        """Refuse a server without keys that others can reach.

        Raises:
            UserError: that is what was asked for.
        """
        if not (has_keys or self.is_local or self.no_keys):
            raise UserError(
                f"serve: without an API key only this machine may call, and {self.host} lets others in; "
                "give --keys FILE or ENCODERY_API_KEYS, or say --no-keys"
            )
