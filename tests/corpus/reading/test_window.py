"""A stream whose last part can be gone back to."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.reading import window
from encodery.corpus.reading.window import Window

DATA = bytes(range(251)) * 3


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "CHUNK_BYTES", 13)
    monkeypatch.setattr(window, "KEPT_BYTES", 97)


def test_bytes_by_their_offset() -> None:
    file = Window(io.BytesIO(DATA))
    assert file.read(0, 5) == DATA[:5]
    assert file.read(3, 7) == DATA[3:10]
    assert file.read(90, 7)[:1] == DATA[90:91]
    assert file.read(len(DATA)) == b""


def test_what_is_far_back_is_gone() -> None:
    file = Window(io.BytesIO(DATA))
    file.read(700)
    assert len(file._data) <= 97


@given(st.binary(min_size=1, max_size=3), st.integers(0, 100))
def test_a_mark_is_found_over_the_ends_of_chunks(mark: bytes, start: int) -> None:
    found = DATA.find(mark, start)
    assert Window(io.BytesIO(DATA)).find(mark, start) == (found if found >= 0 else len(DATA))


def test_zeros_at_the_end() -> None:
    file = Window(io.BytesIO(b"abc" + b"\0" * 1000))
    assert not file.only_zeros(0)
    assert file.only_zeros(3)
    assert Window(io.BytesIO(b"")).only_zeros(0)
    assert not Window(io.BytesIO(b"\0" * 1000 + b"x")).only_zeros(0)


def test_the_rest_is_read_forward() -> None:
    rest = Window(io.BytesIO(DATA)).rest()
    assert b"".join(iter(lambda: rest.read(7), b"")) == DATA
    assert rest.tell() == rest.seek(0, 1) == len(DATA)
