"""Aligned sentences from files of lines and of records, and what is said about files that do not fit."""

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.parallel import ParallelInput, SentencePair, parallel_files, read_pairs
from encodery.errors import UserError

EN, DE = ["A dog runs.", "Two cats sleep.", "Rain."], ["Ein Hund läuft.", "Zwei Katzen schlafen.", "Regen."]
LINES = {"source": {"path": "a.en", "language": "en"}, "target": {"path": "a.de", "language": "de"}}
FIELDS = {"source": {"field": "en", "language": "en"}, "target": {"field": "de", "language": "de"}}


def read(base: Path, **values: Any) -> list[SentencePair]:
    return list(read_pairs([ParallelInput.parse(values, "test")], base))


def fails(base: Path, **values: Any) -> str:
    with pytest.raises(UserError) as error:
        read(base, **values)
    assert "\n" not in str(error.value)
    return str(error.value).replace(f"{base}/", "")


def write(base: Path, name: str, lines: list[str]) -> None:
    (base / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def texts(found: list[SentencePair]) -> list[tuple[str, str]]:
    return [(pair.source, pair.target) for pair in found]


def test_two_files_of_lines(tmp_path: Path) -> None:
    write(tmp_path, "a.en", EN)
    write(tmp_path, "a.de", DE)
    found = read(tmp_path, **LINES)
    assert texts(found) == list(zip(EN, DE, strict=True))
    assert {pair.languages for pair in found} == {("en", "de")}
    assert [pair.place for pair in found] == [f"{tmp_path / 'a.en'}:{number}" for number in (1, 2, 3)]


def test_compressed_files_with_other_line_ends(tmp_path: Path) -> None:
    (tmp_path / "a.en.gz").write_bytes(gzip.compress("\r\n".join(EN).encode()))
    write(tmp_path, "a.de", DE)
    found = read(tmp_path, source={"path": "a.en.gz"}, target={"path": "a.de"})
    assert texts(found) == list(zip(EN, DE, strict=True))
    assert found[0].languages == (None, None)


def test_one_file_of_records(tmp_path: Path) -> None:
    records = [{"en": source, "de": target, "id": 1} for source, target in zip(EN, DE, strict=True)]
    write(tmp_path, "a.jsonl", [json.dumps(record) for record in records])
    write(tmp_path, "a.tsv", ["id\tde\ten", *(f"1\t{record['de']}\t{record['en']}" for record in records)])
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.tsv", "a.parquet"):
        assert texts(read(tmp_path, path=name, **FIELDS)) == list(zip(EN, DE, strict=True)), name


def test_dots_lead_into_tables(tmp_path: Path) -> None:
    """As `datasets` writes translations."""
    records = [{"translation": {"en": source, "de": target}} for source, target in zip(EN, DE, strict=True)]
    (tmp_path / "a.json.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, records)).encode()))
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    sides = {"source": {"field": "translation.en"}, "target": {"field": "translation.de"}}
    assert texts(read(tmp_path, path="a.json.gz", format="jsonl", **sides)) == list(zip(EN, DE, strict=True))
    assert texts(read(tmp_path, path="a.parquet", **sides)) == list(zip(EN, DE, strict=True))


def test_a_name_with_a_dot_is_a_field_first(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", [json.dumps({"t.en": "A", "t": {"en": "B"}, "de": "C"})])
    assert texts(read(tmp_path, path="a.jsonl", source={"field": "t.en"}, target={"field": "de"})) == [("A", "C")]


def test_empty_sides_are_given_on_for_counting(tmp_path: Path) -> None:
    write(tmp_path, "a.en", ["A dog.", "", " \t", "Rain."])
    write(tmp_path, "a.de", ["Ein Hund.", "Leer", "Leer", ""])
    assert texts(read(tmp_path, **LINES)) == [("A dog.", "Ein Hund."), ("", "Leer"), ("", "Leer"), ("Rain.", "")]
    write(tmp_path, "a.jsonl", [json.dumps({"en": None, "de": "Leer"})])
    assert texts(read(tmp_path, path="a.jsonl", **FIELDS)) == [("", "Leer")]


@given(st.integers(0, 5), st.integers(0, 5))
def test_files_of_different_length(tmp_path_factory: pytest.TempPathFactory, first: int, second: int) -> None:
    folder = tmp_path_factory.mktemp("files")
    write(folder, "a.en", EN[:1] * first)
    write(folder, "a.de", DE[:1] * second)
    if first == second:
        assert len(read(folder, **LINES)) == first
        return
    assert fails(folder, **LINES) == (
        f"a.en has {first} lines, a.de has {second}: line by line they must be translations of each other; align "
        "them again, with an empty line where a side has nothing"
    )


def test_files_are_listed_once(tmp_path: Path) -> None:
    inputs = [ParallelInput.parse(values, "test") for values in (LINES, LINES, {"path": "a.tsv", **FIELDS})]
    assert parallel_files(inputs, tmp_path) == [tmp_path / name for name in ("a.de", "a.en", "a.tsv")]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    write(tmp_path, "a.en", EN)
    assert fails(tmp_path, **LINES) == "a.de: no such file"
    (tmp_path / "a.de").write_bytes(b"Ein Hund.\nZwei K\xe4tzchen.\n")
    assert fails(tmp_path, **LINES) == (
        'a.de:2: invalid UTF-8 at byte 16: e4; set encoding_errors = "replace" or convert the file to UTF-8'
    )
    assert (
        len(read(tmp_path, **{**LINES, "encoding_errors": "replace", "target": {"path": "a.en", "language": "x"}}))
        == 3
    )
    write(tmp_path, "a.jsonl", ['{"en": "A"}'])
    assert fails(tmp_path, path="a.jsonl", **FIELDS) == (
        "a.jsonl:1: no field 'de'; it has: en; set source.field and target.field"
    )
    write(tmp_path, "a.jsonl", ['{"en": "A", "de": 7}'])
    assert fails(tmp_path, path="a.jsonl", **FIELDS) == "a.jsonl:1: 'de' is int 7, not a string; repair the record"
    write(tmp_path, "a.txt", EN)
    assert fails(tmp_path, path="a.txt", **FIELDS) == (
        "a.txt: its suffix is not one of records; .jsonl, .csv, .tsv and .parquet are (plain, .gz or .zst), or set "
        'format, for example format = "jsonl"'
    )


@pytest.mark.parametrize(
    "values",
    [
        {"source": {"path": "a.en"}, "target": {}},
        {"source": {"path": "a.en", "field": "en"}, "target": {"path": "a.de"}},
        {"path": "a.tsv", "source": {"field": "en"}, "target": {}},
        {"path": "a.tsv", "source": {"path": "a.en"}, "target": {"path": "a.de"}},
        {"source": {}, "target": {}},
        {**LINES, "format": "jsonl"},
    ],
)
def test_sides_that_are_neither_files_nor_fields(values: dict[str, Any]) -> None:
    with pytest.raises(UserError) as error:
        ParallelInput.parse(values, "recipe.toml")
    wrong_format = "; format = 'jsonl' must be that of these" if "format" in values else ""
    assert str(error.value) == (
        'recipe.toml: give two files of lines or verses, source = { path = "a.en" } and target = { path = "a.de" }; '
        'one file of records, path = "a.tsv", with source = { field = "en" } and target = { field = "de" }; or a TMX '
        'file or Moses zip, path = "a.tmx", with source = { language = "en" } and target = { language = "de" }'
        f"{wrong_format}"
    )


def test_one_language_alone_and_a_language_with_a_slash() -> None:
    with pytest.raises(UserError) as error:
        ParallelInput.parse({"source": {"path": "a"}, "target": {"path": "b", "language": "de"}}, "recipe.toml")
    assert str(error.value) == (
        "recipe.toml: target.language = 'de', but source names no language; give both or neither"
    )
    with pytest.raises(UserError, match=r"source.language = 'en/us': string should match pattern"):
        ParallelInput.parse({**LINES, "source": {"path": "a", "language": "en/us"}}, "recipe.toml")


def test_real_data(shared_data: Path) -> None:
    """Captions line by line, and news as `datasets` has them."""
    multi30k = shared_data / "parallel/multi30k"
    sides = {"source": {"path": "val.en.gz"}, "target": {"path": "val.fr.gz"}}
    found = read(multi30k, **sides)
    assert len(found) == 1014
    assert all(pair.source and pair.target for pair in found)
    news = {"source": {"field": "translation.en"}, "target": {"field": "translation.hau"}}
    found = read(shared_data / "parallel/mafand/en-hau", path="dev.json.gz", format="jsonl", **news)
    assert len(found) == 1300


TMX = """<?xml version="1.0"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><body>
<tu><tuv xml:lang="en-GB"><seg>A dog.</seg></tuv><tuv xml:lang="de"><seg>Ein Hund.</seg></tuv></tu>
<tu><tuv xml:lang="en-GB"><seg>Alone.</seg></tuv></tu>
<tu><tuv xml:lang="de"><seg>Regen.</seg></tuv><tuv xml:lang="en-GB"><seg>Rain.</seg></tuv></tu>
</body></tmx>
"""
BOTH = {"source": {"language": "en"}, "target": {"language": "de"}}


@pytest.mark.parametrize("name", ["a.tmx", "a.xml", "a.tmx.gz", "memory"])
def test_a_translation_memory_by_its_suffix_or_its_first_bytes(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(TMX.encode()) if name.endswith(".gz") else TMX.encode())
    found = read(tmp_path, path=name, **BOTH)
    assert texts(found) == [("A dog.", "Ein Hund."), ("Alone.", ""), ("Rain.", "Regen.")]
    assert [pair.lacks for pair in found] == ["", "target", ""]
    assert found[0].place == f"{tmp_path / name}:4"
    assert found[0].languages == ("en", "de")


def test_sides_that_languages_tell_apart(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        ParallelInput.parse({"path": "a.tmx", "source": {}, "target": {}}, "recipe.toml")
    assert str(error.value) == (
        "recipe.toml: path = 'a.tmx' holds several languages; give source.language and target.language, or "
        "source.field and target.field if it holds records"
    )
    same = {"path": "a.tmx", "source": {"language": "en_US"}, "target": {"language": "en-us"}}
    with pytest.raises(UserError, match=r"both sides are in the language 'en_US'; two are needed"):
        ParallelInput.parse(same, "recipe.toml")
    write(tmp_path, "a.bin", EN)
    assert fails(tmp_path, path="a.bin", **BOTH) == (
        "a.bin: neither a TMX file nor a zip; if it holds records, name their fields: source.field and target.field"
    )
    assert fails(tmp_path, path="none.zip", **BOTH) == "none.zip: no such file"


@pytest.mark.parametrize("name", ["a.zip", "opus"])
def test_a_moses_zip(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("README", "about")
        archive.writestr("Books.de-en.de", "\n".join(DE))
        archive.writestr("Books.de-en.en", "\n".join(EN))
    found = read(tmp_path, path=name, **BOTH)
    assert texts(found) == list(zip(EN, DE, strict=True))
    assert found[1].place == f"{tmp_path / name}!Books.de-en.en:2"
    assert texts(read(tmp_path, path=name, format="moses", **BOTH)) == texts(found)


def verses(**of: str) -> bytes:
    segments = "".join(f'<seg id="b.GEN.1.{name[1:]}" type="verse">\n {text}\n</seg>' for name, text in of.items())
    return f'<?xml version="1.0"?><cesDoc><text><body>{segments}</body></text></cesDoc>'.encode()


def test_verses_are_joined_by_their_ids(tmp_path: Path) -> None:
    (tmp_path / "en.xml.gz").write_bytes(gzip.compress(verses(v1="Light.", v2="Water.", v4="Earth.")))
    (tmp_path / "de.xml").write_bytes(verses(v3="Himmel.", v2="Wasser.", v1="Licht."))
    sides = {"source": {"path": "en.xml.gz"}, "target": {"path": "de.xml"}}
    found = read(tmp_path, **sides)
    assert texts(found) == [("Light.", "Licht."), ("Water.", "Wasser."), ("Earth.", ""), ("", "Himmel.")]
    assert [pair.lacks for pair in found] == ["", "", "target", "source"]
    assert found[-1].place == f"{tmp_path / 'de.xml'}:1"
    assert texts(read(tmp_path, **sides, format="verses")) == texts(found)
    write(tmp_path, "de.txt", DE)
    mixed = {"source": {"path": "en.xml.gz"}, "target": {"path": "de.txt"}}
    assert fails(tmp_path, **mixed) == (
        'en.xml.gz: XML, but de.txt is not; give two files of one format, or set format = "txt"'
    )


def test_a_format_that_is_given_is_believed(tmp_path: Path) -> None:
    (tmp_path / "en.xml").write_bytes(b"<?xml\nLight\n")
    (tmp_path / "de.xml").write_bytes(b"<?xml\nLicht\n")
    sides = {"source": {"path": "en.xml"}, "target": {"path": "de.xml"}}
    assert texts(read(tmp_path, **sides, format="txt")) == [("<?xml", "<?xml"), ("Light", "Licht")]
    assert "de.xml:" in fails(tmp_path, **sides)


def test_the_new_testament_in_two_languages(shared_data: Path) -> None:
    sides = {"source": {"path": "Swahili-NT.xml.gz"}, "target": {"path": "Gujarati-NT.xml.gz"}}
    found = read(shared_data / "parallel/bible", **sides)
    both = [pair for pair in found if not pair.lacks]
    assert len(both) > 7700
    assert [pair.lacks for pair in found if pair.lacks] == sorted(
        [pair.lacks for pair in found if pair.lacks], reverse=True
    )  # what only the second file has comes last
    assert len({pair.place for pair in found}) == len(found)
