"""How long a person waits for `encodery --help`, against an empty Python: one JSON line, medians over rounds.

python benchmarks/startup.py [--runs N]
"""

import argparse
import os
import subprocess
import sys
from statistics import median

from encodery.bench.machine import OthersWatch
from encodery.bench.result import make_result
from encodery.bench.rounds import Block, Plan, alternate

TARGET_SECONDS = 0.3
OURS = (sys.executable, "-m", "encodery", "--help")
PEER = (sys.executable, "-c", "pass")


class Command:
    """A command line as an engine; a step is one run of it."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command

    def run(self, steps: int) -> Block:
        """Run it so many times."""
        with OthersWatch([os.getpid()]) as others:
            for _ in range(steps):
                subprocess.run(self._command, check=True, stdout=subprocess.DEVNULL)
        return Block(seconds=others.seconds, tokens=steps, peak_bytes=0, others_cores=others.cores)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15, help="undisturbed rounds")
    runs = parser.parse_args().runs
    outcome = alternate(Command(OURS), Command(PEER), Plan(rounds=runs, repeats=runs, block_seconds=0.0))
    result = make_result(
        bench="startup",
        case="encodery --help",
        unit="s",
        ours=median(r.ours.seconds for r in outcome.rounds),
        peer=median(r.peer.seconds for r in outcome.rounds),
        peer_name="python -c pass",
        metric={"target_ours": TARGET_SECONDS, **outcome.facts()},
    )
    print(result.line())


if __name__ == "__main__":
    main()
