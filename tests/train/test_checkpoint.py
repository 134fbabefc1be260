import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from encodery.artifact import MANIFEST, publish
from encodery.artifact.disk import RESTORE
from encodery.errors import UserError
from encodery.train.checkpoint import (
    Checkpoint,
    TrainingState,
    latest_checkpoint,
    save_checkpoint,
)
from tests.faults import FaultyDisk, scratch

FILES = ["manifest.json", "model.safetensors", "optimizer.safetensors", "state.json"]


@pytest.fixture
def root() -> Iterator[Path]:
    with scratch() as folder:
        yield folder


def content(step: int) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Any]]:
    """Weights, optimizer tensors and state that belong to a step and to no other."""
    generator = torch.Generator().manual_seed(step)
    model = {"a": torch.randn(3, 5, generator=generator), "b": torch.full((7,), step, dtype=torch.bfloat16)}
    return model, {"step.a": torch.tensor(float(step))}, TrainingState(step=step, tokens=step * 11).model_dump()


def save(folder: Path, step: int, content_of: int | None = None, keep: int = 2) -> Path:
    return save_checkpoint(folder, step, *content(step if content_of is None else content_of), keep=keep)


def loaded(folder: Path) -> int | None:
    """The step that the newest checkpoint holds in all its parts, bit for bit; None where there is none."""
    checkpoint = latest_checkpoint(folder, pytest.fail)
    if checkpoint is None:
        return None
    model, optimizer, state = checkpoint.load()
    expected = content(state["step"])
    for given_, wanted in ((model, expected[0]), (optimizer, expected[1])):
        assert given_.keys() == wanted.keys()
        assert all(torch.equal(given_[name], wanted[name]) for name in wanted)
    assert state == expected[2]
    return int(state["step"])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def latest(folder: Path) -> tuple[int | None, list[str]]:
    """Step of the newest valid checkpoint, and what was said on the way."""
    said: list[str] = []
    checkpoint = latest_checkpoint(folder, said.append)
    return None if checkpoint is None else checkpoint.step, said


def test_round_trip(root: Path) -> None:
    path = save(root / "run" / "checkpoints", 100)
    assert path == root / "run" / "checkpoints" / "step-00000100"
    assert names(path) == FILES
    checkpoint = latest_checkpoint(root / "run" / "checkpoints", pytest.fail)
    assert isinstance(checkpoint, Checkpoint)
    assert (checkpoint.step, checkpoint.folder) == (100, path)
    assert checkpoint.manifest.stage == "checkpoint"
    assert loaded(root / "run" / "checkpoints") == 100


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64, torch.int64, torch.uint8, torch.bool]
)
def test_every_bit_comes_back(root: Path, dtype: torch.dtype) -> None:
    width = dtype.itemsize
    # every bit pattern of 16 bits: infinities, subnormals, minus zero, and each kind of not-a-number
    patterns = torch.arange(2**16, dtype=torch.int32).to(torch.int16).view(torch.uint8)
    raw = patterns[: 2**16 // width * width]
    tensor = (raw & 1).view(torch.bool) if dtype == torch.bool else raw.view(dtype)
    save_checkpoint(root, 1, {"a": tensor}, {}, {})
    checkpoint = latest_checkpoint(root, pytest.fail)
    assert checkpoint is not None
    result = checkpoint.load()[0]["a"]
    assert result.dtype == dtype
    assert torch.equal(result.view(torch.uint8), tensor.view(torch.uint8))


def test_tied_transposed_empty_and_trained_tensors(root: Path) -> None:
    tied = nn.Parameter(torch.randn(3, 5))
    model = {"a": tied, "b": tied, "t": torch.randn(7, 2).T, "part": torch.arange(11)[3:8], "none": torch.ones(0, 3)}
    save_checkpoint(root, 1, model, {}, {})
    checkpoint = latest_checkpoint(root, pytest.fail)
    assert checkpoint is not None
    result = checkpoint.load()[0]
    assert result.keys() == model.keys()
    assert all(torch.equal(result[name], model[name]) for name in model)


@settings(max_examples=40)
@given(
    state=st.dictionaries(
        st.text(max_size=5),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=5)
        | st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=3),
        max_size=5,
    )
)
def test_any_plain_state_comes_back(state: dict[str, Any]) -> None:
    with scratch() as folder:
        with FaultyDisk(folder):
            save_checkpoint(folder, 1, {}, {}, state)
        checkpoint = latest_checkpoint(folder, pytest.fail)
        assert checkpoint is not None
        assert checkpoint.load()[2] == state


