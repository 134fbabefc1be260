"""TensorFlow's checkpoint format, read from bytes; whatever is damaged is a message, never a crash."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.originals.tensorflow import TensorFlowCheckpoint
from tests.originals.bundle import entry, number, table, write_bundle


def tensors() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(3)
    names = [f"bert/encoder/layer_{i}/{part}/kernel" for i in range(11) for part in ("key", "query")]
    found: dict[str, np.ndarray] = {name: draw.normal(size=(3, 5)).astype("float32") for name in names}
    found["global_step"] = np.array(1_234_567_890_123, "int64")
    found["half"] = draw.normal(size=(2, 3, 7)).astype("float16")
    found["empty"] = np.zeros((0, 5), "float64")
    return found


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    path = tmp_path / "model.ckpt"
    write_bundle(path, tensors())
    return path


@pytest.mark.parametrize("shards", [1, 3])
def test_every_tensor_comes_back_bit_by_bit(tmp_path: Path, shards: int) -> None:
    write_bundle(tmp_path / "m", tensors(), shards)
    checkpoint = TensorFlowCheckpoint(tmp_path / "m")
    assert checkpoint.shapes == {name: values.shape for name, values in tensors().items()}
    for name, values in tensors().items():
        read = checkpoint.read(name)
        assert read.dtype == values.dtype
        assert read.tobytes() == values.tobytes()


def test_a_missing_index(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nope\.index: no such file; a TensorFlow checkpoint is NAME\.index beside"):
        TensorFlowCheckpoint(tmp_path / "nope")


def test_a_missing_data_file(prefix: Path) -> None:
    prefix.with_name("model.ckpt.data-00000-of-00001").unlink()
    with pytest.raises(UserError, match=r"data-00000-of-00001: no such file, but .* lies in it; fetch all files"):
        TensorFlowCheckpoint(prefix)


def test_a_cut_data_file(prefix: Path) -> None:
    data = prefix.with_name("model.ckpt.data-00000-of-00001")
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(UserError, match="the file is cut short, fetch it again"):
        TensorFlowCheckpoint(prefix)


def index_of(folder: Path, *records: tuple[bytes, bytes]) -> Path:
    (folder / "m.index").write_bytes(table(list(records)))
    (folder / "m.data-00000-of-00001").write_bytes(bytes(64))
    return folder / "m"


HEADER = (b"", number(1, 1))


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([HEADER, (b"w", entry(1, (3, 5), 0, 64))], r"w has shape \(3, 5\), but 64 bytes"),
        ([HEADER, (b"w", entry(1, (1 << 39, 1 << 39), 0, 64))], r"w has shape .*, but 64 bytes"),
        ([HEADER, (b"w", entry(1, (1 << 41,), 0, 64))], "a tensor of shape"),
        ([HEADER, (b"w", entry(1, (16,), 1, 64))], "w ends at byte 65; the file is cut short"),
        ([HEADER, (b"w", entry(1, (16,), 0, 64, shard=1))], "data-00001-of-00001: no such file"),
        ([HEADER, (b"w", entry(1, (16,), 0, 64) + b"\x3a\x00")], "a tensor stored in slices"),
        ([HEADER, (b"\xff", entry(1, (16,), 0, 64))], "not the index of a TensorFlow checkpoint"),
        ([(b"", number(1, 1) + number(2, 1))], "big-endian"),
    ],
)
def test_what_does_not_add_up_is_refused(tmp_path: Path, records: list[tuple[bytes, bytes]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        TensorFlowCheckpoint(index_of(tmp_path, *records))


def test_strings_are_no_weights(tmp_path: Path) -> None:
    checkpoint = TensorFlowCheckpoint(index_of(tmp_path, HEADER, (b"names", entry(7, (2,), 0, 9))))
    with pytest.raises(UserError, match=r"names holds no numbers \(TensorFlow's type 7\)"):
        checkpoint.read("names")


def test_compressed_blocks_are_named(tmp_path: Path) -> None:
    (tmp_path / "m.index").write_bytes(table([HEADER], compression=1))
    with pytest.raises(UserError, match=r"its blocks are compressed \(kind 1\)"):
        TensorFlowCheckpoint(tmp_path / "m")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_a_message(prefix: Path, data: st.DataObject) -> None:
    index = prefix.with_name("model.ckpt.index")
    whole = index.with_suffix(".whole")
    if not whole.exists():
        whole.write_bytes(index.read_bytes())
    damaged = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    index.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))] if data.draw(st.booleans()) else damaged)
    message = None
    try:
        checkpoint = TensorFlowCheckpoint(prefix)
        for name in checkpoint.shapes:
            checkpoint.read(name)
    except UserError as error:
        message = str(error)
    assert message is None or str(prefix.parent) in message
