"""Megatron's layout against a transcription of Megatron's own writer and reader."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.data.megatron import export_megatron, megatron_files, read_megatron
from encodery.data.shard_format import file_name
from encodery.data.shard_writer import Document, write_shards
from encodery.data.shards import Shards
from encodery.errors import UserError

Documents = list[list[list[int]]]
TEXT: Documents = [[[5, 6], [7, 8, 9]], [[1]], [[2, 2, 2], [3], [4, 4, 4, 4, 4]]]


def megatron_writes(prefix: Path, documents: Documents, dtype: type = np.uint16) -> None:
    """What `IndexedDatasetBuilder` with `_IndexWriter` does (Megatron-LM, megatron/core/datasets)."""
    codes: dict[type, int] = {
        np.uint8: 1,
        np.int8: 2,
        np.int16: 3,
        np.int32: 4,
        np.int64: 5,
        np.float64: 6,
        np.float32: 7,
        np.uint16: 8,
    }
    lengths, document_indices, pointers, pointer = [], [0], [], 0
    with prefix.with_name(prefix.name + ".bin").open("wb") as file:
        for document in documents:
            for sentence in document:
                array: np.ndarray = np.array(sentence, dtype=dtype)
                file.write(array.tobytes(order="C"))
                lengths.append(array.size)
                pointers.append(pointer)
                pointer += array.nbytes
            document_indices.append(len(lengths))
    with prefix.with_name(prefix.name + ".idx").open("wb") as file:
        file.write(b"MMIDIDX\x00\x00")
        file.write(struct.pack("<Q", 1))
        file.write(struct.pack("<B", codes[dtype]))
        file.write(struct.pack("<Q", len(lengths)))
        file.write(struct.pack("<Q", len(document_indices)))
        file.write(np.array(lengths, dtype=np.int32).tobytes(order="C"))
        file.write(np.array(pointers, dtype=np.int64).tobytes(order="C"))
        file.write(np.array(document_indices, dtype=np.int64).tobytes(order="C"))


def ours(folder: Path, documents: Documents, vocab_size: int = 23, **options: object) -> Shards:
    folder.mkdir(parents=True)
    arrays = ([np.array(sentence) for sentence in document] for document in documents)
    write_shards(arrays, folder, vocab_size, **options)  # type: ignore[arg-type]
    return Shards.open(folder, verify=True)


def lists(documents: "list[Document]") -> Documents:
    return [[sentence.tolist() for sentence in document] for document in documents]


def read(prefix: Path, vocab_size: int = 23) -> Documents:
    return lists(list(read_megatron(prefix, vocab_size)))


def contents(prefix: Path) -> list[bytes]:
    return [file.read_bytes() for file in megatron_files(prefix)]


@pytest.mark.parametrize(("vocab_size", "dtype"), [(23, np.uint16), (65_536, np.uint16), (65_537, np.int32)])
def test_what_is_written_is_what_megatron_writes(tmp_path: Path, vocab_size: int, dtype: type) -> None:
    shards = ours(tmp_path / "shards", TEXT, vocab_size)
    assert export_megatron(shards, tmp_path / "data.v1") == [tmp_path / "data.v1"]
    megatron_writes(tmp_path / "theirs", TEXT, dtype)
    assert contents(tmp_path / "data.v1") == contents(tmp_path / "theirs")
    assert {path.name for path in tmp_path.iterdir()} == {
        "shards", "data.v1.bin", "data.v1.idx", "theirs.bin", "theirs.idx"
    }  # fmt: skip


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.int32, np.int64, np.uint16])
def test_every_type_of_whole_numbers_is_read(tmp_path: Path, dtype: type) -> None:
    megatron_writes(tmp_path / "theirs", TEXT, dtype)
    assert read(tmp_path / "theirs") == TEXT


SENTENCES = st.lists(st.lists(st.integers(0, 22), min_size=1, max_size=7), min_size=1, max_size=5)


@given(documents=st.lists(SENTENCES, min_size=1, max_size=11), tokens_per_shard=st.integers(1, 31))
def test_there_and_back(
    tmp_path_factory: pytest.TempPathFactory, documents: Documents, tokens_per_shard: int
) -> None:
    folder = tmp_path_factory.mktemp("megatron")
    shards = ours(folder / "first", documents, max_tokens_per_shard=tokens_per_shard)
    export_megatron(shards, folder / "data")
    assert read(folder / "data") == documents
    again = ours(folder / "second", read(folder / "data"), max_tokens_per_shard=tokens_per_shard)
    for first in (folder / "first").iterdir():
        assert (folder / "second" / first.name).read_bytes() == first.read_bytes()
    export_megatron(again, folder / "again")
    assert contents(folder / "again") == contents(folder / "data")


def test_a_data_set_for_each_language(tmp_path: Path) -> None:
    languages = ["en", "", "en/de"]
    shards = ours(tmp_path / "shards", TEXT, languages=languages)
    prefixes = export_megatron(shards, tmp_path / "out" / "data")
    assert [prefix.name for prefix in prefixes] == ["data", "data.en", "data.en%2Fde"]
    assert read(prefixes[1]) == TEXT[:1]
    documents = [
        (document, name)
        for prefix, name in zip(prefixes, shards.languages, strict=True)
        for document in read_megatron(prefix, 23)
    ]
    folder = tmp_path / "again"
    folder.mkdir()
    write_shards((document for document, _ in documents), folder, 23, languages=(name for _, name in documents))
    for file in (tmp_path / "shards").iterdir():
        assert (folder / file.name).read_bytes() == file.read_bytes()


def test_a_language_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    shards = ours(tmp_path / "shards", TEXT[:1], languages=["../../up"])
    (prefix,) = export_megatron(shards, tmp_path / "data")
    assert prefix == tmp_path / "data...%2F..%2Fup"
    assert all(file.is_file() for file in megatron_files(prefix))


def test_empty_sequences_and_documents_are_there_and_left_out_by_the_writer(tmp_path: Path) -> None:
    megatron_writes(tmp_path / "theirs", [[], [[], [3]], [[]], [[4, 5]]])
    assert read(tmp_path / "theirs") == [[], [[], [3]], [[]], [[4, 5]]]
    assert ours(tmp_path / "shards", read(tmp_path / "theirs")).num_documents == 2
    megatron_writes(tmp_path / "nothing", [])
    assert read(tmp_path / "nothing") == []


def test_files_that_are_there_are_not_written_over(tmp_path: Path) -> None:
    shards = ours(tmp_path / "shards", TEXT)
    (tmp_path / "data.idx").write_bytes(b"")
    with pytest.raises(UserError, match=r"data.idx: is there already; remove it or choose another name"):
        export_megatron(shards, tmp_path / "data")
    assert not (tmp_path / "data.bin").exists()


def header(
    magic: bytes = b"MMIDIDX\0\0", version: int = 1, code: int = 8, sequences: int = 6, bounds: int = 4
) -> bytes:
    return magic + struct.pack("<QBQQ", version, code, sequences, bounds)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (
            header(magic=b"TNTIDX\0\0\0"),
            "not an index of Megatron's IndexedDataset (it begins b'TNTIDX\\x00\\x00\\x00')",
        ),
        (header(version=2), "version 2, only 1 is known"),
        (header(code=6), "ids of dtype code 6; whole numbers are allowed: 1 to 5 and 8"),
        (header(code=9), "ids of dtype code 9"),
        (header(sequences=2**63), "bytes, but its header says 9,223,372,036,854,775,808 sequences and 4 bounds"),
        (header(bounds=2**64 - 1), "but its header says 6 sequences and 18,446,744,073,709,551,615 bounds"),
        (header(sequences=6, bounds=0), "but its header says 6 sequences and 0 bounds"),
        (header(code=4), "its sequences end at byte"),
        (b"", "not an index of Megatron's IndexedDataset (it begins b'')"),
    ],
)
def test_headers_that_lie(tmp_path: Path, head: bytes, message: str) -> None:
    megatron_writes(tmp_path / "data", TEXT)
    index = tmp_path / "data.idx"
    body = index.read_bytes()[34:]
    if head[17:18] == b"\4":  # the offsets of another type, so that they agree with the code
        megatron_writes(tmp_path / "wide", TEXT, np.int32)
        body = (tmp_path / "wide.idx").read_bytes()[34:]
    index.write_bytes(head + body if head else b"")
    with pytest.raises(UserError) as error:
        read(tmp_path / "data")
    assert str(error.value).startswith(f"{index}: ")
    assert message in str(error.value)


def poked(tmp_path: Path, offset: int, value: bytes) -> str:
    megatron_writes(tmp_path / "data", TEXT)
    index = tmp_path / "data.idx"
    data = bytearray(index.read_bytes())
    data[offset : offset + len(value)] = value
    index.write_bytes(bytes(data))
    with pytest.raises(UserError) as error:
        read(tmp_path / "data")
    return str(error.value).removeprefix(f"{index}: ")


def test_arrays_that_lie(tmp_path: Path) -> None:
    lengths, pointers, documents = 34, 34 + 6 * 4, 34 + 6 * 12
    assert poked(tmp_path, lengths, struct.pack("<i", -2)).startswith("sequence 0 has -2 tokens from byte 0 on")
    assert poked(tmp_path, pointers + 8, struct.pack("<q", 0)).startswith("sequence 1 has 3 tokens from byte 0 on")
    assert poked(tmp_path, lengths + 5 * 4, struct.pack("<i", 99)).startswith("its sequences end at byte")
    assert poked(tmp_path, documents + 8, struct.pack("<q", 99)).startswith(
        "its documents do not rise from 0 to the 6"
    )
    assert poked(tmp_path, documents, struct.pack("<q", 1)).startswith("its documents do not rise")
    assert poked(tmp_path, documents + 3 * 8, struct.pack("<q", 5)).startswith("its documents do not rise")


def test_files_and_ids_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data.idx: cannot be read \(No such file.*named without .bin and .idx"):
        read(tmp_path / "data")
    megatron_writes(tmp_path / "data", TEXT)
    with pytest.raises(UserError, match=r"data.bin: token 4 is id 9, the vocabulary has 9; name the tokenizer"):
        read(tmp_path / "data", vocab_size=9)
    megatron_writes(tmp_path / "minus", [[[3, -1]]], np.int32)
    with pytest.raises(UserError, match=r"token 1 is id -1"):
        read(tmp_path / "minus")
    (tmp_path / "data.bin").unlink()
    with pytest.raises(UserError, match=r"data.bin: cannot be read"):
        read(tmp_path / "data")


def test_an_index_with_modes_is_named(tmp_path: Path) -> None:
    megatron_writes(tmp_path / "data", TEXT)
    with (tmp_path / "data.idx").open("ab") as file:
        file.write(bytes(6))
    with pytest.raises(UserError, match="one of several modalities has a byte more for each sequence"):
        read_megatron(tmp_path / "data", 23)


def test_shards_of_an_older_format_are_refused(tmp_path: Path) -> None:
    shards = ours(tmp_path / "shards", TEXT)
    assert file_name("ids", 0) in {path.name for path in (tmp_path / "shards").iterdir()}
    shards.languages = ("en",)
    with pytest.raises(UserError, match="the shards hold no document; there is nothing to export"):
        export_megatron(ours(tmp_path / "empty", []), tmp_path / "data")
    with pytest.raises(UserError, match=r"do not lie sorted by language \(format 2\); write them again"):
        export_megatron(shards, tmp_path / "data")
