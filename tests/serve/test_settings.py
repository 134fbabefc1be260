"""Doors that are shut unless they are opened."""

from typing import Any

import pytest

from encodery.errors import UserError
from encodery.serve.settings import Settings


@pytest.mark.parametrize(
    ("host", "is_local"),
    [("127.0.0.1", True), ("127.8.9.10", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("10.0.0.7", False), ("localhost.example.org", False)],
)  # fmt: skip
def test_without_keys_only_this_machine(host: str, is_local: bool) -> None:
    settings = Settings(host=host)
    assert settings.is_local == is_local
    settings.check_doors(has_keys=True)
    Settings(host=host, no_keys=True).check_doors(has_keys=False)
    if is_local:
        settings.check_doors(has_keys=False)
        return
    with pytest.raises(UserError) as caught:
        settings.check_doors(has_keys=False)
    assert str(caught.value) == (
        f"serve: without an API key only this machine may call, and {host} lets others in; give --keys FILE or "
        "ENCODERY_API_KEYS, or say --no-keys"
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_input": 3}, "serve: unknown key 'max_input'; did you mean 'max_inputs'?"),
        ({"port": 70000}, "serve: port = 70000: "),
        ({"origins": ["*"]}, "serve: origins: '*' is not allowed; name each, as in https://app.example.org"),
        ({"open_paths": ["metrics"]}, "serve: open_paths: 'metrics' is no path; it begins with /"),
        ({"certificate": "a.pem"}, "serve: certificate and private_key are given together or not at all"),
        ({"worker": {"thread": 2}}, "serve: unknown key 'worker.thread'; did you mean 'threads'?"),
    ],
)
def test_what_cannot_be_set(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        Settings.parse(values, "serve")
    assert str(caught.value).startswith(message)
