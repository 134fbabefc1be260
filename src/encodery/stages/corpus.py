"""The `corpus` stage: raw files to the documents that are learned from, task by task."""

import json
from pathlib import Path

from encodery.corpus.launch import finished_tasks
from encodery.errors import UserError
from encodery.stages.corpus_progress import PhaseProgress
from encodery.stages.engine import Metrics, Run

LEDGER = "ledger.json"


def build_corpus(run: Run, into: Path, work: Path) -> Metrics:
    """Run the phases of the crawl pipeline in `work`, what is complete there aside, and gather what they left.

    Raises:
        UserError: packages are missing, tasks failed, the disk is full, or no document is left.
    """
    from encodery.corpus.phases import Cleaning  # needs the packages of the extra `crawl`

    corpus = run.recipe.corpus
    assert corpus is not None
    assert corpus.clean is not None
    work.mkdir(parents=True, exist_ok=True)
    cleaning = Cleaning(corpus.clean, corpus.inputs, run.base.resolve(), work.resolve())
    for phase in cleaning.phases():
        with PhaseProgress(run.console, phase.name, phase.tasks) as progress:
            for _ in finished_tasks(phase, corpus.clean.launch):
                progress.advance()
    account = cleaning.collect(into)
    (into / LEDGER).write_text(json.dumps(account.ledger.to_json(), ensure_ascii=False, indent=1), encoding="utf-8")
    return {}
