"""A server of models that compute nothing, as a process of its own: `python -m tests.serve.fake_server SETTINGS`."""

import json
import sys
from pathlib import Path

from encodery.serve.running import run_server
from encodery.serve.settings import Settings
from tests.serve.fakes import FakeModel

if __name__ == "__main__":
    settings = Settings.parse(json.loads(sys.argv[1]), "the test")
    run_server({"m": Path("m")}, settings, lambda name, *_: FakeModel(name, "fill-mask", seconds=0.02))