def test_a_state_that_is_not_plain_leaves_nothing(root: Path) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_checkpoint(root, 1, {}, {}, {"rng": object()})
    assert names(root) == []


def test_training_state_round_trip() -> None:
    state = TrainingState(step=3, tokens=7, skipped_steps=2, consecutive_skipped_steps=1)
    assert TrainingState.parse(json.loads(json.dumps(state.model_dump())), "state.json") == state
    with pytest.raises(UserError, match=r"state\.json: step = -1: input should be greater than or equal to 0"):
        TrainingState.parse({"step": -1}, "state.json")


def test_training_state_counts_skipped_steps() -> None:
    state = TrainingState()
    for applied in (True, False, False):
        state = state.after_step(tokens=7, applied=applied)
    assert state == TrainingState(step=3, tokens=21, skipped_steps=2, consecutive_skipped_steps=2)
    later = TrainingState(step=4, tokens=32, skipped_steps=2, consecutive_skipped_steps=0)
    assert state.after_step(tokens=11, applied=True) == later


def test_keeps_the_newest(root: Path) -> None:
    for step in (5, 10, 100_000_000, 100_000_005):
        save(root, step)
    assert names(root) == ["step-100000000", "step-100000005"]
    save(root, 100_000_007, keep=1)
    assert names(root) == ["step-100000007"]
    assert loaded(root) == 100_000_007


def test_checkpoints_after_the_saved_step_are_abandoned(root: Path) -> None:
    for step in (10, 20, 30):
        save(root, step, keep=5)
    (root / "step-00000030" / MANIFEST).write_bytes(b"{")
    assert latest(root)[0] == 20
    save(root, 25)
    assert names(root) == ["step-00000020", "step-00000025"]
    assert loaded(root) == 25


def test_what_is_no_checkpoint_is_left_alone(root: Path) -> None:
    (root / "step-3").mkdir()
    (root / "notes").mkdir()
    (root / "step-00000001.txt").write_text("mine")
    assert latest(root) == (None, [])
    save(root, 2, keep=1)
    assert names(root) == ["notes", "step-00000001.txt", "step-00000002", "step-3"]


@pytest.mark.parametrize("missing", [True, False])
def test_no_checkpoint_yet(root: Path, missing: bool) -> None:
    assert latest(root / "checkpoints" if missing else root) == (None, [])


def test_the_same_step_again(root: Path) -> None:
    save(root, 3, content_of=2)
    save(root, 3)
    assert loaded(root) == 3
    assert names(root) == ["step-00000003"]


def test_half_a_copy_of_the_step_is_replaced(root: Path) -> None:
    (root / "step-00000003").mkdir()
    (root / "step-00000003" / "model.safetensors").write_bytes(b"half")
    save(root, 3)
    assert loaded(root) == 3


def test_a_step_needs_a_checkpoint_to_keep(root: Path) -> None:
    with pytest.raises(AssertionError):
        save(root, 1, keep=0)


def damage(root: Path, name: str, offset: int, flip: int) -> None:
    """Flip bits of a byte of checkpoint 3, which is to be noticed, skipped aloud, and checkpoint 2 taken."""
    path = root / "step-00000003" / name
    intact = path.read_bytes()
    damaged = bytearray(intact)
    damaged[offset] ^= flip
    path.write_bytes(damaged)
    step, said = latest(root)
    path.write_bytes(intact)
    assert step == 2
    assert len(said) == 1
    assert said[0].startswith(f"checkpoint of step 3 skipped: {path}: damaged, ")


