"""Two small crawls: records and text in two languages, with copies of each kind, for the phases alone; crawl files,
web pages and records for all that judges them."""

import gzip
import hashlib
import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from encodery.corpus.clean_table import CleanTable
from encodery.corpus.inputs import CorpusInput
from encodery.corpus.launch import LaunchTable, LocalLaunch, finished_tasks
from encodery.corpus.phases.cleaning import Cleaning
from tests.corpus.reading.crawl import packed, page, record, response

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


def prose(language: str, seed: int, paragraphs: int = 5) -> str:
    """The same with two of Gopher's stop words, so that it passes for text."""
    return document(language, seed, paragraphs).replace(" is ", " and ")


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


ALL_STEPS = CleanTable.model_validate(
    {
        "task_bytes": 1000,
        "language": {"paragraphs": "split", "min_paragraph": 100},
        "decontaminate": {"against": [{"path": "test.jsonl", "fields": ["question"]}]},
        "perplexity": {"good": [{"path": "good.txt", "language": "en"}], "order": 3, "vocab_size": 60},
        "personal": True,
    }
)
"""Those of the default, and of the others all but `url`, `lines` and `c4`."""


def write_web(folder: Path, documents: int = 7) -> list[CorpusInput]:
    """Crawl files, web pages and records whose language nobody says; in them, beside text, a part of a test set,
    personal data, a page in two languages, an answer that is an error, text that was decoded wrongly, copies."""
    folder.mkdir(parents=True, exist_ok=True)
    question = prose("en", 1001, 1)
    (folder / "test.jsonl").write_text(json.dumps({"question": question}) + "\n")
    (folder / "good.txt").write_text("\n\n".join(prose("en", 2000 + index) for index in range(13)))
    for number, language in enumerate(("en", "de")):
        texts = [f"{MENU}\n{prose(language, 100 * number + index)}" for index in range(documents)]
        texts[1] += "\nWrite to jane.doe@mail.example.org or call +49 30 1234567."
        texts[2] += f"\n{question}" if language == "en" else ""
        texts[3] = texts[3].replace("ß", "ÃŸ").replace("ü", "Ã¼")
        texts[4] += "\n" + prose("de" if language == "en" else "en", 50 + number, 2)
        long = prose(language, 99, 11).replace("\n", " ")
        texts += [long, long.replace("old", "new", 1).replace("alten", "neuen", 1)]
        answers = [record(response(page(text)), uri=f"http://{language}.example/{n}") for n, text in enumerate(texts)]
        answers.append(record(response(b"gone", status="404 Not Found")))
        (folder / f"{language}.warc.gz").write_bytes(packed(answers))
        (folder / f"{language}.html").write_bytes(page(prose(language, 300 + number), "A title"))
    records = [{"text": prose("en", 400 + index), "url": f"http://e.x/{index}"} for index in range(documents)]
    records += [{"text": prose("en", 500, 1)}, {"text": prose("en", 3), "url": "http://e.x/copy"}]
    (folder / "more.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))
    return [
        CorpusInput(path="*.warc.gz"),
        CorpusInput(path="*.html"),
        CorpusInput(path="more.jsonl", url_field="url"),
    ]


class Crawl:
    """A crawl on disk, and what becomes of it."""

    def __init__(self, folder: Path, write: Callable[[Path], list[CorpusInput]] = write_crawl) -> None:
        self.base = folder / "crawl"
        self.inputs = write(self.base)

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
