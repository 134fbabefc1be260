"""Which files make a task."""

from pathlib import Path

import pytest

from encodery.corpus.inputs import CorpusInput
from encodery.corpus.phases.groups import found_sources, groups_of, sources_of


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for name, size in (("a.txt", 3), ("b.txt", 4), ("c.txt", 11), ("d.txt", 1), ("e.txt", 1)):
        (tmp_path / name).write_text("x" * size)
    return tmp_path


def test_neighbours_share_a_task_until_it_is_full(base: Path) -> None:
    sources = sources_of([CorpusInput(path="*.txt")], base)
    names = [[source.file.name for source in group] for group in groups_of(sources, 7)]
    assert names == [["a.txt", "b.txt"], ["c.txt"], ["d.txt", "e.txt"]]


def test_a_file_belongs_to_the_first_input_that_names_it(base: Path) -> None:
    inputs = [CorpusInput(path="c.txt", language="de"), CorpusInput(path="*.txt", language="en")]
    assert [(source.name[0], source.entry.language) for source in sources_of(inputs, base)] == [
        ("c", "de"), ("a", "en"), ("b", "en"), ("d", "en"), ("e", "en")
    ]  # fmt: skip


def test_what_no_input_reads_is_told_once(base: Path) -> None:
    for name in ("photo.png", "LICENSE", "odd.bin"):
        (base / name).write_text("x")
    inputs = [CorpusInput(path="."), CorpusInput(path="*.*"), CorpusInput(path="odd.bin", format="txt")]
    sources, others = found_sources(inputs, base)
    assert len(sources) == 6
    assert [Path(str(file)).name for file in others] == ["LICENSE", "photo.png"]


def test_a_path_is_named_without_detours(base: Path) -> None:
    (base / "sub").mkdir()
    (source,) = sources_of([CorpusInput(path="../a.txt")], base / "sub")
    assert source.file == base / "a.txt"


def test_documents_come_from_what_the_recipe_names(base: Path) -> None:
    (base / "sub").mkdir()
    (base / "sub" / "f.txt").write_text("x")
    (base / "link").symlink_to(base / "sub")
    inputs = [
        CorpusInput(path=path)
        for path in ("./link/*.txt", str(base / "e.txt"), "sub", f"../{base.name}/d.txt", "**/*.txt")
    ]
    named = [(source.name, source.file) for source in sources_of(inputs, base)]
    assert named == [
        ("link/f.txt", base / "sub" / "f.txt"),
        (f"{base}/e.txt", base / "e.txt"),
        (f"../{base.name}/d.txt", base / "d.txt"),
        *((name, base / name) for name in ("a.txt", "b.txt", "c.txt")),
    ]


def test_a_file_of_a_store_is_named_by_its_address(base: Path) -> None:
    system = pytest.importorskip("fsspec").filesystem("memory")
    system.pipe({"/named/a.txt": b"x"})
    try:
        (source,) = sources_of([CorpusInput(path="memory://named/*.txt")], base)
        assert source.name == "memory://named/a.txt"
    finally:
        system.rm("/named", recursive=True)
