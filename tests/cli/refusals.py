"""A refusal as a person reads it."""

from collections.abc import Callable

Command = Callable[..., tuple[int, str, str]]


def refused(encodery: Command, *arguments: str) -> str:
    """The one line of a refusal, without the program's name."""
    code, out, err = encodery(*arguments)
    assert code == 2, (out, err)
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("encodery: ")
    return lines[0].removeprefix("encodery: ")
