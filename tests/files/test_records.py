"""Records of each format, and what is said about those that are none."""

import gzip
import io
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.files.records import RecordFormat, read_records
from encodery.files.streams import EncodingErrors, decompress, open_bytes


def read(
    data: bytes,
    file_format: RecordFormat = "jsonl",
    encoding_errors: EncodingErrors = "strict",
    columns: tuple[str, ...] = (),
) -> list[tuple[int, dict[str, Any]]]:
    stream = decompress(io.BytesIO(data), "f")
    return list(read_records(stream, "f", file_format, columns=columns, encoding_errors=encoding_errors))


def fails(data: bytes, file_format: RecordFormat = "jsonl") -> str:
    with pytest.raises(UserError) as caught:
        read(data, file_format)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def parquet(table: dict[str, list[Any]], **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(table), buffer, **options)
    return buffer.getvalue()


def test_json_lines_with_their_numbers() -> None:
    data = b'\xef\xbb\xbf{"text": "a"}\r\n\n  \n{"text": "\\u00e9\\n", "n": [1, {"x": null}]}'
    assert read(data) == [(1, {"text": "a"}), (4, {"text": "é\n", "n": [1, {"x": None}]})]


@given(st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=7) | st.integers() | st.none()), max_size=5))
def test_json_lines_round_trip(records: list[dict[str, Any]]) -> None:
    data = "\n".join(json.dumps(record) for record in records).encode()
    assert [record for _, record in read(data)] == records


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"text": "a"', "not JSON (expecting ',' delimiter at column 13)"),
        ("text", "not JSON (expecting value at column 1)"),
        ("{'text': 1}", "not JSON (expecting property name enclosed in double quotes at column 2)"),
        ('{"a": 1} {"b": 2}', "not JSON (extra data at column 10)"),
        ('[{"text": "a"}]', "an array where an object is expected"),
        ('"text"', "a string where an object is expected"),
        ("null", "null where an object is expected"),
        ("3.5", "a single value where an object is expected"),
    ],
)
def test_a_line_that_is_no_json_object(line: str, problem: str) -> None:
    assert fails(b'{"text": "a"}\n' + line.encode()) == f"f:2: {problem}; write one JSON object per line"


@pytest.mark.parametrize("value", ["[" * 100_003, '{"a":' + "7" * 5003 + "}"])
def test_json_beyond_reason(value: str) -> None:
    assert fails(value.encode()) == "f:1: not JSON that can be read (too deep, or too long a number)"


def test_half_a_surrogate_pair() -> None:
    data = rb'{"a": {"b": ["x\ud83d"]}}'
    assert fails(data) == "f:1: \\ud83d is half a character (surrogate); repair the record"
    assert read(data, encoding_errors="replace") == [(1, {"a": {"b": ["x\ufffd"]}})]
    assert read(rb'{"a": "\ud83d\ude00 \\ud83d"}') == [(1, {"a": "😀 \\ud83d"})]


def test_tables_by_their_delimiter() -> None:
    assert read(b"a,b\n1,2\n", "csv") == [(2, {"a": "1", "b": "2"})]
    assert read(b"a\tb,c\n1\t2\n", "tsv") == [(2, {"a": "1", "b,c": "2"})]


def test_invalid_utf8_in_records() -> None:
    assert fails(b"a,b\n1,\xe9\n", "csv") == "f:2: invalid UTF-8 at byte 6: e9; convert the file to UTF-8"
    assert read(b"a,b\n1,\xe9\n", "csv", "replace") == [(2, {"a": "1", "b": "\ufffd"})]


def test_parquet_rows_over_groups_and_batches() -> None:
    texts = [f"text {i}" for i in range(1009)]
    data = parquet({"text": texts, "label": list(range(1009))}, row_group_size=307)
    assert read(data, "parquet") == [(i + 1, {"text": text, "label": i}) for i, text in enumerate(texts)]
    assert read(data, "parquet", columns=("text",))[1008] == (1009, {"text": "text 1008"})
    assert read(data, "parquet", columns=("absent",))[0] == (1, {"text": "text 0", "label": 0})


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_parquet_kinds_of_text(kind: Any) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": pa.array(["é", None, "é"]).cast(kind)}), buffer)
    assert [record["text"] for _, record in read(buffer.getvalue(), "parquet")] == ["é", None, "é"]


def test_parquet_from_a_file_and_a_compressed_file(tmp_path: Path) -> None:
    data = parquet({"text": ["a", "b"]})
    (tmp_path / "a.parquet").write_bytes(data)
    (tmp_path / "a.parquet.gz").write_bytes(gzip.compress(data))
    for name in ("a.parquet", "a.parquet.gz"):
        with open_bytes(tmp_path / name) as stream:
            assert list(read_records(stream, name, "parquet")) == [(1, {"text": "a"}), (2, {"text": "b"})]


def test_broken_parquet() -> None:
    data = parquet({"text": ["abc" * 97] * 101})
    for broken in (b"", b"PAR1", b"text, not parquet", data[:-5], data[: len(data) // 2], data[7:]):
        message = fails(broken, "parquet")
        assert message.startswith("f: broken Parquet file (")
        assert message.endswith("); fetch or write it again")


def test_parquet_text_that_is_no_utf8() -> None:
    buffer = io.BytesIO()
    raw = pa.array([b"ok", b"\xe9"], pa.binary())
    pq.write_table(pa.table({"text": pa.Array.from_buffers(pa.string(), 2, raw.buffers())}), buffer)
    assert fails(buffer.getvalue(), "parquet") == "f: invalid UTF-8 in one of the rows from 1 on; write it again"


def test_pyarrow_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    data = parquet({"text": ["a"]})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert fails(data, "parquet") == ('f: reading Parquet needs the package pyarrow; pip install "encodery[corpus]"')
