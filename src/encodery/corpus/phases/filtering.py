"""The third phase: repeated paragraphs taken out, the steps that judge documents, signatures of what is left."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from encodery.corpus.dedup.near import NearConfig, Signer, edges
from encodery.corpus.launch import task_folder
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page, Step
from encodery.corpus.phases import runs
from encodery.corpus.phases.extract import EXTRACT, PAGES
from encodery.corpus.phases.page_files import CHARACTERS_AT_ONCE, PageReader, PageWriter
from encodery.corpus.phases.paragraphs import PARAGRAPHS, dropped_paragraphs
from encodery.corpus.phases.runs import Records, RunFile
from encodery.corpus.phases.stepping import Account

FILTER = "filter"
BANDS = "bands.bin"
EDGES = "edges.npy"
LANGUAGES = "languages.json"
NEAR = "near"
BUFFERED = 16 * CHARACTERS_AT_ONCE
"""Characters of all languages that wait for more of their kind."""


@dataclass(frozen=True)
class Filter:
    """Judges the pages of a task of `extract`; leaves pages in batches of one language each, numbered in order."""

    folder: Path
    num_extracted: int
    num_ranges: int | None
    """Of `paragraphs`; None without it."""
    steps: Sequence[Step]
    near: NearConfig | None

    def __call__(self, task: int, into: Path) -> None:
        account = Account()
        signatures = Signatures(into, self.near) if self.near else None
        with LanguageWriter(into) as writer:
            for batch in self._read(task, account):
                pages = account.run(self.steps, batch)
                writer.add(pages)
                if signatures:
                    with account.timed(NEAR):
                        signatures.add(pages)
        if signatures:
            with account.timed(NEAR):
                signatures.finish()
        account.save(into)

    def _read(self, task: int, account: Account) -> Iterator[list[Page]]:
        drops = None
        if self.num_ranges is not None:
            drops = dropped_paragraphs(self.folder, task, self.num_extracted, self.num_ranges)
        with PageReader(task_folder(self.folder, EXTRACT, task) / PAGES) as reader:
            for pages, firsts in reader.batches():
                if drops is not None:
                    with account.timed(PARAGRAPHS):
                        _take_out(pages, firsts, drops, account.ledger)
                    account.ledger.passed(PARAGRAPHS, pages)
                yield pages


def _take_out(pages: Sequence[Page], firsts: Sequence[int], drops: np.ndarray, ledger: Ledger) -> None:
    """Cut the paragraphs with these numbers; a page that is left empty goes."""
    end = firsts[-1] + pages[-1].text.count("\n") + 1
    bounds = np.searchsorted(drops, [*firsts, end])
    for page, first, start, end in zip(pages, firsts, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        if start == end:
            continue
        paragraphs = page.paragraphs
        gone = [number - first for number in drops[start:end].tolist()]
        if len(gone) == len(paragraphs):
            ledger.drop(page, f"{PARAGRAPHS}/all repeated")
            continue
        ledger.cut(page, f"{PARAGRAPHS}/repeated", [paragraphs[index] for index in gone])
        for index in reversed(gone):
            del paragraphs[index]
        page.text = "\n".join(paragraphs)


@dataclass
class OfLanguage:
    """What a task has of one language."""

    batches: list[int] = field(default_factory=list)
    documents: int = 0
    characters: int = 0


class LanguageWriter:
    """Pages to batches of one language each; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pages = PageWriter(folder / PAGES)
        self._waiting: dict[str, tuple[list[Page], list[int]]] = {}
        self._sizes: dict[str, int] = {}
        self._found: dict[str, OfLanguage] = {}
        self._number = 0

    def __enter__(self) -> "LanguageWriter":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            for language in sorted(self._waiting):
                self._flush(language)
            found = {language: asdict(facts) for language, facts in sorted(self._found.items())}
            (self._folder / LANGUAGES).write_text(json.dumps(found), encoding="utf-8")
        self._pages.__exit__()

    def add(self, pages: Sequence[Page]) -> None:
        """Give the pages the next numbers."""
        for number, page in enumerate(pages, self._number):
            waiting, numbers = self._waiting.setdefault(page.language, ([], []))
            waiting.append(page)
            numbers.append(number)
            self._sizes[page.language] = self._sizes.get(page.language, 0) + len(page.text)
            if self._sizes[page.language] >= CHARACTERS_AT_ONCE:
                self._flush(page.language)
        self._number += len(pages)
        if sum(self._sizes.values()) >= BUFFERED:
            for language in sorted(self._waiting):
                self._flush(language)

    def _flush(self, language: str) -> None:
        pages, numbers = self._waiting.pop(language)
        facts = self._found.setdefault(language, OfLanguage())
        facts.batches.append(self._pages.num_batches)
        facts.documents += len(pages)
        facts.characters += self._sizes.pop(language)
        self._pages.write(pages, numbers)


class Signatures:
    """The keys of a task's documents in each band: of those that share one within a run only the first goes on."""

    def __init__(self, folder: Path, config: NearConfig) -> None:
        self._signer = Signer(config)
        self._folder = folder
        self._runs = RunFile(folder / BANDS)
        self._keys: list[np.ndarray] = []
        self._first = self._number = 0
        self._edges = [np.empty((0, 2), np.uint64)]

    def add(self, pages: Sequence[Page]) -> None:
        """Documents with the next numbers."""
        if not pages:
            return
        self._keys.append(self._signer(pages))
        self._number += len(pages)
        if (self._number - self._first) * self._keys[-1].shape[1] >= runs.RECORDS_AT_ONCE:
            self._flush()

    def finish(self) -> None:
        """Write down what is left, and which documents of the task are alike."""
        if self._keys:
            self._flush()
        self._runs.finish()
        np.save(self._folder / EDGES, np.concatenate(self._edges))

    def _flush(self) -> None:
        keys = np.concatenate(self._keys)
        documents = np.arange(self._first, self._number, dtype=np.uint32)
        for band in range(keys.shape[1]):
            records = Records(keys[:, band], documents, np.zeros_like(documents)).sorted()
            self._edges.append(edges(records.keys, records.documents.astype(np.uint64)))
            firsts = np.ones(len(records), bool)
            firsts[1:] = records.keys[1:] != records.keys[:-1]
            self._runs.write(band, records.take(firsts))
        self._keys, self._first = [], self._number
