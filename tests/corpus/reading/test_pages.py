"""From files of every format to pages, on disk, in archives and in object stores."""

import gzip
import io
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from encodery.corpus.inputs import CorpusInput, files_of
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page
from encodery.corpus.readers import Document, read_documents
from encodery.corpus.reading.fields import FieldTally
from encodery.corpus.reading.html import html_text
from encodery.corpus.reading.pages import read_pages
from encodery.corpus.steps.url import UrlConfig, UrlStep
from encodery.errors import UserError
from tests.corpus.reading.crawl import pack, packed, page, pages_of, record, response

TEXT = "A sentence that is long enough to be the content of a page, as it seems. " * 4


def crawl() -> bytes:
    return packed(
        [
            record(b"software: x", "warcinfo"),
            record(response(page(f"{TEXT}\nzwei".replace("A", "Ä"))), uri="<http://e.x/1>"),
            record(response(b"gone", status="404 Not Found"), uri="http://e.x/2"),
            record(response(b"{}", content_type="application/json"), uri="http://e.x/3"),
            record(response(page("")), uri="http://e.x/4"),
            record(response(b"<div>" * 9000), uri="http://e.x/5"),
            record(b"Title\n\n text ", "conversion", "http://e.x/6"),
        ]
    )


def documents(ledger: Ledger) -> dict[str, int]:
    return {reason: n for (reason, unit), n in ledger.counts.items() if unit == "documents"}


def test_a_crawl_file(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(crawl())
    found, ledger = pages_of(path)
    assert [found[0].text.split("\n")[-1], found[1].text] == ["zwei", "Title\ntext"]
    assert found[0].text.startswith("Ä sentence")
    assert [(each.url, each.date) for each in found] == [
        ("http://e.x/1", "2024-02-29T11:13:17Z"),
        ("http://e.x/6", "2024-02-29T11:13:17Z"),
    ]
    offset = int(found[0].source.removeprefix(f"{path}!"))
    assert b"http://e.x/1" in gzip.GzipFile(fileobj=io.BytesIO(crawl()[offset:])).read(500)
    assert documents(ledger) == {"read/status": 1, "read/type": 1, "read/empty": 1, "read/deep": 1}
    assert ledger.damage == []


def test_a_page_that_brings_the_extractor_down_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fragile(text: str, extractor: str) -> str:
        if "second" in text:
            raise IndexError("list index\nout of range")
        return html_text(text, "main-content")

    monkeypatch.setattr("encodery.corpus.reading.web.html_text", fragile)
    path = tmp_path / "a.warc"
    path.write_bytes(b"".join(record(response(page(f"{name} {TEXT}"))) for name in ("first", "second", "third")))
    found, ledger = pages_of(path)
    assert [each.text.split()[0] for each in found] == ["first", "third"]
    assert documents(ledger) == {"read/failed": 1}
    ((place, what),) = ledger.damage
    assert place == f"{path}!{path.read_bytes().index(b'WARC/1.0', 9)}"
    assert what == "its text cannot be found (IndexError: list index out of range)"
    with pytest.raises(UserError, match=r"cannot be found \(IndexError"):
        list(read_documents([CorpusInput(path=str(path))], tmp_path))


@pytest.mark.parametrize("error", [MemoryError(), UserError("a package"), ModuleNotFoundError("x")])
def test_what_is_no_fault_of_a_page_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: object) -> str:
        raise error

    monkeypatch.setattr("encodery.corpus.reading.web.html_text", broken)
    (tmp_path / "a.html").write_bytes(page(TEXT))
    with pytest.raises(type(error)):
        pages_of(tmp_path / "a.html")


