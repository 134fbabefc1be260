"""What the phases leave of small inputs, however these are split among tasks, against plain transcriptions."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import zstandard

from encodery.corpus.clean_table import CleanTable, Switch
from encodery.corpus.inputs import CorpusInput
from encodery.corpus.ledger import Ledger
from encodery.corpus.phases.cleaning import Cleaning
from tests.corpus.dedup import ccnet

MENU = ["Menu", "menu", "MENU…", "Tel. 1", "Tel. 2", "Imprint"]
SWITCHES = [name for name, field in CleanTable.model_fields.items() if Switch in field.metadata]
ONE_TASK, A_TASK_A_FILE = 1 << 20, 1


def clean(base: Path, records: list[dict[str, str]], task_bytes: int, **table: Any) -> tuple[list[str], Ledger]:
    """The texts that are left, in order, and the ledger; three records a file."""
    folder = base / f"{task_bytes}"
    for first in range(0, len(records), 3):
        lines = "".join(json.dumps(record) + "\n" for record in records[first : first + 3])
        path = folder / f"in/{first:03d}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(lines)
    values = {**dict.fromkeys(SWITCHES, False), "task_bytes": task_bytes, **table}
    inputs = [CorpusInput(path=f"{task_bytes}/in")]
    cleaning = Cleaning(CleanTable.parse(values, "test"), inputs, base, folder / "work")
    for phase in cleaning.phases():
        for task in range(phase.tasks):
            phase.run(task)
    account = cleaning.collect(folder / "out")
    texts = []
    for file in sorted((folder / "out").glob("documents/*/*.zst")):
        with zstandard.open(file, "rt", encoding="utf-8") as lines_left:
            texts += [json.loads(line)["text"] for line in lines_left]
    return texts, account.ledger


def both_ways(base: Path, records: list[dict[str, str]], **table: Any) -> list[str]:
    """The texts that are left, by one task and by many."""
    texts, ledger = clean(base, records, ONE_TASK, **table)
    by_many, of_many = clean(base, records, A_TASK_A_FILE, **table)
    assert by_many == texts
    assert of_many.counts == ledger.counts
    return texts


@pytest.mark.parametrize("keep", ["first", "none"])
def test_paragraphs_are_those_that_ccnet_leaves(tmp_path: Path, keep: str) -> None:
    rng = random.Random(7)
    documents = [[*rng.choices(MENU, k=rng.randrange(4)), f"Own {chr(97 + n % 17)}."] for n in range(23)]
    left = ccnet.left_by_one_pass if keep == "first" else ccnet.left_by_two_passes
    expected = ["\n".join(lines) for lines in left(documents) if lines]
    found = both_ways(tmp_path, [{"text": "\n".join(lines)} for lines in documents], paragraphs={"keep": keep})
    assert found == expected
    assert len(expected) < len(documents)


def test_copies_of_documents_go_wherever_they_are(tmp_path: Path) -> None:
    rng = random.Random(3)
    texts = [" ".join(f"w{rng.randrange(997)}" for _ in range(101)) for _ in range(11)]
    copies = [texts[seed].replace(" w", " - W", 3) for seed in (1, 5, 9)]
    records = [{"text": text} for text in [*texts, *copies, texts[5]]]
    assert both_ways(tmp_path, records, near=True) == texts


def test_evaluation_sets_stay_out(tmp_path: Path) -> None:
    question = "Which city did the explorers leave in the cold spring of 1911 before noon"
    (tmp_path / "questions.txt").write_text(question)
    records = [{"text": text} for text in ("Clean.", f"Quiz: {question}?", "Clean too.", question, "Last.")]
    against = {"against": [{"path": "questions.txt"}]}
    assert both_ways(tmp_path, records, decontaminate=against) == ["Clean.", "Clean too.", "Last."]
