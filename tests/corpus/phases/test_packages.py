"""Which packages make the documents."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from encodery.corpus.launch import finished_tasks
from encodery.corpus.phases import packages
from encodery.errors import UserError
from tests.corpus.phases.conftest import HERE, Crawl


def edited(folder: Path, **changes: str | None) -> None:
    """The packages that a folder was begun with, changed."""
    path = folder / "packages.json"
    found: dict[str, Any] = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({name: value for name, value in found.items() if value is not None}))


def test_a_run_is_continued_with_the_packages_that_it_was_begun_with(crawl: Crawl, tmp_path: Path) -> None:
    next(iter(finished_tasks(next(crawl.cleaning(tmp_path).phases()), HERE)))
    begun = json.loads((tmp_path / "packages.json").read_text())
    assert begun["numpy"] == version("numpy")
    assert {"encodery", "xxhash", "resiliparse"} <= begun.keys()
    edited(tmp_path, numpy="1.2.3")
    with pytest.raises(UserError) as refused:
        crawl.run(tmp_path)
    others = f"numpy 1.2.3, here {version('numpy')}"
    assert str(refused.value) == (
        f"{tmp_path}: it was begun with other packages ({others}), and the corpus would be a mixture; "
        "install those again, or remove this folder to begin anew"
    )
    edited(tmp_path, numpy=begun["numpy"], trafilatura="1.0" if "trafilatura" not in begun else None, xxhash=None)
    assert crawl.run(tmp_path)["write"] == 1, "what only one of them has may be needed by none"


def test_a_worker_with_other_packages_does_nothing(
    crawl: Crawl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = next(crawl.cleaning(tmp_path).phases())
    other = {**packages.versions(), "ftfy": "9.9"}
    monkeypatch.setattr(packages, "versions", lambda: other)
    says = r"says: a worker has other packages than the run was begun with \(ftfy \S+, here 9\.9\);"
    with pytest.raises(UserError, match=f"extract: 4 of 4 tasks failed .* {says}"):
        list(finished_tasks(phase, HERE))
    assert not list(tmp_path.glob("extract/*"))
