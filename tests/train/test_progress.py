"""Both faces of the progress display, seen through a recorded console and a clock we turn."""

import io
import math
import os
import re
import subprocess
import sys
import time

import pytest
from rich.console import Console

from encodery.train.progress import (
    Progress,
    format_duration,
    format_value,
    peak_memory_bytes,
)

VALUES: dict[str, float | int] = {
    "loss": 5.12341,
    "mlm_accuracy": 0.2134,
    "nsp_accuracy": 0.56,
    "lr": 3e-4,
    "tokens_per_second": 9812.4,
    "peak_memory_bytes": 812_000_000,
}
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Screen:
    """A console that records, and the clock of the progress shown on it."""

    def __init__(self, terminal: bool, width: int = 100) -> None:
        self.file = io.StringIO()
        self.clock = Clock()
        self.console = Console(
            file=self.file,
            force_terminal=terminal,
            force_interactive=terminal,
            width=width,
            height=40,
            _environ={"TERM": "xterm"},
        )

    def progress(self, total_steps: int, start_step: int = 0, title: str = "pretrain") -> Progress:
        return Progress(title, total_steps, self.console, start_step, clock=self.clock)

    @property
    def lines(self) -> list[str]:
        return self.file.getvalue().splitlines()

    def last_frame(self, title: str = "pretrain") -> list[str]:
        """The final state of the live display, without its colours."""
        text = ANSI.sub("", self.file.getvalue())
        return [line.rstrip() for line in text[text.rindex(title) :].splitlines()]


def run(screen: Screen, progress: Progress, steps: range, seconds: float) -> None:
    with progress:
        for step in steps:
            screen.clock.now += seconds
            progress.update(step, VALUES)


def fail_after_two_steps(screen: Screen) -> None:
    with screen.progress(9) as progress:
        progress.update(1, {"loss": 2.0})
        progress.update(2, {"loss": math.nan})
        raise ZeroDivisionError


def test_a_plain_line_reads_as_documented() -> None:
    screen = Screen(terminal=False)
    with screen.progress(1000, start_step=119) as progress:
        screen.clock.now += 80 / 880
        progress.update(120, VALUES)
    assert screen.lines == [
        "pretrain: 1,000 steps, from step 119",
        "step 120/1000  loss 5.1234  mlm_accuracy 0.213  nsp_accuracy 0.560  lr 3.0e-04  "
        "tokens/s 9,812  ETA 1m 20s  memory 812 MB",
    ]


def test_plain_lines_come_every_five_seconds_and_first_and_last_always() -> None:
    screen = Screen(terminal=False)
    run(screen, screen.progress(23), range(1, 24), seconds=2.0)
    shown = [int(line.split("/")[0].removeprefix("step ")) for line in screen.lines[1:]]
    assert shown == [1, 4, 7, 10, 13, 16, 19, 22, 23]


def test_the_last_line_is_there_when_the_run_stops_early_and_never_twice() -> None:
    screen = Screen(terminal=False)
    run(screen, screen.progress(1000), range(1, 6), seconds=1.0)
    assert [line.split("  ")[0] for line in screen.lines] == ["pretrain: 1,000 steps", "step 1/1000", "step 5/1000"]
    screen = Screen(terminal=False)
    run(screen, screen.progress(1), range(1, 2), seconds=1.0)
    assert [line.split("  ")[0] for line in screen.lines] == ["pretrain: 1 steps", "step 1/1"]


def test_a_run_without_steps_shows_its_title_alone() -> None:
    screen = Screen(terminal=False)
    run(screen, screen.progress(7, start_step=7), range(0), seconds=1.0)
    assert screen.lines == ["pretrain: 7 steps, from step 7"]


def test_the_last_line_is_there_when_training_fails() -> None:
    screen = Screen(terminal=False)
    with pytest.raises(ZeroDivisionError):
        fail_after_two_steps(screen)
    assert screen.lines[-1] == "step 2/9  loss nan  ETA 0s"


def test_plain_output_has_no_control_codes_and_does_not_wrap_or_read_markup() -> None:
    screen = Screen(terminal=False, width=40)
    with screen.progress(9, title="pretrain [bold]") as progress:
        progress.update(1, VALUES)
        progress.evaluation(1, {"loss": 4.5, "accuracy": 0.5, "loss/en": 4.5, "bleu en-de": 9.0})  # those in the log
        progress.notice("step 1 [skipped]: loss is not finite, " + 20 * "word ")
    assert "\x1b" not in screen.file.getvalue()
    assert screen.lines[0] == "pretrain [bold]: 9 steps"
    assert screen.lines[2] == "evaluation at step 1/9  loss 4.5000  accuracy 0.500"
    assert screen.lines[3] == "step 1 [skipped]: loss is not finite, " + 20 * "word "
    assert len(screen.lines) == 4


