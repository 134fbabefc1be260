"""A small crawl of real formats: text in two languages, web pages, records; with copies of each kind."""

import gzip
import hashlib
import json
import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from encodery.corpus.clean_table import CleanTable
from encodery.corpus.inputs import CorpusInput
from encodery.corpus.launch import LaunchTable, LocalLaunch, finished_tasks
from encodery.corpus.phases.cleaning import Cleaning

HERE = LocalLaunch(workers=1)
WORDS = {
    "en": [
        "the",
        "river",
        "runs",
        "past",
        "an",
        "old",
        "mill",
        "where",
        "bread",
        "is",
        "baked",
        "every",
        "morning",
        "by",
        "two",
        "patient",
        "sisters",
    ],
    "de": [
        "der",
        "fluss",
        "fließt",
        "an",
        "einer",
        "alten",
        "mühle",
        "vorbei",
        "wo",
        "jeden",
        "morgen",
        "zwei",
        "geduldige",
        "schwestern",
        "brot",
        "backen",
    ],
}
MENU = "Home | About us | Contact | Imprint | Follow us everywhere"


def document(language: str, seed: int, paragraphs: int = 5) -> str:
    """Words of a language in an order of its own."""
    chance = random.Random(f"{language} {seed}")
    lines = (" ".join(chance.choices(WORDS[language], k=29)) + f" {language}{seed}." for _ in range(paragraphs))
    return "\n".join(lines)


def write_crawl(folder: Path, documents: int = 13) -> list[CorpusInput]:
    """Files below `folder`, with a menu in every page, a copy of one and a near copy of another; the inputs that name
    them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(3):
        texts = [document("en", documents * number + index) for index in range(documents)]
        if number == 2:
            long = document("en", 99, 11).replace("\n", " ")
            texts += [document("en", 0), long, long.replace("mill", "barn", 1)]
        records = [{"text": f"{MENU}\n{text}", "language": "en"} for text in texts]
        content = "".join(json.dumps(record) + "\n" for record in records)
        (folder / f"en{number}.jsonl.gz").write_bytes(gzip.compress(content.encode(), mtime=0))
    text = "\n\n".join(f"{MENU}\n{document('de', index)}" for index in range(documents))
    (folder / "de.txt").write_text(text, encoding="utf-8")
    return [
        CorpusInput(path="*.jsonl.gz", language_field="language"),
        CorpusInput(path="de.txt", language="de"),
    ]


JUDGING = ("repair", "language", "repetition", "gopher", "fineweb")
TABLE = CleanTable.model_validate({"task_bytes": 1000, **dict.fromkeys(JUDGING, False)})
"""The phases without the steps that judge."""


class Crawl:
    """A crawl on disk, and what becomes of it."""

    def __init__(self, folder: Path) -> None:
        self.base = folder / "crawl"
        self.inputs = write_crawl(self.base)

    def cleaning(self, folder: Path, table: CleanTable = TABLE) -> Cleaning:
        return Cleaning(table, self.inputs, self.base, folder)

    def run(self, folder: Path, launch: LaunchTable = HERE, table: CleanTable = TABLE) -> dict[str, int]:
        """Run all phases in a folder; how many tasks each of them did."""
        return {
            phase.name: sum(1 for _ in finished_tasks(phase, launch))
            for phase in self.cleaning(folder, table).phases()
        }

    def result(self, folder: Path, table: CleanTable = TABLE) -> dict[str, str]:
        """The hash of each file that comes out, and of the ledger."""
        into = folder / "into"
        into.mkdir()
        ledger = self.cleaning(folder, table).collect(into).ledger
        found = hashes(into)
        return {**found, "ledger": hashlib.sha256(json.dumps(ledger.to_json()).encode()).hexdigest()}


def hashes(folder: Path) -> dict[str, str]:
    """Of each file below a folder."""
    files: Iterable[Path] = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="session")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Crawl:
    return Crawl(tmp_path_factory.mktemp("crawl"))


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory, crawl: Crawl) -> dict[str, str]:
    """What comes out of the crawl in one process, without any trouble."""
    folder = tmp_path_factory.mktemp("expected")
    crawl.run(folder)
    return crawl.result(folder)
