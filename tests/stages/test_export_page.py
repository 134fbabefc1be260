"""docs/export.md: its bounds, defaults and commands are those of the code."""

import re
from pathlib import Path

from typer.main import get_command

from encodery.cli import app
from encodery.deploy import choose
from encodery.deploy.building import TABLE_SHARE
from encodery.deploy.quantize import COSINE
from encodery.deploy.settings import ExportSettings
from encodery.deploy.verify import FP32_TOLERANCE, RELATIVE_ERROR
from encodery.stages.exporting import CALIBRATION_SHARE
from encodery.stages.verification import BOUNDS

PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
WORDS = " ".join(PAGE.split())


def rows() -> dict[str, list[str]]:
    """What the table of checks says of fp32, bf16 and int8."""
    lines = [line for line in PAGE.splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {first: rest for first, *rest in cells}


def test_the_checks_are_those_that_there_are() -> None:
    numbers, cosine, error, metric = rows().values()
    assert numbers == [f"within {FP32_TOLERANCE:.0e}".replace("e-0", "e-"), "finite", "finite"]
    assert cosine == ["", f"at least {COSINE}", f"at least {COSINE}"]
    assert error == ["", *(f"at most {RELATIVE_ERROR[dtype]:.0%}".replace("%", " %") for dtype in ("bf16", "int8"))]
    assert f"`--max-metric-drop` points ({ExportSettings().max_metric_drop})" in metric[0]


def test_the_steps_are_those_that_there_are() -> None:
    *first, last = BOUNDS
    assert f"the bounds {', '.join(map(str, first))} and {last}; then the export fails" in WORDS
    assert f"mean cosine is below {COSINE}, every product is tried alone" in WORDS
    assert TABLE_SHARE == 1 / 3
    assert "costs at most a third of what the cosine may lose" in WORDS
    assert CALIBRATION_SHARE == 4
    assert "every fourth example calibrates" in WORDS
    *short, long = choose.LENGTHS
    assert f"one text of {', '.join(map(str, short))} and {long} tokens" in WORDS
    assert choose.SECONDS == 6
    assert "for six seconds" in WORDS


def test_its_commands_and_flags_are_known() -> None:
    export = get_command(app).commands["export"]  # type: ignore[attr-defined]
    (line,) = re.findall(r"^encodery export (.*)$", PAGE, re.MULTILINE)
    export.make_context("export", line.split())
    flags = {flag for parameter in export.params for flag in parameter.opts}
    assert {*re.findall(r"`(--[a-z-]+)", PAGE)} <= flags