@pytest.mark.parametrize("name", [MANIFEST, "state.json"])
def test_every_changed_byte_of_json_is_noticed(root: Path, name: str) -> None:
    save(root, 2)
    save(root, 3)
    size = (root / "step-00000003" / name).stat().st_size
    assert size > 60
    for offset in range(size):
        damage(root, name, offset, 1 << offset % 8)


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors"])
def test_flipped_bits_of_tensors_are_noticed(root: Path, name: str) -> None:
    save(root, 2)
    save(root, 3)
    size = (root / "step-00000003" / name).stat().st_size
    for offset in {0, 1, 7, 8, size - 1, *random.Random(3).sample(range(size), 41)}:
        damage(root, name, offset, 1 << offset % 8)


@pytest.mark.parametrize("name", FILES)
def test_truncation_is_noticed(root: Path, name: str) -> None:
    save(root, 2)
    path = save(root, 3) / name
    intact = path.read_bytes()
    # the final line feed of the manifest is the one byte that says nothing
    for length in {0, 1, 8, len(intact) // 2, len(intact) - 2, len(intact) - 1 - (name == MANIFEST)}:
        path.write_bytes(intact[:length])
        step, said = latest(root)
        assert step == 2
        reason = "damaged, " if name == MANIFEST else f"{length:,} bytes instead of {len(intact):,}; "
        assert said[0].startswith(f"checkpoint of step 3 skipped: {path}: {reason}")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_noticed(root: Path, name: str) -> None:
    save(root, 2)
    path = save(root, 3)
    (path / name).unlink()
    step, said = latest(root)
    assert step == 2
    reason = f"{path}: no manifest.json" if name == MANIFEST else f"cannot read {path / name}: No such file"
    assert said[0].startswith(f"checkpoint of step 3 skipped: {reason}")


def test_no_valid_checkpoint_is_an_error(root: Path) -> None:
    for step in (2, 3):
        (save(root, step) / "model.safetensors").write_bytes(b"")
    said: list[str] = []
    with pytest.raises(UserError) as caught:
        latest_checkpoint(root, said.append)
    assert str(caught.value) == (
        f"{root}: none of its checkpoints can be used (step-00000003, step-00000002); "
        "restore one from a copy, or delete the folder to train from the start"
    )
    assert [line[:28] for line in said] == ["checkpoint of step 3 skipped", "checkpoint of step 2 skipped"]


def test_a_renamed_checkpoint_is_not_of_that_step(root: Path) -> None:
    save(root, 2)
    save(root, 3).rename(root / "step-00000004")
    reason = f"{root}/step-00000004/manifest.json: not of the checkpoint of step 4; {RESTORE}"
    assert latest(root) == (2, [f"checkpoint of step 4 skipped: {reason}"])


@pytest.mark.parametrize("stage", ["checkpoint", "pretrain"])
def test_another_artifact_is_no_checkpoint(root: Path, stage: str) -> None:
    with publish(root / "step-00000003", {"stage": stage, "key": "k", "config": {"step": 3}}) as temporary:
        (temporary / "state.json").write_text("{}")
    with pytest.raises(UserError, match="none of its checkpoints can be used"):
        latest(root)


def test_tensors_that_are_none(root: Path) -> None:
    with publish(root / "step-00000003", {"stage": "checkpoint", "key": "k", "config": {"step": 3}}) as temporary:
        (temporary / "state.json").write_text("{}")
        (temporary / "model.safetensors").write_bytes(b"\x80\x04pickle")
        save_file({}, temporary / "optimizer.safetensors")
    checkpoint = latest_checkpoint(root, pytest.fail)
    assert checkpoint is not None
    with pytest.raises(UserError) as caught:
        checkpoint.load()
    assert str(caught.value).startswith(f"{root}/step-00000003/model.safetensors: no safetensors file (")
