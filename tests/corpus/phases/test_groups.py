"""Which files make a task."""

from pathlib import Path

import pytest

from encodery.corpus.inputs import CorpusInput
from encodery.corpus.phases.groups import groups_of, sources_of


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for name, size in (("a.txt", 3), ("b.txt", 4), ("c.txt", 11), ("d.txt", 1), ("e.txt", 1)):
        (tmp_path / name).write_text("x" * size)
    return tmp_path


def test_neighbours_share_a_task_until_it_is_full(base: Path) -> None:
    sources = sources_of([CorpusInput(path="*.txt")], base)
    names = [[file.name for file, _ in group] for group in groups_of(sources, 7)]
    assert names == [["a.txt", "b.txt"], ["c.txt"], ["d.txt", "e.txt"]]


def test_a_file_belongs_to_the_first_input_that_names_it(base: Path) -> None:
    inputs = [CorpusInput(path="c.txt", language="de"), CorpusInput(path="*.txt", language="en")]
    assert [(file.name[0], entry.language) for file, entry in sources_of(inputs, base)] == [
        ("c", "de"), ("a", "en"), ("b", "en"), ("d", "en"), ("e", "en")
    ]  # fmt: skip


def test_a_path_is_named_without_detours(base: Path) -> None:
    (base / "sub").mkdir()
    (((file, _)),) = sources_of([CorpusInput(path="../a.txt")], base / "sub")
    assert file == base / "a.txt"
