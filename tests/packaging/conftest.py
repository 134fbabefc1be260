"""Files that start the server elsewhere: what they say must be what the server knows."""

from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from encodery.cli import app
from encodery.serve.settings import Settings

PACKAGING = Path(__file__).parents[2] / "packaging"


def parse_serve(arguments: list[str]) -> dict[str, Any]:
    """The arguments of `encodery serve` as the command line reads them; a flag that it does not have is an error."""
    verb, *rest = arguments
    assert verb == "serve"
    command = get_command(app).commands["serve"]  # type: ignore[attr-defined]
    parsed: dict[str, Any] = command.make_context("serve", rest).params
    return parsed


@pytest.fixture
def stop_seconds() -> float:
    """The longest that the server takes to stop when it is told to."""
    settings = Settings()
    return settings.notice_seconds + settings.drain_seconds
