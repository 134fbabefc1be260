"""A run in a process of its own; what is watched is a small program, no pipeline."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from encodery.bench.corpus_sides import Watch, proportional_bytes, run_side, watched
from encodery.bench.corpus_worker import Order
from encodery.errors import UserError

linux = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="only Linux says what processes use")


def test_the_share_of_a_process_is_read() -> None:
    rollup = "55d7-7ffd ---p 00000000 00:00 0 [rollup]\nRss:    9000 kB\nPss:    4711 kB\nPss_Anon: 7 kB\n"
    assert proportional_bytes(rollup) == 4711 * 1024
    assert proportional_bytes("") == 0


@linux
def test_a_process_and_its_children_are_seen() -> None:
    child = "bytearray(40_000_000); import time; time.sleep(9)"
    program = (
        f"import subprocess, sys; b = bytearray(60_000_000); subprocess.run([sys.executable, '-c', 'b = {child}'])"
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    try:
        with watched(process.pid) as watch:
            until = time.monotonic() + 8
            while (watch.peak_bytes < 100_000_000 or len(watch.ticks) < 2) and time.monotonic() < until:
                time.sleep(0.05)
    finally:
        for pid in sorted(watch.ticks, reverse=True) or [process.pid]:
            subprocess.run(["kill", "-9", str(pid)], check=False)
        process.wait()
    assert watch.peak_bytes >= 100_000_000
    assert len(watch.ticks) == 2


@linux
def test_the_peak_stays_when_memory_is_given_back() -> None:
    watch = Watch(peak_bytes=10**12)
    watch.look([1 << 30])
    assert watch.peak_bytes == 10**12


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    order = Order("nobody", str(tmp_path), str(tmp_path / "run"))
    with pytest.raises(UserError, match="bench corpus: nobody ended with code 1: KeyError: 'nobody'"):
        run_side(order)
    assert list(tmp_path.iterdir()) == []


def test_a_report_becomes_what_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = (
        '{"seconds": 2.5, "steps": {"read": 1.0}, "facts": {}, "documents": 7, "characters": 11, "version": "1.0"}'
    )
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho '{report}'\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    done = run_side(Order("datatrove", str(tmp_path), str(tmp_path / "run")))
    assert (done.seconds, done.documents, done.characters, done.version) == (2.5, 7, 11, "1.0")
    assert done.steps == {"read": 1.0}
    assert not (tmp_path / "run").exists()
