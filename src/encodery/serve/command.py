"""What the command line calls to serve: settings and folders to a running server."""

from collections.abc import Mapping, Sequence
from typing import Any

from encodery.config import apply_override
from encodery.errors import UserError


def serve_folders(models: Sequence[str], values: Mapping[str, Any], overrides: Sequence[str]) -> None:
    """Serve model folders until told to stop; `values` are settings, `overrides` more of them as `key=value`.

    Raises:
        UserError: a setting, a folder, a key or the address is wrong; the extra `serve` is not installed.
    """
    try:
        from encodery.serve.running import read_names, run_server
        from encodery.serve.settings import Settings
    except ModuleNotFoundError as error:
        raise UserError(
            f"serve needs {error.name}, which is not installed; next: pip install 'encodery[serve]'"
        ) from None
    read = dict(values)
    for override in overrides:
        apply_override(read, override)
    settings = Settings.parse(read, "serve")
    run_server(read_names(models), settings)
