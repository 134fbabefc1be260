"""The corpus that most tests of objectives read."""

from pathlib import Path

import pytest

from tests.data.synthetic import documents, stored


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "shards"
    stored(path, documents(101, 17))
    return path
