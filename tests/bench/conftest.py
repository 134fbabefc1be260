"""A workload on disk, smaller than the benchmark's."""

from pathlib import Path

import pytest

from encodery.bench.text import Text, write_workload


@pytest.fixture(scope="session")
def workload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workload")
    write_workload(Text.make(1513), folder)
    return folder
