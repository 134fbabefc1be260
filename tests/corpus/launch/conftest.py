"""A phase of squares."""

from collections.abc import Callable
from pathlib import Path

import pytest

from encodery.corpus.launch import Phase
from tests.corpus.launch.works import Square

MakePhase = Callable[..., Phase]


@pytest.fixture
def make_phase(tmp_path: Path) -> MakePhase:
    """A phase of so many tasks, in one folder; other arguments are those of `Square`."""
    log = tmp_path / "log"

    def made(tasks: int = 5, **asked: object) -> Phase:
        log.mkdir(exist_ok=True)
        return Phase("squares", tasks, Square(log, **asked), tmp_path / "work")  # type: ignore[arg-type]

    return made


def leave_half(phase: Phase, name: str = ".00000.123-abc") -> Path:
    """What a killed attempt leaves."""
    left = phase.folder / phase.name / name
    left.mkdir(parents=True)
    (left / "half").write_text("ha")
    return left


def squares(phase: Phase) -> dict[str, list[str]]:
    """What lies in the folder of the phase: of each task the files and their text."""
    return {
        task.name: [f"{file.name} {file.read_text()}" for file in sorted(task.iterdir())]
        for task in sorted((phase.folder / phase.name).iterdir())
    }


def all_squares(tasks: int = 5) -> dict[str, list[str]]:
    """What lies there when all went well."""
    return {f"{task:05d}": [f"square {task**2}"] for task in range(tasks)}