def test_columns_are_whatever_metrics_come() -> None:
    screen = Screen(terminal=False)
    with screen.progress(3) as progress:
        progress.update(3, {"tokens_per_second": 1e6, "loss": 0.25, "accuracy": 0.875, "skipped_steps": 2})
    assert screen.lines[-1] == "step 3/3  loss 0.2500  accuracy 0.875  skipped_steps 2  tokens/s 1,000,000  ETA 0s"


def test_an_end_that_is_not_known_is_not_shown_until_it_is() -> None:
    screen = Screen(terminal=False)
    with Progress("pretrain", None, screen.console, clock=screen.clock, length="12s") as progress:
        screen.clock.now += 4.0
        progress.update(1, {"loss": 1.0})
        progress.evaluation(1, {"loss": 2.0})
        progress.evaluation(2, {"loss": 1.5}, 3)
        screen.clock.now += 4.0
        progress.update(2, {"loss": 0.5}, 3)
        screen.clock.now += 1.0
    assert screen.lines == [
        "pretrain: 12s",
        "step 1  loss 1.0000",
        "evaluation at step 1  loss 2.0000",
        "evaluation at step 2/3  loss 1.5000",
        "step 2/3  loss 0.5000  ETA 4s",
    ]


def test_a_terminal_has_no_bar_while_the_end_is_not_known() -> None:
    screen = Screen(terminal=True)
    with Progress("pretrain", None, screen.console, clock=screen.clock, length="12s") as progress:
        assert [line.strip() for line in screen.last_frame()] == ["pretrain", "step", "0"]
        progress.update(1, {"loss": 1.0}, 3)
        assert screen.last_frame()[-1].startswith("━")


def test_the_time_left_follows_the_pace_of_late() -> None:
    screen = Screen(terminal=False)
    with screen.progress(1000) as progress:
        screen.clock.now += 600.0  # the first step compiles
        progress.update(1, VALUES)
        for step in range(2, 201):
            screen.clock.now += 0.5
            progress.update(step, VALUES)
    assert "ETA 6d 22h" in screen.lines[1]  # all that is known after one step of 600 s
    assert "ETA 6m 40s" in screen.lines[-1]  # 800 steps at half a second


def test_the_table_on_a_terminal() -> None:
    screen = Screen(terminal=True)
    with screen.progress(1000) as progress:
        screen.clock.now += 1.0
        progress.update(1, VALUES)
        progress.evaluation(1, {"loss": 4.25, "mlm_accuracy": 0.3, "perplexity": 70.1})
    assert screen.last_frame()[:8] == [
        "pretrain",
        "  step     loss        mlm        nsp        lr   tokens/s       ETA   memory   perplexity",
        "                  accuracy   accuracy",
        "1/1000   5.1234      0.213      0.560   3.0e-04      9,812   16m 39s   812 MB",
        "evaluation",
        "     1   4.2500      0.300                                                          70.100",
        "",
        "━" * 100,
    ]


def test_the_terminal_shows_something_before_the_first_step() -> None:
    screen = Screen(terminal=True)
    with screen.progress(7, start_step=3):
        assert [line.strip() for line in screen.last_frame()[:3]] == ["pretrain", "step", "3/7"]


def test_the_bar_grows_with_the_steps_and_is_full_at_the_end() -> None:
    screen = Screen(terminal=True)
    run(screen, screen.progress(2), range(1, 3), seconds=1.0)
    frames = screen.file.getvalue().split("pretrain")[2:]
    half, full = (re.findall(r"\x1b\[([0-9;]+)m([━╸╺]+)", frame) for frame in frames[:2])
    assert [len(bar) for _, bar in half] == [50, 1, 49]
    assert [len(bar) for _, bar in full] == [100]
    assert half[0][0] != half[2][0]  # done and to do differ in colour


def test_the_terminal_shows_the_last_five_evaluations_oldest_first() -> None:
    screen = Screen(terminal=True)
    with screen.progress(100) as progress:
        for step in range(10, 80, 10):
            progress.update(step, {"loss": 1.0})
            progress.evaluation(step, {"loss": step / 100})
    frame = screen.last_frame()
    rows = frame[frame.index("evaluation") + 1 :][:5]
    assert [row.split() for row in rows] == [[str(s), f"{s / 100:.4f}"] for s in range(30, 80, 10)]


def test_the_terminal_is_drawn_once_a_second_at_most() -> None:
    screen = Screen(terminal=True)
    run(screen, screen.progress(101), range(1, 102), seconds=0.25)
    # the empty table, step 1, every fourth after it (the last is one of them), and the frame that stays
    assert screen.file.getvalue().count("pretrain") == 1 + 1 + 25 + 1


