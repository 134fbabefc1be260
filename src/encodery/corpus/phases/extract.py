"""The first phase: raw files to pages, and the hashes of their paragraphs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np

from encodery.corpus.dedup.paragraphs import ParagraphsConfig, alone, paragraph_hashes
from encodery.corpus.page import Page, Step
from encodery.corpus.phases import runs
from encodery.corpus.phases.counting import check_number
from encodery.corpus.phases.fields import Tallies, save_tallies
from encodery.corpus.phases.groups import Source
from encodery.corpus.phases.page_files import PageWriter, batches_of
from encodery.corpus.phases.runs import Records, RunFile
from encodery.corpus.phases.stepping import Account
from encodery.corpus.phases.verdicts import write_verdicts
from encodery.corpus.reading.fields import FieldTally
from encodery.corpus.reading.pages import read_pages

EXTRACT = "extract"
PAGES = "pages.arrow"
HASHES = "hashes.bin"
DROPS = "drops.bin"
READ = "read"
"""What the funnel calls everything that was read."""


@dataclass(frozen=True)
class Extract:
    """Reads a group of files, takes the first steps and leaves pages; each has the number of its first paragraph."""

    groups: Sequence[Sequence[Source]]
    steps: Sequence[Step]
    paragraphs: ParagraphsConfig | None

    def __call__(self, task: int, into: Path) -> None:
        account = Account()
        hashes = ParagraphHashes(into, self.paragraphs) if self.paragraphs else None
        number = 0
        tallies: Tallies = {}
        languages: set[str] = set()
        with PageWriter(into / PAGES) as writer:
            for batch in batches_of(self._read(self.groups[task], account, tallies)):
                languages.update(page.language for page in batch)
                check_number(languages)
                account.ledger.passed(READ, batch)
                for page in batch:
                    account.ledger.observe(f"{READ}/characters", len(page.text), page)
                pages = account.run(self.steps, batch)
                paragraphs = [page.paragraphs for page in pages]
                firsts = [number, *accumulate(map(len, paragraphs), initial=number)][1:]
                writer.write(pages, firsts[:-1])
                if hashes:
                    with account.timed("paragraphs"):
                        hashes.add(paragraphs)
                number = firsts[-1]
        if hashes:
            with account.timed("paragraphs"):
                hashes.finish()
        save_tallies(tallies, into)
        account.save(into)

    def _read(self, sources: Sequence[Source], account: Account, tallies: Tallies) -> Iterator[Page]:
        for file, entry, name in sources:
            tally = tallies.setdefault(entry.path, FieldTally())
            pages = read_pages(file, entry, account.ledger, tally=tally, name=name)
            while True:
                with account.timed(READ):
                    page = next(pages, None)
                if page is None:
                    break
                if page.text:
                    yield page


class ParagraphHashes:
    """The hashes of a task's paragraphs, in runs of whole documents. What is repeated within a run is known at once,
    and one of each goes on to be compared with the rest of the input: so the most frequent paragraph fits into
    memory."""

    def __init__(self, folder: Path, config: ParagraphsConfig) -> None:
        self._config = config
        self._folder = folder
        self._runs = RunFile(folder / HASHES)
        self._parts: list[Records] = []
        self._size = self._num_documents = self._num_paragraphs = 0
        self._drops = [np.empty(0, np.uint32)]

    def add(self, documents: Sequence[Sequence[str]]) -> None:
        """The paragraphs of some documents."""
        hashes = paragraph_hashes([paragraph for document in documents for paragraph in document])
        numbers = np.arange(self._num_documents, self._num_documents + len(documents), dtype=np.uint32)
        places = np.arange(self._num_paragraphs, self._num_paragraphs + len(hashes), dtype=np.uint32)
        self._parts.append(Records(hashes, np.repeat(numbers, [len(document) for document in documents]), places))
        self._num_documents += len(documents)
        self._num_paragraphs += len(hashes)
        self._size += len(hashes)
        if self._size >= runs.RECORDS_AT_ONCE:
            self._flush()

    def finish(self) -> None:
        """Write down what is left, and what is known to go."""
        if self._size:
            self._flush()
        self._runs.finish()
        drops = np.concatenate(self._drops)
        write_verdicts(self._folder / DROPS, np.zeros_like(drops), drops, 1)

    def _flush(self) -> None:
        records = Records.joined(self._parts).sorted()
        goes, compared = alone(records.keys, records.documents.astype(np.uint64), self._config.keep)
        self._drops.append(records.places[goes])
        self._runs.write(0, records.take(compared))
        self._parts, self._size = [], 0
