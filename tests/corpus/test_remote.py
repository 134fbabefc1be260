"""Text in an object store: found, fingerprinted and read as text on disk is; `memory://` stands for all of them."""

import gzip
import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from encodery.corpus.inputs import CorpusInput, input_files
from encodery.corpus.readers import read_documents
from encodery.corpus.remote import RemoteFile, remote_files
from encodery.errors import UserError

fsspec = pytest.importorskip("fsspec", reason="fsspec (extra remote) is not installed")


@pytest.fixture
def store() -> Iterator[Any]:
    """An empty object store."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def texts(path: str, **options: Any) -> list[tuple[str, str]]:
    documents = read_documents([CorpusInput(path=path, **options)], Path("nowhere"))
    return [(document.text, document.source) for document in documents]


def fails(path: str, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        texts(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_files_folders_and_globs(store: Any) -> None:
    for name in ("b.txt", "a.txt", "deep/c.txt", "photo.png", ".hidden.txt", ".git/x.txt"):
        store.pipe(f"/bucket/{name}", f"Text of {name}.".encode())
    urls = [f"memory://bucket/{name}" for name in ("a.txt", "b.txt", "deep/c.txt")]
    assert [source for _, source in texts("memory://bucket/b.txt")] == [urls[1]]
    assert texts("memory://bucket") == [(f"Text of {url[16:]}.", url) for url in urls]
    assert texts("memory://bucket/") == texts("memory://bucket")
    assert [source for _, source in texts("memory://bucket/?.txt")] == urls[:2]
    assert [source for _, source in texts("memory://bucket/**/*.txt")] == urls
    both = input_files([CorpusInput(path="memory://bucket/?.txt"), CorpusInput(path="memory://bucket/a.txt")], Path())
    assert [str(file) for file in both] == urls[:2]


def test_compressed_and_packed_text(store: Any) -> None:
    store.pipe("/bucket/a.txt.gz", gzip.compress(b"One.\n\nTwo."))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inside/b.jsonl", '{"text": "Three."}\n')
    store.pipe("/bucket/b.zip", packed.getvalue())
    assert texts("memory://bucket") == [
        ("One.", "memory://bucket/a.txt.gz"),
        ("Two.", "memory://bucket/a.txt.gz"),
        ("Three.", "memory://bucket/b.zip!inside/b.jsonl"),
    ]


def test_parquet(store: Any) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    file = io.BytesIO()
    parquet.write_table(pyarrow.table({"text": ["One.", "Two."], "lang": ["sw", "de"]}), file)
    store.pipe("/bucket/a.parquet", file.getvalue())
    found = read_documents([CorpusInput(path="memory://bucket/a.parquet", language_field="lang")], Path())
    assert [(document.text, document.language) for document in found] == [("One.", "sw"), ("Two.", "de")]


def test_a_fingerprint_changes_with_the_content(store: Any) -> None:
    store.pipe("/bucket/a.txt", b"One.")
    first = remote_files("memory://bucket/a.txt")[0][0].fingerprint
    assert first.startswith("4 bytes, ")
    assert remote_files("memory://bucket/a.txt")[0][0].fingerprint == first
    store.pipe("/bucket/a.txt", b"Two.")
    assert remote_files("memory://bucket/a.txt")[0][0].fingerprint != first
    store.pipe("/bucket/a.txt", b"Three.")
    assert remote_files("memory://bucket/a.txt")[0][0].fingerprint.startswith("6 bytes, ")


@pytest.mark.parametrize(
    ("said", "mark"),
    [
        ({"ETag": '"abc"', "LastModified": "today"}, '"abc"'),
        ({"md5Hash": "def==", "updated": "today"}, "def=="),
        ({"mtime": 17.5}, "17.5"),
    ],
)
def test_the_mark_of_the_store_comes_before_the_time(
    store: Any, monkeypatch: pytest.MonkeyPatch, said: dict[str, object], mark: str
) -> None:
    store.pipe("/bucket/a.txt", b"One.")
    info = {"name": "/bucket/a.txt", "size": 4, "type": "file", **said}
    monkeypatch.setattr(type(store), "info", lambda self, path, **_: info)
    (file,), named = remote_files("memory://bucket/a.txt")
    assert named
    assert (file, file.fingerprint) == (RemoteFile("memory://bucket/a.txt"), f"4 bytes, {mark}")


def test_what_is_not_there(store: Any) -> None:
    store.pipe("/bucket/photo.png", b"x")
    assert fails("memory://bucket/none.txt") == (
        "memory://bucket/none.txt: no such file or folder; check path = 'memory://bucket/none.txt'"
    )
    assert fails("memory://bucket/*.txt") == (
        "memory://bucket/*.txt: no file matches the pattern; check path = 'memory://bucket/*.txt'"
    )
    assert fails("memory://bucket").startswith("memory://bucket: no readable file in it, found 1 .png; allowed: .txt")
    assert fails("memory://bucket/photo.png").startswith('memory://bucket/photo.png: ".png" is not a text format')
    assert texts("memory://bucket/photo.png", format="txt") == [("x", "memory://bucket/photo.png")]


def test_a_file_that_goes_away_before_it_is_read(store: Any) -> None:
    store.pipe("/bucket/a.txt", b"One.")
    documents = read_documents([CorpusInput(path="memory://bucket/a.txt")], Path())
    store.rm("/bucket/a.txt")
    with pytest.raises(UserError, match=r"^memory://bucket/a.txt: no such file$"):
        list(documents)


def test_a_place_that_cannot_be_reached(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoCredentialsError(Exception):
        pass

    def refuse(*_: object) -> None:
        raise NoCredentialsError("Unable to locate\ncredentials")

    monkeypatch.setattr(type(store), "isfile", refuse)
    assert fails("memory://bucket/a.txt") == (
        "memory://bucket/a.txt: cannot be reached (Unable to locate credentials); check the address and your "
        "credentials"
    )


def test_protocols_that_are_not_known_or_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fails("mem://bucket/a.txt") == (
        "mem://bucket/a.txt: no such protocol; fsspec's are allowed (s3, gs, az, hf, https, ...), or a path"
    )
    monkeypatch.setitem(sys.modules, "s3fs", None)
    assert "for s3:// pip install s3fs" in fails("s3://bucket/a.txt")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    assert fails("s3://bucket/a.txt") == (
        's3://bucket/a.txt: reading this needs the package fsspec; pip install "encodery[remote]"'
    )
