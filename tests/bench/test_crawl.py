import re
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType

from encodery.bench.crawl import make_crawl
from encodery.errors import UserError
from tests.bench.crawl_data import small_data

SIZE = 300_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crawl")
    make_crawl(folder, SIZE, None, file_bytes=100_000)
    return folder


def test_it_holds_as_much_html_as_was_asked_for(folder: Path) -> None:
    crawl = make_crawl(folder, SIZE, None)
    assert SIZE <= crawl.html_bytes < SIZE + 100_000 + 50_000
    assert [file.name for file in crawl.files] == ["00000.warc.gz", "00001.warc.gz", "00002.warc.gz"]
    assert sum(crawl.kinds.values()) == sum(crawl.languages.values()) == crawl.pages


def test_every_record_is_read_back(folder: Path) -> None:
    crawl = make_crawl(folder, SIZE, None)
    size, urls = 0, []
    for file in crawl.files:
        with (folder / file.name).open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
                assert record.http_headers.status_code == 200
                size += len(record.reader.read())
                urls.append(record.headers["WARC-Target-URI"])
    assert size == crawl.html_bytes
    assert len(set(urls)) == crawl.pages
    assert re.fullmatch(r"https://site\d+\.example/[a-z]+/0\.html", urls[0])


def test_a_crawler_writes_more_than_responses(folder: Path) -> None:
    with (folder / "00000.warc.gz").open("rb") as stream:
        kinds = [record.record_type for record in ArchiveIterator(stream)]
    assert kinds[:4] == [
        WarcRecordType.warcinfo,
        WarcRecordType.request,
        WarcRecordType.response,
        WarcRecordType.metadata,
    ]


def test_the_same_bytes_come_again(folder: Path, tmp_path: Path) -> None:
    make_crawl(tmp_path, SIZE, None, file_bytes=100_000)
    for file in sorted(folder.iterdir()):
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name


def test_what_is_there_is_left_as_it_is(folder: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    make_crawl(folder, SIZE, None)
    assert {file: file.stat().st_mtime_ns for file in folder.iterdir()} == before


def test_another_crawl_in_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds another crawl; remove it, or name another --folder"):
        make_crawl(folder, SIZE, small_data(tmp_path))
    with pytest.raises(UserError, match="holds another crawl"):
        make_crawl(folder, 10 * SIZE, None)
