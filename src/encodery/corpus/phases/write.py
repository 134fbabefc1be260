"""The last phase: the documents of each language in the order of the input, in files of a bounded size."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from encodery.corpus.clean_table import OutputFormat
from encodery.corpus.page import Page
from encodery.corpus.phases.filtering import NEAR
from encodery.corpus.phases.output import OutputFile, output_file
from encodery.corpus.phases.reading_back import Filtered
from encodery.corpus.phases.stepping import Account

WRITE = "write"
FACTS = "facts.json"
CHARACTERS_OF_A_FILE = 1 << 30
NO_LANGUAGE = "none"
"""The folder of documents whose language nobody knows."""
COPY = f"{NEAR}/copy"


@dataclass(frozen=True)
class Part:
    """The documents of a language from some tasks of `filter`, one behind the other: one file."""

    language: str
    number: int
    first: int
    last: int

    @property
    def folder(self) -> str:
        """A folder's name for the language, whatever a record calls it."""
        return quote(self.language, safe="").replace(".", "%2E")[:100] or NO_LANGUAGE


def parts_of(filtered: Filtered, characters: int = CHARACTERS_OF_A_FILE) -> list[Part]:
    """All languages in parts of at most so many characters, or of one task that has more."""
    done: list[Part] = []
    begun: dict[str, tuple[Part, int]] = {}
    for task in range(filtered.num_tasks):
        for language, facts in filtered.languages(task).items():
            part, size = begun.get(language, (Part(language, 0, task, task), 0))
            if size and size + facts.characters > characters:
                done.append(part)
                part, size = Part(language, part.number + 1, task, task), 0
            begun[language] = Part(language, part.number, part.first, task + 1), size + facts.characters
    return sorted([*done, *(part for part, _ in begun.values())], key=lambda part: (part.language, part.number))


@dataclass(frozen=True)
class Write:
    """Writes a part; its file lies below the task's folder as it will below `documents`."""

    filtered: Filtered
    parts: Sequence[Part]
    format: OutputFormat

    def __call__(self, task: int, into: Path) -> None:
        part = self.parts[task]
        account = Account()
        facts: Counter[str] = Counter()
        with ExitStack() as opened:
            file: OutputFile | None = None
            for pages in self._kept(part, account):
                with account.timed(WRITE):
                    if file is None:
                        path = into / part.folder / f"{part.number:05d}.{self.format}"
                        path.parent.mkdir()
                        file = opened.enter_context(output_file(path, self.format))
                    file.write(pages)
                facts.update(sizes_of(pages))
        (into / FACTS).write_text(json.dumps({part.language: facts}), encoding="utf-8")
        account.save(into)

    def _kept(self, part: Part, account: Account) -> Iterator[list[Page]]:
        for pages, copies in self.filtered.pages(part.language, part.first, part.last):
            if self.filtered.near:
                for page, is_copy in zip(pages, copies, strict=True):
                    if is_copy:
                        account.ledger.drop(page, COPY)
                account.ledger.passed(NEAR, pages)
            if kept := [page for page in pages if not page.dropped]:
                yield kept


def sizes_of(pages: Sequence[Page]) -> dict[str, int]:
    """How much some pages are."""
    return {
        "documents": len(pages),
        "paragraphs": sum(page.text.count("\n") + 1 for page in pages),
        "characters": sum(len(page.text) for page in pages),
    }
