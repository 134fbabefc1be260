"""Real data for tests that want it: absent, these tests are skipped with a reason."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder named by ENCODERY_DATA, or `../shared/data` beside the repository."""
    folder = Path(os.environ.get("ENCODERY_DATA") or Path(__file__).parents[3] / "../shared/data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set ENCODERY_DATA")
    return folder
