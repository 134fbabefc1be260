"""Steps over batches of pages, with what they lose and how long they take."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from encodery.corpus.ledger import LEDGER, Ledger
from encodery.corpus.page import Page, Step

SECONDS = "seconds.json"


@dataclass
class Account:
    """What a task keeps beside its output: its ledger, and the seconds of each step."""

    ledger: Ledger = field(default_factory=Ledger)
    seconds: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Count the time of a block as that of a step."""
        started = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - started  # type: ignore[assignment]  # a Counter adds floats, too

    def run(self, steps: Sequence[Step], pages: list[Page]) -> list[Page]:
        """The pages that are left behind all steps."""
        for step in steps:
            with self.timed(step.name):
                step(pages, self.ledger)
            self.ledger.passed(step.name, pages)
        return [page for page in pages if not page.dropped]

    def save(self, folder: Path) -> None:
        """Write it down beside a task's output."""
        (folder / LEDGER).write_text(json.dumps(self.ledger.to_json(), ensure_ascii=False), encoding="utf-8")
        (folder / SECONDS).write_text(json.dumps(self.seconds), encoding="utf-8")

    def add(self, folder: Path) -> None:
        """Take over what another task wrote down."""
        self.ledger.add(Ledger.from_json(json.loads((folder / LEDGER).read_text(encoding="utf-8"))))
        self.seconds.update(json.loads((folder / SECONDS).read_text(encoding="utf-8")))
