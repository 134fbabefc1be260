"""What a person sees while a phase of the corpus runs."""

import io
import time

from rich.console import Console

from encodery.stages.corpus_progress import PhaseProgress


class Clock:
    """Time that passes when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_time_left_is_that_of_the_tasks_done_here() -> None:
    clock = Clock()
    progress = PhaseProgress(Console(file=io.StringIO()), "extract", 12, complete=4, clock=clock)
    assert progress.line() == "  extract    4/12 tasks, 0s"
    clock.now += 90
    progress.advance()
    progress.advance()
    assert progress.line() == "  extract    6/12 tasks, 1m 30s, about 4m 30s to go"


def test_a_line_every_few_seconds_and_one_at_the_end() -> None:
    file = io.StringIO()
    with PhaseProgress(Console(file=file), "filter", 2, line_seconds=0.005) as progress:
        while "0/2" not in file.getvalue():
            time.sleep(0.001)  # a long task is under way
        progress.advance()
        progress.advance()
    assert file.getvalue().splitlines()[-1] == "  filter     2/2 tasks, 0s"


def test_a_phase_that_was_complete_says_nothing() -> None:
    file = io.StringIO()
    with PhaseProgress(Console(file=file), "near", 5, complete=5):
        pass
    assert file.getvalue() == ""


def test_a_terminal_has_a_bar() -> None:
    file = io.StringIO()
    with PhaseProgress(Console(file=file, force_terminal=True, width=80), "write", 3, complete=1) as progress:
        progress.advance()
    assert "write" in file.getvalue()
    assert "2/3" in file.getvalue()
