"""Model files of SentencePiece: written as the library reads them, read whatever a stranger put into them."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.text import stored
from encodery.text.sentencepiece_model import SentencePieceModel, _field, read_model, write_model

MODEL = SentencePieceModel((("▁", -1.5), ("ab", -2.25), ("é" * 67, -3.0)), b"\x00\x01" * 101)
MESSAGE = b"".join(
    _field(1, _field(1, name) + _field(3, kind)) for name, kind in ((b"<unk>", 2), (b"<s>", 3), (b"</s>", 3))
)


def complaint(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        read_model(path)
    return str(caught.value).replace(str(path), "FILE")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sentencepiece.bpe.model"


def test_what_is_written_is_read(path: Path) -> None:
    write_model(path, MODEL)
    assert read_model(path) == MODEL


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=7), st.floats(width=32, allow_nan=False, allow_infinity=False))),
    st.binary(max_size=300),
)
def test_any_model_survives(path: Path, pieces: list[tuple[str, float]], charsmap: bytes) -> None:
    names = {name: score for name, score in pieces if name not in ("<unk>", "<s>", "</s>")}
    model = SentencePieceModel(tuple(names.items()), charsmap)
    write_model(path, model)
    assert read_model(path) == model


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.binary(max_size=40), st.integers(0, 600), st.integers(0, 40))
def test_damaged_bytes_are_refused_or_read_but_never_a_traceback(path: Path, junk: bytes, at: int, cut: int) -> None:
    write_model(path, MODEL)
    data = path.read_bytes()
    path.write_bytes(data[:at] + junk + data[at + cut :])
    with contextlib.suppress(UserError):
        read_model(path)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xff" * 11, "FILE: no SentencePiece model, or a damaged one; fetch or write it again"),
        (MESSAGE[:-1], "FILE: no SentencePiece model, or a damaged one; fetch or write it again"),
        (MESSAGE + b"\x0a\x02\x08\x02", "FILE: no SentencePiece model, or a damaged one; fetch or write it again"),
        (
            MESSAGE + b"\x1a\x06\x10\xff\xff\xff\xff\x7f",
            "FILE: no SentencePiece model, or a damaged one; fetch or write it again",
        ),
        (b"", "FILE: its pieces begin with ''; <unk> <s> </s> is needed, as fairseq shifts ids"),
        (
            MESSAGE + _field(2, _field(3, 2)),
            "FILE: a SentencePiece model of type 2; only unigram (1) can be read",
        ),
        (
            MESSAGE + _field(1, _field(1, b"a") + _field(2, float("nan"))),
            "FILE: the piece 'a' (type 1, score nan) is not a normal one",
        ),
        (
            MESSAGE + _field(1, _field(1, b"<0x00>") + _field(3, 6)),
            "FILE: the piece '<0x00>' (type 6, score 0.0) is not a normal one",
        ),
        (MESSAGE + 2 * _field(1, _field(1, b"a")), "FILE: a piece occurs twice; each has one id"),
    ],
)
def test_what_is_wrong_is_named(path: Path, data: bytes, expected: str) -> None:
    assert complaint(path, data) == expected


def test_a_huge_file_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MAX_BYTES", 1000)
    assert complaint(path, bytes(1001)) == "FILE: 1,001 bytes; a tokenizer's file has at most 1,000"