def test_damage_is_named_by_file_and_offset(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(crawl()[:-20])
    found, ledger = pages_of(path)
    assert len(found) == 1
    (damage,) = ledger.damage
    assert damage[0].startswith(f"{path}!")
    assert damage[1] == "compressed data ends too early"


def test_an_html_file(tmp_path: Path) -> None:
    path = tmp_path / "a.html.gz"
    path.write_bytes(gzip.compress(f'<meta charset="windows-1251"><body><main><p>{"Привет. " * 40}'.encode("cp1251")))
    (found,), _ = pages_of(path, language="ru")
    assert (found.text, found.source, found.language) == (("Привет. " * 40).strip(), str(path), "ru")
    assert pages_of(path, extractor="full-text")[0][0].text == found.text


def test_a_broken_html_file_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.html.gz"
    path.write_bytes(gzip.compress(page(TEXT))[:-9])
    found, ledger = pages_of(path)
    assert found == []
    assert ledger.damage == [(str(path), "broken archive (it ends too early); fetch or pack it again")]


def test_records_and_text(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"text": "one\n\ntwo", "l": "de"}) + "\n\n" + json.dumps({"text": "x", "l": "fr"})
    )
    found, _ = pages_of(tmp_path / "a.jsonl", language_field="l")
    assert found == [
        Page("one\ntwo", f"{tmp_path}/a.jsonl:1", language="de"),
        Page("x", f"{tmp_path}/a.jsonl:3", language="fr"),
    ]
    (tmp_path / "a.txt").write_text("one\ntwo\n\nthree\n")
    assert [each.source for each in pages_of(tmp_path / "a.txt")[0]] == [f"{tmp_path}/a.txt:1", f"{tmp_path}/a.txt:4"]


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.txt.gz"])
def test_what_is_broken_in_other_formats_is_damage_too(tmp_path: Path, name: str) -> None:
    line = b'{"text": "some text"}\n\n' * 5000
    (tmp_path / name).write_bytes(gzip.compress(line)[:-20])
    found, ledger = pages_of(tmp_path / name)
    assert len(found) > 1000
    assert ledger.damage == [(f"{tmp_path}/{name}", "broken archive (it ends too early); fetch or pack it again")]


def test_a_line_that_is_no_json_costs_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "one"}\n{"text": "tw\n[]\n{"text": "three"}\n')
    found, ledger = pages_of(path)
    assert [each.text for each in found] == ["one", "three"]
    assert [place for place, _ in ledger.damage] == [f"{path}:2", f"{path}:3"]


@pytest.mark.parametrize("bad", [b"caf\xe9", b"x\0", b"x" * 301])
@pytest.mark.parametrize(("name", "form"), [("a.jsonl", b'{"text": "%b"}'), ("a.txt", b"%b"), ("a.csv", b'"%b",1')])
def test_a_line_that_cannot_be_read_costs_itself(
    tmp_path: Path, name: str, form: bytes, bad: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("encodery.files.streams.MAX_LINE_BYTES", 300)
    lines = [form % text for text in (b"one", bad, b"three")]
    path = tmp_path / name
    path.write_bytes((b"text,n\n" if name == "a.csv" else b"") + b"\n".join(lines))
    found, ledger = pages_of(path)
    assert "\n".join(each.text for each in found) == "one\nthree"
    assert ledger.counts["damage", "places"] == 1
    assert [place for place, _ in ledger.damage] == [f"{path}:{3 if name == 'a.csv' else 2}"]


def test_a_row_that_does_not_fit_costs_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("n\ttext\n1\tone\n2\n3\tthree\n")
    found, ledger = pages_of(path)
    assert [each.text for each in found] == ["one", "three"]
    message = "1 columns where the header has 2 (n, text); fix the row or its quotes"
    assert ledger.damage == [(f"{path}:3", message)]


def test_a_record_without_text_costs_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n{"text": null}\n{"text": ["b"]}\n{"text": "c"}\n')
    found, ledger = pages_of(path)
    assert [page.text for page in found] == ["a", "c"]
    assert ledger.damage == [
        (f"{path}:2", "'text' is null, not a string; repair the record"),
        (f"{path}:3", "'text' is list ['b'], not a string; repair the record"),
    ]
    assert documents(ledger) == {"read/field": 2}


def test_a_record_without_the_field_is_counted_named_and_kept_for_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"text": "a"}\n{"title": "b", "body": "c"}\n' + json.dumps({"key" * 99: "d"}) + '\n{"text": "e"}\n'
    )
    found, ledger = pages_of(path)
    assert [page.text for page in found] == ["a", "e"]
    assert ledger.damage == [
        (f"{path}:2", "no field 'text'; it has: title, body; set text_field"),
        (f"{path}:3", f"no field 'text'; it has: {('key' * 99)[:200]}; set text_field"),
    ]
    assert documents(ledger) == {"read/field": 2}
    kept = {what["source"]: what["text"] for _, what in ledger.samples["read/field"]}
    assert kept == {f"{path}:2": '{"title": "b", "body": "c"}', f"{path}:3": json.dumps({"key" * 99: "d"})}


def test_a_record_that_does_not_say_its_language_is_in_none_that_is_known(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "l": "de"}\n{"text": "b"}\n{"text": "c", "l": null}\n{"text": " "}\n')
    found, ledger = pages_of(path, language_field="l")
    assert [(page.text, page.language) for page in found] == [("a", "de"), ("b", ""), ("c", "")]
    assert ledger.counts["read/language", "changes"] == 2
    assert ledger.damage == []
    assert {what["text"] for _, what in ledger.samples["read/language"]} == {
        '{"text": "b"}',
        '{"text": "c", "l": null}',
    }


