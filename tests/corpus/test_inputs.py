"""Finding the files of a corpus, and saying what is wrong when there are none."""

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from encodery.corpus.inputs import CorpusInput, input_files, look_for_files
from encodery.errors import UserError

ALL = (
    "allowed: .txt, .jsonl, .ndjson, .csv, .tsv, .parquet, .warc, .wet, .arc, .html, .htm, .xhtml, "
    ".xml of Wikipedia, .json with an object a line (plain, .gz, .zst or .bz2) "
    "and archives of these (.zip, .tar, .tar.gz, .tar.zst)"
)
HINT = 'a file or a glob with format = "..." is read whatever its suffix'


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(base: Path, path: str, **options: Any) -> list[str]:
    return [str(Path(str(file)).relative_to(base)) for file in input_files([CorpusInput(path=path, **options)], base)]


def fails(base: Path, path: str, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        found(base, path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "a.txt", "b.txt")
    assert found(tmp_path, "b.txt") == ["b.txt"]
    assert found(tmp_path, str(tmp_path / "b.txt")) == ["b.txt"]


def test_a_folder_with_all_below_it_sorted(tmp_path: Path) -> None:
    names = ["d/b.txt", "d/a.jsonl.gz", "d/deep/er/c.csv.zst", "d/x.TSV", "d/y.parquet", "d/z.tar.gz", "d/z.zip"]
    touch(tmp_path, *names, "other.txt", "d/photo.png", "d/README.md", "d/.hidden.txt", "d/.git/x.txt")
    assert found(tmp_path, "d") == sorted(names)


def test_crawl_files_and_pages_by_their_names_and_first_bytes(tmp_path: Path) -> None:
    touch(tmp_path, "d/a.warc.gz", "d/b.warc.wet.gz", "d/c.WARC.lz4", "d/e.htm", "d/f.warc.wat.gz", "d/g.txt.lz4")
    (tmp_path / "d/wiki.xml").write_text('<mediawiki xml:lang="de">')
    (tmp_path / "d/other.xml").write_text("<tmx>")
    (tmp_path / "d/crawl").write_text("WARC/1.0\r\n")
    assert found(tmp_path, "d") == ["d/a.warc.gz", "d/b.warc.wet.gz", "d/c.WARC.lz4", "d/e.htm", "d/wiki.xml"]
    assert found(tmp_path, "d", format="warc") == ["d/a.warc.gz", "d/c.WARC.lz4"]
    assert found(tmp_path, "d", format="wikipedia") == ["d/wiki.xml"]
    assert found(tmp_path, "d/crawl") == ["d/crawl"]
    assert fails(tmp_path, "d/other.xml").startswith(
        f'{tmp_path}/d/other.xml: ".xml" is not a text format; allowed: '
    )


def test_globs(tmp_path: Path) -> None:
    touch(tmp_path, "d/a1.txt", "d/a2.txt", "d/b.txt", "d/deep/a3.txt", "d/a4.png")
    assert found(tmp_path, "d/a?.txt") == ["d/a1.txt", "d/a2.txt"]
    assert found(tmp_path, "d/**/a*") == ["d/a1.txt", "d/a2.txt", "d/deep/a3.txt"]
    assert found(tmp_path, "d/[b-z].*") == ["d/b.txt"]
    assert found(tmp_path / "d", "../d/b*") == ["../d/b.txt"]
    assert found(tmp_path, f"{tmp_path}/*/b.txt") == ["d/b.txt"]


def test_a_name_that_looks_like_a_glob_is_a_name_when_it_exists(tmp_path: Path) -> None:
    touch(tmp_path, "a[1].txt", "a1.txt")
    assert found(tmp_path, "a[1].txt") == ["a[1].txt"]


def test_the_base_is_never_taken_for_a_glob(tmp_path: Path) -> None:
    touch(tmp_path, "[x]/a.txt", "x/b.txt")
    assert found(tmp_path / "[x]", "*.txt") == ["a.txt"]


def test_several_inputs_name_a_file_once(tmp_path: Path) -> None:
    touch(tmp_path, "b.txt", "a.txt", "c/c.txt")
    inputs = [CorpusInput(path="c"), CorpusInput(path="*.txt"), CorpusInput(path="a.txt")]
    assert [path.name for path in input_files(inputs, tmp_path)] == ["a.txt", "b.txt", "c.txt"]


def test_a_format_reads_any_name_outright_and_limits_folders(tmp_path: Path) -> None:
    touch(tmp_path, "d/a.json", "d/b.jsonl", "d/c.txt", "d/e.zip")
    assert found(tmp_path, "d/a.json", format="jsonl") == ["d/a.json"]
    assert found(tmp_path, "d/*.js*", format="jsonl") == ["d/a.json", "d/b.jsonl"]
    assert found(tmp_path, "d", format="jsonl") == ["d/b.jsonl", "d/e.zip"]


def test_json_lines_and_crawl_files_under_other_names(tmp_path: Path) -> None:
    touch(tmp_path, "d/c.txt", "d/e.json")
    (tmp_path / "d/a.json.gz").write_bytes(gzip.compress(b'{"text": "' + b"x" * 99_991 + b'"}\n{"text": "y"}\n'))
    (tmp_path / "d/squad.json").write_text('{\n "data": {}\n}')
    (tmp_path / "d/one.json").write_text('{"data": {}}')
    (tmp_path / "d/b.warc.txt").write_text("WARC/1.0\r\n")
    assert found(tmp_path, "d") == ["d/a.json.gz", "d/b.warc.txt", "d/c.txt"]
    assert found(tmp_path, "d", format="jsonl") == ["d/a.json.gz"]
    assert found(tmp_path, "d", format="warc") == ["d/b.warc.txt"]
    _, others = look_for_files(CorpusInput(path="d"), tmp_path)
    assert [file.name for file in others] == ["e.json", "one.json", "squad.json"]


def test_ten_thousand_files(tmp_path: Path) -> None:
    for i in range(10_007):
        (tmp_path / f"{i:05}.txt").touch()
    assert len(found(tmp_path, ".")) == 10_007


@pytest.mark.parametrize("path", ["absent", "absent/a.txt", "a.txt/below", "x" * 300])
def test_a_missing_path(tmp_path: Path, path: str) -> None:
    touch(tmp_path, "a.txt")
    message = fails(tmp_path, path)
    if len(path) < 300:
        assert message == f"{tmp_path / path}: no such file or folder; check path = '{path}'"
    else:
        assert message == f"{tmp_path / path}: cannot be read (File name too long)"


def test_a_pattern_that_matches_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder.txt").mkdir()
    assert fails(tmp_path, "*.txt") == f"{tmp_path}/*.txt: no file matches the pattern; check path = '*.txt'"


def test_a_folder_of_images(tmp_path: Path) -> None:
    touch(tmp_path, *(f"d/{i}.JPG" for i in range(7)), "d/x/1.png", "d/x/2.png", "d/LICENSE")
    assert fails(tmp_path, "d") == (
        f"{tmp_path}/d: no readable file in it, found 7 .jpg, 2 .png, 1 no suffix; {ALL}; {HINT}"
    )
    assert fails(tmp_path, "d/*.JPG") == f"{tmp_path}/d/*.JPG: no readable file in it, found 7 .jpg; {ALL}; {HINT}"


def test_files_are_counted_by_what_lies_within_a_compression(tmp_path: Path) -> None:
    touch(tmp_path, *(f"d/{i}.json.gz" for i in range(3)), "d/a.gz", "d/b.123", "d/c.what is this")
    assert "found 3 .json.gz, 2 other, 1 .gz; " in fails(tmp_path, "d")


def test_many_kinds_of_unreadable_files_are_abridged(tmp_path: Path) -> None:
    touch(tmp_path, *(f"d/{name}" for name in ("a.a", "a.b", "a.c", "a.d", "a.e", "a.f")))
    assert "found 1 .a, 1 .b, 1 .c, 1 .d, 1 .e, ...; allowed" in fails(tmp_path, "d")


def test_an_empty_folder(tmp_path: Path) -> None:
    assert fails(tmp_path, ".") == f"{tmp_path}: there is no file in it; {ALL}"


def test_a_folder_without_the_format_asked_for(tmp_path: Path) -> None:
    touch(tmp_path, "d/a.txt")
    assert fails(tmp_path, "d", format="jsonl") == (
        f"{tmp_path}/d: no readable file in it, found 1 .txt; allowed: .jsonl, .ndjson, .json with an object a line "
        f"(plain, .gz, .zst or .bz2) and archives of these (.zip, .tar, .tar.gz, .tar.zst); {HINT}"
    )


@pytest.mark.parametrize(
    ("name", "suffix"), [("a.png", ".png"), ("a.bin.gz", ".bin"), ("a.gz", ".gz"), ("LOG", "LOG")]
)
def test_a_file_of_another_kind(tmp_path: Path, name: str, suffix: str) -> None:
    touch(tmp_path, name)
    assert fails(tmp_path, name) == (
        f'{tmp_path}/{name}: "{suffix}" is not a text format; {ALL}; if it holds text, set format = "txt"'
    )


def test_neither_file_nor_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert fails(tmp_path, "pipe.txt") == f"{tmp_path}/pipe.txt: neither a file nor a folder; name one of these"


def test_settings_are_checked() -> None:
    with pytest.raises(UserError, match=r"^recipe: unknown key 'encoding_error'; did you mean 'encoding_errors'\?$"):
        CorpusInput.parse({"path": "a", "encoding_error": "replace"}, "recipe")
    with pytest.raises(UserError, match=r"^recipe: format = 'xml': input should be 'auto', 'txt', 'jsonl'"):
        CorpusInput.parse({"path": "a", "format": "xml"}, "recipe")
    with pytest.raises(UserError, match=r"^recipe: path = '': string should have at least 1 character$"):
        CorpusInput.parse({"path": ""}, "recipe")


def test_a_language_is_said_once_and_written_only_if_said() -> None:
    with pytest.raises(UserError) as error:
        CorpusInput.parse({"path": "a", "language": "en", "language_field": "lang"}, "recipe")
    assert str(error.value) == "recipe: language = 'en' and language_field = 'lang': give one of the two"
    assert "language" not in " ".join(CorpusInput(path="a").model_dump())
    assert CorpusInput(path="a", language="en").model_dump()["language"] == "en"
