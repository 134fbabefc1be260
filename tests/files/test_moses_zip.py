"""Aligned files in one zip."""

import gzip
import zipfile
from pathlib import Path
from typing import Any

import pytest

from encodery.errors import UserError
from encodery.files.moses_zip import read_moses_zip


def packed(path: Path, **members: Any) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def read(path: Path, languages: tuple[str, str] = ("en", "de")) -> list[tuple[str, str, str]]:
    pairs = read_moses_zip(path, languages)
    return [(place.rpartition("!")[2], source, target) for place, source, target in pairs]


def fails(path: Path, languages: tuple[str, str] = ("en", "de")) -> str:
    with pytest.raises(UserError) as error:
        read(path, languages)
    return str(error.value).replace(str(path), "a.zip")


TWO = {"Books.de-en.de": "Eins\nZwei\n", "Books.de-en.en": "One\nTwo\n"}


def test_both_directions_beside_other_files(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", README="x", LICENSE="y", **TWO, **{"Books.de-en.xml": "<x/>"})
    assert read(path) == [("Books.de-en.en:1", "One", "Eins"), ("Books.de-en.en:2", "Two", "Zwei")]
    assert read(path, ("de", "en"))[1] == ("Books.de-en.de:2", "Zwei", "Two")


def test_several_corpora_regions_and_compressed_members(tmp_path: Path) -> None:
    more = {"v8.x/Web.en-pt_br.en": "Sun\n", "v8.x/Web.en-pt_br.pt_br": "Sol\n"}
    path = packed(tmp_path / "a.zip", **TWO, **more)
    assert read(path, ("en", "pt")) == [("v8.x/Web.en-pt_br.en:1", "Sun", "Sol")]
    assert read(path, ("pt-BR", "EN")) == [("v8.x/Web.en-pt_br.pt_br:1", "Sol", "Sun")]
    again = {name.replace("Books", "Other"): text for name, text in TWO.items()}
    assert len(read(packed(tmp_path / "b.zip", **TWO, **again))) == 4


def test_archives_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    assert fails(packed(path, **TWO), ("en", "fr")) == (
        "a.zip: no files NAME.en-fr.en and NAME.en-fr.fr (or with the languages in the other order) are in it; it "
        "has Books.de-en.de, Books.de-en.en"
    )
    assert fails(packed(path, **{**TWO, "Books.de-en.de": "Eins\n"})).startswith(
        "a.zip!Books.de-en.en has 2 lines, a.zip!Books.de-en.de has 1: line by line they must be translations"
    )
    path.write_bytes(b"PK\3\4 and no more")
    assert fails(path).startswith("a.zip: broken archive (")
    whole = packed(path, **{**TWO, "Books.de-en.en": "One\nTwo\n" * 999}).read_bytes()
    path.write_bytes(whole.replace(whole[80:90], b"0123456789", 1))
    assert "broken archive" in fails(path)


def test_a_locked_archive(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", **TWO)
    data = bytearray(path.read_bytes())
    for mark, flag in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = data.find(mark)
        while place >= 0:
            data[place + flag] |= 1
            place = data.find(mark, place + 1)
    path.write_bytes(bytes(data))
    assert "it has a password or a rare compression; pack it again without" in fails(path)


def test_gzip_is_not_looked_for_in_a_name_that_does_not_say_it(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", **{**TWO, "Books.de-en.en": gzip.compress(b"One\nTwo\n")})
    assert "Books.de-en.en" in fails(path)
