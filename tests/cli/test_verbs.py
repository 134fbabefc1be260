"""The list of verbs: cheap to show."""

import re
import subprocess
import sys

import pytest
import typer

from encodery.cli import verbs
from encodery.errors import UserError
from tests.cli.refusals import Command


def test_help_names_every_verb_and_imports_nothing_heavy() -> None:
    program = (
        "import sys\nsys.argv = ['encodery', '--help']\n"
        "try:\n import encodery.__main__ as m; m.main()\nexcept SystemExit: pass\n"
        "print('heavy:', sorted({'torch', 'numpy', 'pydantic', 'tokenizers', 'transformers'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    for verb in (
        "demo",
        "validate",
        "plan",
        "run",
        "predict",
        "evaluate",
        "compare",
        "inspect",
        "import",
        "shards",
        "bench",
    ):
        assert re.search(rf"^  {verb}\s", out, re.MULTILINE), out
    assert out.strip().endswith("heavy: []")


def test_version(encodery: Command) -> None:
    import encodery as package

    assert encodery("--version") == (0, f"{package.__version__}\n", "")


def test_a_message_is_one_line_and_steers_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise UserError("a.tar!\x1b[2Jb\n\u202e.jsonl: no Käse")

    monkeypatch.setattr(verbs, "app", fail)
    with pytest.raises(SystemExit) as ended:
        verbs.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "encodery: a.tar!\ufffd[2Jb \ufffd.jsonl: no Käse\n"


def test_a_person_who_stops_it_is_told_what_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    app = typer.Typer()
    app.command()(stopped)
    monkeypatch.setattr(verbs, "app", app)
    monkeypatch.setattr(sys, "argv", ["encodery"])
    with pytest.raises(SystemExit) as ended:
        verbs.main()
    assert ended.value.code == 130
    said = capsys.readouterr().err.strip()
    assert said == "encodery: stopped; nothing half-written is left, the same command starts again"
