"""The log shows each step once and survives being killed at any byte."""

import errno
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.train.log import TrainLog, read_log


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


def fill(path: Path, steps: int) -> None:
    with TrainLog(path) as log:
        for step in range(1, steps + 1):
            log.write("step", step, loss=10.0 / step)
            if step % 5 == 0:
                log.write("eval", step, loss=11.0 / step)


def test_events_are_lines_of_json_in_order(path: Path) -> None:
    with TrainLog(path) as log:
        log.write("step", 1, tokens=4096, loss=9.5, lr=1e-4)
        log.write("eval", 1, loss=9.25, accuracy={"en": 0.5, "sw": 0.25})
        log.write("checkpoint", 1, path="checkpoint-1/Größe")
    assert path.read_text(encoding="utf-8").splitlines() == [
        '{"event": "step", "step": 1, "tokens": 4096, "loss": 9.5, "lr": 0.0001}',
        '{"event": "eval", "step": 1, "loss": 9.25, "accuracy": {"en": 0.5, "sw": 0.25}}',
        '{"event": "checkpoint", "step": 1, "path": "checkpoint-1/Größe"}',
    ]
    assert [record["event"] for record in read_log(path)] == ["step", "eval", "checkpoint"]


def test_a_line_is_on_file_before_the_log_is_closed(path: Path) -> None:
    with TrainLog(path) as log:
        log.write("step", 1, loss=2.0)
        assert read_log(path) == [{"event": "step", "step": 1, "loss": 2.0}]


def test_numbers_without_a_json_form_become_null_at_any_depth(path: Path) -> None:
    with TrainLog(path) as log:
        log.write("skip", 7, loss=math.nan, grad_norm=math.inf, per_language={"en": [-math.inf, 1.5]})
    record = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} in the file"))
    assert record == {
        "event": "skip",
        "step": 7,
        "loss": None,
        "grad_norm": None,
        "per_language": {"en": [None, 1.5]},
    }


def test_reopening_appends(path: Path) -> None:
    fill(path, 2)
    with TrainLog(path) as log:
        log.write("step", 3, loss=1.0)
    assert [record["step"] for record in read_log(path)] == [1, 2, 3]


@pytest.mark.parametrize("tail", [b'{"event": "step", "st', b"\x00\x00\x00", "Größe".encode()[:3]])
def test_a_torn_last_line_is_dropped_and_does_not_swallow_the_next(path: Path, tail: bytes) -> None:
    fill(path, 3)
    with path.open("ab") as file:
        file.write(tail)
    assert [record["step"] for record in read_log(path)] == [1, 2, 3]
    with TrainLog(path) as log:
        log.write("step", 4, loss=1.0)
    assert [record["step"] for record in read_log(path)] == [1, 2, 3, 4]


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_killed_at_any_byte_and_resumed_each_step_is_there_once(path: Path, data: st.DataObject) -> None:
    path.unlink(missing_ok=True)
    fill(path, 13)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)), label="bytes on file")])
    logged = [record["step"] for record in read_log(path) if record["event"] == "step"]
    resume_at = data.draw(st.integers(0, len(logged)), label="checkpoint")
    with TrainLog(path) as log:
        log.resume(resume_at)
        for step in range(resume_at + 1, 14):
            log.write("step", step, loss=10.0 / step)
    records = read_log(path)
    assert [record["step"] for record in records if record["event"] == "step"] == list(range(1, 14))
    assert [record["step"] for record in records if record["event"] == "resume"] == [resume_at]


def test_resume_keeps_lines_as_they_are_and_leaves_no_file_beside(path: Path) -> None:
    fill(path, 7)
    before = path.read_text().splitlines()
    with TrainLog(path) as log:
        log.resume(5)
    after = path.read_text().splitlines()
    assert after == [*before[:6], '{"event": "resume", "step": 5}']
    assert [entry.name for entry in path.parent.iterdir()] == ["log.jsonl"]


def test_killed_while_cutting_the_old_log_is_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(path, 7)
    before = path.read_bytes()

    def killed(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    log = TrainLog(path)
    with pytest.raises(KeyboardInterrupt):
        log.resume(3)
    monkeypatch.undo()
    assert path.read_bytes() == before
    with TrainLog(path) as log:  # the left-over file beside it does not disturb the next attempt
        log.resume(3)
    assert [record["step"] for record in read_log(path)] == [1, 2, 3, 3]


def test_a_damaged_line_in_the_middle_is_named(path: Path) -> None:
    path.write_text('{"event": "step", "step": 1}\n[1, 2]\n{"event": "step", "step": 2}\n')
    with pytest.raises(UserError) as caught:
        read_log(path)
    assert str(caught.value) == (
        f"{path}:2: '[1, 2]' is not a JSON object; "
        "the log was changed or damaged: move the file away or remove that line"
    )


def test_a_missing_log_is_a_message(path: Path) -> None:
    with pytest.raises(UserError, match=r"log\.jsonl: cannot read the training log: No such file"):
        read_log(path)


def test_a_folder_that_is_missing_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot write the training log: No such file or directory; free some"):
        TrainLog(tmp_path / "missing" / "log.jsonl")


class FullDisk:
    """A raw file on a disk with room for a few bytes more: short writes first, then ENOSPC, as Linux does it."""

    def __init__(self, file: Any, room: int) -> None:
        self.file, self.room = file, room

    def write(self, data: bytes) -> int:
        chunk = data[: self.room]
        if not chunk:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= len(chunk)
        return int(self.file.write(chunk))

    def close(self) -> None:
        self.file.close()


def test_a_full_disk_is_a_message_and_earlier_lines_stay_readable(path: Path) -> None:
    fill(path, 2)
    with TrainLog(path) as log:
        log._file = FullDisk(log._file, room=11)  # type: ignore[assignment]
        with pytest.raises(UserError) as caught:
            log.write("step", 3, loss=1.0)
    assert str(caught.value) == (
        f"{path}: cannot write the training log: No space left on device; "
        "free some space or choose another output folder, then run the same command again"
    )
    assert [record["step"] for record in read_log(path)] == [1, 2]
