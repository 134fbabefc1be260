"""Two aligned files by one name."""

import gzip
import zipfile
from pathlib import Path

import pytest

from encodery.data.aligned import is_aligned, paths_of, read_sides
from encodery.data.examples import read_records
from encodery.errors import UserError


def pairs(folder: Path) -> Path:
    (folder / "train.en.txt").write_text("A dog. \nTwo cats.\n", encoding="utf-8")
    (folder / "train.de.txt").write_text("Ein Hund.\nZwei Katzen.\n", encoding="utf-8")
    return folder / "train.{en,de}.txt"


def test_a_name_with_two_languages_stands_for_two_files(tmp_path: Path) -> None:
    path = pairs(tmp_path)
    assert is_aligned(path)
    assert paths_of(path) == [tmp_path / "train.en.txt", tmp_path / "train.de.txt"]


@pytest.mark.parametrize("name", ["train.txt", "a{b}.txt", "a{b,c,d}.txt", "a{b,c}{d,e}", "{,a}", "{a,}", "a,b"])
def test_other_names_stand_for_themselves(name: str) -> None:
    assert not is_aligned(Path(name))
    assert paths_of(Path(name)) == [Path(name)]


def test_a_file_of_just_that_name_is_that_file(tmp_path: Path) -> None:
    path = pairs(tmp_path)
    path.write_text("{}", encoding="utf-8")
    assert paths_of(path) == [path]


def test_the_lines_are_records_of_the_task(tmp_path: Path) -> None:
    path = pairs(tmp_path)
    first = {"text": "A dog.", "translation": "Ein Hund.", "source_language": "en", "target_language": "de"}
    assert next(read_sides(path)) == (f"{tmp_path}/train.en.txt:1", first)
    assert [*read_records(path)] == [*read_sides(path)]


def test_the_other_way_round(tmp_path: Path) -> None:
    pairs(tmp_path)
    _, second = [*read_sides(tmp_path / "train.{de,en}.txt")]
    record = {"text": "Zwei Katzen.", "translation": "Two cats.", "source_language": "de", "target_language": "en"}
    assert second == (f"{tmp_path}/train.de.txt:2", record)


def test_empty_files_are_refused(tmp_path: Path) -> None:
    for language in ("en", "de"):
        (tmp_path / language).write_text("")
    with pytest.raises(UserError, match=r"\{en,de\}: the files hold no line; add pairs of sentences"):
        [*read_sides(tmp_path / "{en,de}")]


MEMORY = """<tmx version="1.4"><body>
<tu><tuv xml:lang="de-AT"><seg>Ein Hund.</seg></tuv><tuv xml:lang="en"><seg>A dog.</seg></tuv></tu>
<tu><tuv xml:lang="en"><seg>Alone.</seg></tuv></tu></body></tmx>"""


def test_two_languages_of_a_translation_memory(tmp_path: Path) -> None:
    (tmp_path / "memory.tmx.gz").write_bytes(gzip.compress(MEMORY.encode()))
    path = tmp_path / "memory.tmx.gz{en,de}"
    assert is_aligned(path)
    assert paths_of(path) == [tmp_path / "memory.tmx.gz"]
    record = {"text": "A dog.", "translation": "Ein Hund.", "source_language": "en", "target_language": "de"}
    assert [*read_records(path)] == [(f"{tmp_path}/memory.tmx.gz:2", record)]
    with pytest.raises(UserError, match="no text is in the language 'fr'; the file has de-AT, en"):
        [*read_records(tmp_path / "memory.tmx.gz{en,fr}")]


def test_the_two_files_of_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "de-en.txt.zip", "w") as archive:
        archive.writestr("Books.de-en.de", "Ein Hund.\n")
        archive.writestr("Books.de-en.en", "A dog.\n")
    path = tmp_path / "de-en.txt.zip{de,en}"
    assert paths_of(path) == [tmp_path / "de-en.txt.zip"]
    ((place, record),) = read_records(path)
    assert place == f"{tmp_path}/de-en.txt.zip!Books.de-en.de:1"
    assert (record["text"], record["translation"]) == ("Ein Hund.", "A dog.")
