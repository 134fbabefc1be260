"""What a person is told while a file is predicted."""

import io

from rich.console import Console

from encodery.serve.progress import LINE_SECONDS, FileProgress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def lines(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_a_plain_line_every_few_seconds() -> None:
    console, clock = Console(file=io.StringIO()), Clock()
    with FileProgress("out.jsonl", console, done=1000, clock=clock) as progress:
        progress.tick(700)
        progress.block(1300, 2, None)
        assert lines(console) == []
        clock.now += LINE_SECONDS
        progress.tick(300)
        progress.tick(11)
        clock.now += LINE_SECONDS
        progress.block(2000, 0, 0.25)
    assert lines(console) == [
        "out.jsonl: 1,300 records, 30 records/s, 100 tokens/s, 2 errors",
        "out.jsonl: 2,000 records, 25 % of the file, 50 records/s, 51 tokens/s, 2 errors",
    ]


def test_a_bar_on_a_terminal() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=173)
    with FileProgress("[red]out.jsonl", console) as progress:
        progress.block(7, 0, 0.5)
    assert "[red]out.jsonl: 7 records, 50 % of the file" in "".join(lines(console))


def test_nothing_where_nothing_is_wanted() -> None:
    console, clock = Console(file=io.StringIO(), quiet=True), Clock()
    with FileProgress("out.jsonl", console, clock=clock) as progress:
        clock.now += LINE_SECONDS
        progress.tick(5)
    assert lines(console) == []
