"""A forked process is one that was started, as far as a test can ask."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.forking import Forked

WHERE = """
import os, sys
assert "encodery.stages" in sys.modules
print(os.getcwd(), sys.argv[1:], sorted(os.environ))
print(os.getpid(), file=sys.stderr)
"""


def forked(code: str, folder: Path, *arguments: str) -> Forked:
    return Forked(["-c", code, *arguments], folder, {"NAME": "7"})


def test_it_has_its_own_folder_arguments_environment_and_number(tmp_path: Path) -> None:
    process = forked(WHERE, tmp_path, "--ü", "b")
    assert process.communicate() == (f"{tmp_path} ['--ü', 'b'] ['NAME']\n", f"{process.pid}\n")
    assert process.returncode == 0
    process.send_signal(signal.SIGTERM)  # nobody is there
    assert process.pid != os.getpid()


@pytest.mark.parametrize(
    ("code", "end", "said"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('no')", 1, "no\n"),
        ("import sys; sys.exit()", 0, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
        ("import atexit; atexit.register(lambda: print('left'))", 0, ""),
    ],
)
def test_it_ends_as_python_does(code: str, end: int, said: str, tmp_path: Path) -> None:
    process = forked(code, tmp_path)
    out, err = process.communicate()
    assert (process.returncode, err) == (end, said)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (end, out, err)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    process = forked("1 / 0", tmp_path)
    _, err = process.communicate()
    assert process.returncode == 1
    assert err.endswith("ZeroDivisionError: division by zero\n")


def test_threads_are_waited_for(tmp_path: Path) -> None:
    code = "import threading, time; threading.Thread(target=lambda: (time.sleep(0.05), print('late'))).start()"
    assert forked(code, tmp_path).communicate() == ("late\n", "")


def test_one_that_goes_on_is_told_from_one_that_ended(tmp_path: Path) -> None:
    process = forked("import time; time.sleep(60)", tmp_path)
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=0.01)
    process.terminate()
    process.communicate()
    assert process.returncode == -signal.SIGTERM


def test_a_module_is_run_as_the_main_one(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import sys\nprint(__name__, sys.argv)\n")
    process = Forked(["-m", "mine", "x"], tmp_path, {})
    assert process.communicate()[0] == f"__main__ {[str(tmp_path / 'mine.py'), 'x']}\n"
