"""Tasks one after the other: what a failure costs, and what the second run does."""

from pathlib import Path

import pytest

from encodery.corpus.launch import LocalLaunch, Phase, finished_tasks
from encodery.errors import UserError
from tests.corpus.launch.conftest import MakePhase, all_squares, leave_half, squares
from tests.corpus.launch.works import Square

HERE = LocalLaunch(workers=1, max_retries=2)


def square_of(phase: Phase) -> Square:
    assert isinstance(phase.work, Square)
    return phase.work


def test_every_task_leaves_its_folder_and_its_marker(make_phase: MakePhase) -> None:
    phase = make_phase(5)
    assert list(finished_tasks(phase, HERE)) == [0, 1, 2, 3, 4]
    assert squares(phase) == all_squares()
    assert sorted(path.name for path in (phase.state / "completions").iterdir()) == sorted(all_squares())


def test_the_second_run_does_nothing(make_phase: MakePhase) -> None:
    phase = make_phase(5)
    list(finished_tasks(phase, HERE))
    assert list(finished_tasks(phase, HERE)) == []
    assert [square_of(phase).tries(task) for task in range(5)] == [1] * 5


def test_a_task_without_a_marker_is_done_again_whatever_lies_there(make_phase: MakePhase) -> None:
    phase = make_phase(3)
    list(finished_tasks(phase, HERE))
    (phase.state / "completions" / "00001").unlink()
    (phase.folder / "squares" / "00001" / "square").write_text("cut o")
    assert list(finished_tasks(phase, HERE)) == [1]
    assert squares(phase) == all_squares(3)


def test_what_a_killed_attempt_left_is_removed(make_phase: MakePhase) -> None:
    phase = make_phase(2)
    leave_half(phase)
    list(finished_tasks(phase, HERE))
    assert squares(phase) == all_squares(2)


def test_a_task_whose_folder_is_tidied_away_leaves_nothing_and_no_marker(
    make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that was given up for lost and works on; what another attempt made stays."""
    phase = make_phase(1)
    list(finished_tasks(phase, HERE))
    marker = phase.state / "completions" / "00000"
    marker.unlink()

    def work(square: Square, task: int, into: Path) -> None:
        (into / "half").write_text("ha")
        phase.tidy()

    with monkeypatch.context() as patched:
        patched.setattr(Square, "__call__", work)
        with pytest.raises(UserError, match="1 of 1 tasks failed"):
            list(finished_tasks(phase, HERE))
    assert not marker.exists()
    assert squares(phase) == all_squares(1)


def test_a_failed_task_is_named_when_the_others_are_done(make_phase: MakePhase) -> None:
    phase = make_phase(5, fails=(1, 3))
    done: list[int] = []
    with pytest.raises(UserError) as refused:
        done.extend(finished_tasks(phase, HERE))
    assert done == [0, 2, 4]
    assert str(refused.value) == (
        "squares: 2 of 5 tasks failed (1, 3); the first one says: part 1: no such file; "
        f"logs are in {phase.state / 'logs'}; mend the cause and run the same command again: while inputs and "
        "settings stay as they are it takes up these tasks alone"
    )
    assert square_of(phase).tries(1) == 1, "the recipe is wrong each time"
    assert list(finished_tasks(make_phase(5), HERE)) == [1, 3]


def test_what_may_pass_is_tried_again(make_phase: MakePhase) -> None:
    phase = make_phase(3, breaks=(2,))
    with pytest.raises(
        UserError, match=r"1 of 3 tasks failed \(2\); the first one says: ConnectionError: store of 2"
    ):
        list(finished_tasks(phase, HERE))
    assert square_of(phase).tries(2) == 3


def test_a_full_disk_ends_the_phase_and_loses_nothing(make_phase: MakePhase) -> None:
    phase = make_phase(5, full=(2,))
    with pytest.raises(UserError) as refused:
        list(finished_tasks(phase, HERE))
    said = str(refused.value)
    assert said.startswith(f"cannot save {phase.folder / 'squares' / '00002'}: No space left on device (")
    assert said.endswith("what was saved earlier is intact; the same command continues where this stopped")
    assert squares(phase) == all_squares(2), "no half of the third one is left"
    assert list(finished_tasks(make_phase(5), HERE)) == [2, 3, 4]


def test_nothing_is_printed(make_phase: MakePhase, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError):
        list(finished_tasks(make_phase(2, fails=(1,)), HERE))
    assert capfd.readouterr() == ("", "")


def test_many_failed_tasks_are_named_in_part(make_phase: MakePhase) -> None:
    phase = make_phase(12, fails=tuple(range(12)))
    with pytest.raises(UserError, match=r"12 of 12 tasks failed \(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\.\)"):
        list(finished_tasks(phase, HERE))


def test_without_datatrove_it_says_what_to_install(make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datatrove", None)
    with pytest.raises(UserError) as refused:
        finished_tasks(make_phase(), HERE)
    assert str(refused.value) == '[corpus.clean] needs datatrove; pip install "encodery[crawl]"'


def test_logs_are_kept(make_phase: MakePhase) -> None:
    phase = make_phase(1, breaks=(0,))
    with pytest.raises(UserError):
        list(finished_tasks(phase, HERE))
    log = Path(phase.state / "logs" / "task_00000.log").read_text()
    assert "ConnectionError: store of 0 is away" in log