def test_a_notice_stays_above_the_table() -> None:
    screen = Screen(terminal=True)
    with screen.progress(10) as progress:
        progress.update(1, {"loss": 1.0})
        progress.notice("saved checkpoint-1 [ok]")
        progress.update(10, {"loss": 1.0})
    text = ANSI.sub("", screen.file.getvalue())
    assert text.count("saved checkpoint-1 [ok]") == 1
    assert text.index("saved checkpoint-1 [ok]") < text.rindex("pretrain")


def test_a_narrow_terminal_cuts_the_lines_and_never_wraps_them() -> None:
    screen = Screen(terminal=True, width=31)
    run(screen, screen.progress(10), range(1, 2), seconds=1.0)
    frame = screen.last_frame()
    assert all(len(line) <= 31 for line in frame)
    assert frame[3] == "1/10   5.1234      0.213      …"


def test_the_cursor_comes_back_when_training_fails() -> None:
    screen = Screen(terminal=True)
    with pytest.raises(ZeroDivisionError):
        fail_after_two_steps(screen)
    assert screen.file.getvalue().rindex("\x1b[?25h") > screen.file.getvalue().rindex("\x1b[?25l")


def test_a_dumb_terminal_gets_plain_lines() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, _environ={"TERM": "dumb"})
    with Progress("pretrain", 1, console) as progress:
        progress.update(1, {"loss": 1.0})
    assert ANSI.sub("", file.getvalue()) == "pretrain: 1 steps\nstep 1/1  loss 1.0000  ETA 0s\n"


def test_an_update_that_shows_nothing_costs_next_to_nothing() -> None:
    screen = Screen(terminal=True)
    with screen.progress(10_000) as progress:
        progress.update(1, VALUES)
        start = time.perf_counter()
        for step in range(2, 2_002):
            progress.update(step, VALUES)
        microseconds = (time.perf_counter() - start) / 2_000 * 1e6
    assert microseconds < 50  # about 1; a step takes 100,000


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("loss", 10.123456, "10.1235"),
        ("mlm_loss", 0.0, "0.0000"),
        ("accuracy", 1.0, "1.000"),
        ("grad_norm", 1234.56, "1,234.6"),
        ("lr", 0.0, "0.0e+00"),
        ("lr", 2.96e-05, "3.0e-05"),
        ("tokens_per_second", 1234567.8, "1,234,568"),
        ("peak_memory_bytes", 999_600_000, "1,000 MB"),
        ("peak_memory_bytes", 12_340_000_000, "12.3 GB"),
        ("elapsed_seconds", 3725.0, "1h 02m"),
        ("skipped_steps", 12345, "12,345"),
        ("loss", math.nan, "nan"),
        ("eta_seconds", math.inf, "inf"),
    ],
)
def test_numbers_as_a_person_reads_them(name: str, value: float | int, text: str) -> None:
    assert format_value(name, value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.4, "59s"), (59.6, "1m 00s"), (80, "1m 20s"), (3599.7, "1h 00m"), (90000, "1d 01h")],
)
def test_durations_roll_over(seconds: float | int, text: str) -> None:
    assert format_duration(seconds) == text


def test_peak_memory_counts_what_a_process_held() -> None:
    """In a process of its own: this one may have held gigabytes, and only more than that would show."""
    code = """
from encodery.train.progress import peak_memory_bytes
before = peak_memory_bytes()
block = bytearray(b"x") * 50_000_000
after = peak_memory_bytes()
del block
print(before, after, peak_memory_bytes())
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    before, after, freed = map(int, printed.split())
    assert 49_000_000 < after - before < 60_000_000
    assert freed > after - 1_000_000  # the system adds up what threads counted apart: not exact to the page


def test_peak_memory_is_not_inherited_from_the_process_that_started_this_one() -> None:
    block = b"x" * 150_000_000
    code = "from encodery.train.progress import peak_memory_bytes; print(peak_memory_bytes())"
    child = int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert len(block) < peak_memory_bytes()
    assert 5_000_000 < child < 120_000_000


def test_progress_needs_no_torch() -> None:
    code = "import sys, encodery.train.progress; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="the system has no peak to reset")
def test_a_reset_peak_forgets_what_was_freed() -> None:
    code = """
from encodery.train.progress import peak_memory_bytes, reset_peak_memory
held = bytearray(200_000_000)
before = peak_memory_bytes()
del held
reset_peak_memory()
print(before, peak_memory_bytes())
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    before, after = map(int, out.split())
    assert before > 200_000_000 > 150_000_000 > after