def test_records_say_where_they_are_from_and_of_when(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"text": "a", "meta": {"url": "http://e.x/1"}, "timestamp": "2019-04-25T12:57:54Z"}\n'
        '{"text": "b", "meta": {"url": null}, "timestamp": 7}\n{"text": "c"}\n'
    )
    found, ledger = pages_of(path, url_field="meta.url", date_field="timestamp")
    assert [(page.url, page.date) for page in found] == [("http://e.x/1", "2019-04-25T12:57:54Z"), ("", ""), ("", "")]
    assert not ledger.counts
    assert [page.url for page in pages_of(path)[0]] == ["", "", ""]
    (document, *_) = read_documents(
        [CorpusInput(path=str(path), url_field="nowhere", date_field="timestamp")], tmp_path
    )
    assert (document.url, document.date) == ("", "2019-04-25T12:57:54Z")


def test_times_of_parquet_are_written_as_the_standard_has_them(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    times = pa.array([datetime(2024, 2, 29, 11, 13, 17), None], pa.timestamp("s"))
    columns = {"text": ["a", "b"], "url": ["http://e.x/1", None], "crawled": times, "day": [date(2023, 1, 7), None]}
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    found, _ = pages_of(tmp_path / "a.parquet", url_field="url", date_field="crawled")
    assert [(page.url, page.date) for page in found] == [("http://e.x/1", "2024-02-29T11:13:17"), ("", "")]
    assert [page.date for page in pages_of(tmp_path / "a.parquet", date_field="day")[0]] == ["2023-01-07", ""]


@pytest.mark.parametrize("setting", ["url_field", "date_field"])
def test_text_has_no_fields(tmp_path: Path, setting: str) -> None:
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(
        UserError, match=r"a\.txt: plain text has no field 'x'; leave it out, or name the records alone"
    ):
        pages_of(tmp_path / "a.txt", **{setting: "x"})


def test_addresses_of_records_are_blocked(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("bad.example\n")
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "url": "http://www.bad.example/1"}\n{"text": "b", "url": "http://e.x/"}\n')
    found, ledger = pages_of(path, url_field="url")
    UrlStep(UrlConfig(blocked=("list.txt",)), tmp_path)(found, ledger)
    assert [page.dropped for page in found] == ["url/blocked", ""]


def test_what_is_no_code_of_a_language_is_not_believed(tmp_path: Path) -> None:
    """Each value would be a folder of its own."""
    path = tmp_path / "a.jsonl"
    values = ["de", "zh-Hant", "", " fr", "Deutsch", "../up", "x" * 9999, *map(str, range(7))]
    path.write_text("".join(json.dumps({"text": "a", "l": value}) + "\n" for value in values))
    found, ledger = pages_of(path, language_field="l")
    assert [page.language for page in found] == ["de", "zh-Hant", "", "fr", *[""] * 10]
    assert ledger.counts["read/language", "changed documents"] == 10
    assert len(ledger.samples["read/language"]) == 5
    stated = CorpusInput(path=str(path), language="Deutsch")
    assert {page.language for page in read_pages(path, stated, Ledger())} == {"Deutsch"}, "the recipe is believed"


@pytest.mark.parametrize(
    ("content", "options", "wrong"),
    [
        ('{"body": "a"}\n{"body": "b"}\n', {}, ":1: no field 'text'; it has: body; set text_field"),
        ('{"body": "a"}\n{"text": " "}\n{"text": 7}\n', {}, ":1: no field 'text'; it has: body; set text_field"),
        ('{"body": "a"}\n{"text": "b"}\n', {}, None),
        ('{"text": null}\n{"text": ""}\n', {}, None),
        ("", {}, None),
        (
            '{"text": "a"}\n{"text": "b", "m": "de"}\n',
            {"language_field": "l"},
            ":1: no field 'l'; it has: text; set language_field",
        ),
        ('{"text": "a"}\n{"text": "b", "l": "de"}\n', {"language_field": "l"}, None),
        ('{"text": "a", "l": null}\n', {"language_field": "l"}, None),
        (
            '{"text": "a"}\n{"text": "b"}\n',
            {"url_field": "u"},
            ":1: no field 'u'; it has: text; set url_field",
        ),
        ('{"text": "a"}\n{"text": "b", "d": null}\n', {"date_field": "d"}, None),
    ],
)
def test_a_field_that_no_record_has_is_a_wrong_setting(
    tmp_path: Path, content: str, options: dict[str, Any], wrong: str | None
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    tally = FieldTally()
    list(read_pages(path, CorpusInput(path="a.jsonl", **options), Ledger(), tally=tally))
    assert tally.wrong() == (wrong and f"{path}{wrong}")
    whole = FieldTally()
    whole.add(tally)
    whole.add(FieldTally(1))
    assert whole.wrong() is None or "language_field" in options


def test_members_of_archives(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    pack(path, {"p/a.html": page(TEXT), "b.warc.gz": crawl(), "c.png": b"x", "d.xml": b"<other>"})
    found, ledger = pages_of(path)
    assert [each.source.removeprefix(f"{path}!").partition("!")[0] for each in found] == [
        "p/a.html",
        "b.warc.gz",
        "b.warc.gz",
    ]
    skipped = {reason: number for (reason, unit), number in ledger.counts.items() if unit == "files"}
    assert skipped == {"not read/.png": 1, "not read/.xml": 1}


@pytest.mark.parametrize("press", [bytes, gzip.compress])
def test_a_crawl_file_is_one_under_the_name_of_a_text(tmp_path: Path, press: Any) -> None:
    data = record(b"Title\n\n text ", "conversion", "http://e.x/6")
    path = tmp_path / ("a.warc.txt" if press is bytes else "a.warc.txt.gz")
    path.write_bytes(press(data))
    ((found,), _) = pages_of(path)
    assert (found.text, found.url) == ("Title\ntext", "http://e.x/6")
    assert pages_of(path, format="txt")[0][0].text.startswith("WARC/1.0")
    for archive in (tmp_path / "b.zip", tmp_path / "b.tar"):
        pack(archive, {path.name: press(data), "c.txt": b"other"})
        assert [page.text for page in pages_of(archive)[0]] == ["Title\ntext", "other"]
        found_as_crawl, ledger = pages_of(archive, format="warc")
        assert [page.text for page in found_as_crawl] == ["Title\ntext"], "as in a folder"
        assert ledger.counts["not read/.txt", "files"] == 1


def test_files_in_object_stores() -> None:
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    system.pipe({"/crawl/a.warc.gz": crawl(), "/crawl/b.html": page(TEXT), "/crawl/c.bin": b"x"})
    try:
        ledger = Ledger()
        entry = CorpusInput(path="memory://crawl")
        found = [page for file in files_of(entry, Path()) for page in read_pages(file, entry, ledger)]
        assert [each.source.partition("!")[0] for each in found] == [
            "memory://crawl/a.warc.gz",
            "memory://crawl/a.warc.gz",
            "memory://crawl/b.html",
        ]
    finally:
        system.rm("/crawl", recursive=True)


def test_without_cleaning_their_text_is_read_as_documents(tmp_path: Path) -> None:
    (tmp_path / "a.warc.gz").write_bytes(crawl())
    found = list(read_documents([CorpusInput(path="a.warc.gz", language="de")], tmp_path))
    assert found[1] == Document("Title\ntext", found[1].source, 2, "de")
    assert found[1].source.startswith(f"{tmp_path}/a.warc.gz!")


def test_without_cleaning_damage_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.warc.gz").write_bytes(crawl()[:-20])
    message = (
        r"compressed data ends too early; fetch the file again, or add \[corpus.clean\], which counts damage and"
    )
    with pytest.raises(UserError, match=message):
        list(read_documents([CorpusInput(path="a.warc.gz")], tmp_path))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.warc: no such file"):
        list(read_pages(tmp_path / "a.warc", CorpusInput(path="a.warc"), Ledger()))


READ_OR_NAMED = {
    "whirlwind.warc.gz": 1,
    "whirlwind.warc.wet.gz": 1,
    "whirlwind.warc.wat.gz": 0,
    "warcfile.warc.gz": 16,
    "warcfile.warc.lz4": 16,
    "block-sized-records.warc.gz": 0,
    "example.warc.gz": 1,
    "example.arc.gz": 1,
    "example.warc": 1,
    "example-wget-1-14.warc.gz": 1,
    "post-test.warc.gz": 0,
    "sample.warc.txt": 3,  # with ends of line that someone has converted
}
"""The pages in each file of which its README says what it holds."""


def test_real_crawl_files(shared_data: Path) -> None:
    files = {path.name: path for path in (shared_data / "web/warc").iterdir() if path.suffix != ".md"}
    for name, path in files.items():
        ledger = Ledger()
        found = list(read_pages(path, CorpusInput(path=str(path), format="warc"), ledger))
        if name in READ_OR_NAMED:
            assert len(found) == READ_OR_NAMED[name], name
        assert len(found) > 0 or ledger.damage or name in READ_OR_NAMED, name
        expected = {
            "example.warc": ["4061"],
        }.get(name, [])
        assert {place for place, _ in ledger.damage} == {f"{path}!{offset}" for offset in expected}, name
    assert set(READ_OR_NAMED) <= set(files)
