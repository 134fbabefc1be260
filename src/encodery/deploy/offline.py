"""The tools that trace and quantise tell their makers of every use, over the network; here they do not."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_SILENCED = {"CI": "true", "NNCF_CI": "1"}
"""Where these are set, OpenVINO and NNCF send nothing."""


@contextmanager
def no_telemetry() -> Iterator[None]:
    """Import and use OpenVINO's converter and NNCF within this; what they decide first holds for the process."""
    before = {name: os.environ.get(name) for name in _SILENCED}
    os.environ.update(_SILENCED)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
