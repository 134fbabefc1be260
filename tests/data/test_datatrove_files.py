"""datatrove's tokenized files, against datatrove itself."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.data.datatrove_files import datatrove_files, export_datatrove, read_datatrove
from encodery.errors import UserError
from tests.data.test_megatron import TEXT, Documents, lists, ours

JOINED = [[[token for sentence in document for token in sentence]] for document in TEXT]


def theirs(folder: Path, documents: Documents, token_size: int = 2) -> Path:
    """What datatrove writes."""
    tokenizer = pytest.importorskip("datatrove.pipeline.tokens.tokenizer")
    file = tokenizer.TokenizedFile(str(folder), "data.ds", token_size=token_size)
    for (document,) in documents:
        file.write(document, None)
    file.close()
    return folder / "data.ds"


@pytest.mark.parametrize(("vocab_size", "token_size"), [(23, 2), (65_536, 2), (65_537, 4)])
def test_files_are_those_of_datatrove(tmp_path: Path, vocab_size: int, token_size: int) -> None:
    path = theirs(tmp_path / "theirs", JOINED, token_size)
    shards = ours(tmp_path / "shards", TEXT, vocab_size)
    (prefix,) = export_datatrove(shards, tmp_path / "data")
    for mine, other in zip(datatrove_files(prefix), (path, Path(f"{path}.index")), strict=True):
        assert mine.read_bytes() == other.read_bytes()
    assert lists(list(read_datatrove(path, vocab_size))) == JOINED


IDS = st.lists(st.integers(0, 22), min_size=1, max_size=17)


@given(st.lists(IDS, min_size=1, max_size=11))
def test_there_and_back(tmp_path_factory: pytest.TempPathFactory, documents: list[list[int]]) -> None:
    folder = tmp_path_factory.mktemp("datatrove")
    shards = ours(folder / "shards", [[ids] for ids in documents], max_tokens_per_shard=13)
    (prefix,) = export_datatrove(shards, folder / "data")
    assert lists(list(read_datatrove(datatrove_files(prefix)[0], 23))) == [[ids] for ids in documents]


def test_a_file_for_each_language(tmp_path: Path) -> None:
    shards = ours(tmp_path / "shards", TEXT, languages=["sw", "en", "sw"])
    prefixes = export_datatrove(shards, tmp_path / "data")
    assert [prefix.name for prefix in prefixes] == ["data.en", "data.sw"]
    assert lists(list(read_datatrove(tmp_path / "data.sw.ds", 23))) == [JOINED[0], JOINED[2]]


def test_files_that_lie(tmp_path: Path) -> None:
    ids, index = tmp_path / "a.ds", tmp_path / "a.ds.index"

    def message(tokens: bytes, ends: bytes, vocab_size: int = 23) -> str:
        ids.write_bytes(tokens)
        index.write_bytes(ends)
        with pytest.raises(UserError) as error:
            read_datatrove(ids, vocab_size)
        return str(error.value).replace(f"{tmp_path}/", "")

    def packed(*ends: int) -> bytes:
        return np.array(ends, "<i8").tobytes()

    bad = (
        "a.ds.index: its documents end at token {}, and a.ds has 6 bytes, which are 2 or 4 for each; copy both again"
    )
    assert message(b"\1\0" * 3, packed(2, 4)) == bad.format(4)
    assert message(b"\1\0" * 3, packed(2**62)) == bad.format(f"{2**62:,}")
    assert message(b"\1\0" * 3, packed(-1, 3)) == bad.format(3)
    assert message(b"\1\0" * 3, packed(2, 1, 3)) == bad.format(3)
    assert message(b"\1\0" * 3, b"") == bad.format(0)
    assert message(b"\1\0", b"\1").startswith("a.ds.index: has 1 bytes, no whole number of ends (8 bytes each)")
    assert message(b"\1\0" * 3, packed(3), 1).startswith("a.ds: token 0 is id 1, the vocabulary has 1; name the")
    index.unlink()
    with pytest.raises(UserError, match=r"a.ds.index: cannot be read \(No such file"):
        read_datatrove(ids, 23)
    ids.write_bytes(b"")
    index.write_bytes(b"")
    assert list(read_datatrove(ids, 23)) == []
