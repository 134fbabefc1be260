"""The last phase: the documents of each language in the order of the input, in files of a bounded size."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from encodery.corpus.clean_table import OutputFormat
from encodery.corpus.page import Page
from encodery.corpus.phases.counting import check_number
from encodery.corpus.phases.filtering import NEAR
from encodery.corpus.phases.grading import Buckets
from encodery.corpus.phases.output import OutputFile, output_file
from encodery.corpus.phases.reading_back import Filtered
from encodery.corpus.phases.stepping import Account

WRITE = "write"
CHARACTERS_OF_A_FILE = 1 << 30
CHARACTERS_OF_A_TASK = 1 << 24
"""A language with less shares its task with others."""
NO_LANGUAGE = "none"
"""The folder of documents whose language nobody knows."""
LONGEST_NAME = 100
"""Of such a folder, before a hash tells it apart from others that begin like it."""
COPY = f"{NEAR}/copy"


@dataclass(frozen=True)
class Part:
    """The documents of a language from some tasks of `filter`, one behind the other: a file for each bucket."""

    language: str
    number: int
    first: int
    last: int

    def file(self, bucket: str, suffix: str) -> Path:
        """Its file; the name of its folder is made of the language, whatever a record calls that."""
        return Path(_folder_of(self.language)) / f"{bucket}{'-' if bucket else ''}{self.number:05d}.{suffix}"


def _folder_of(language: str) -> str:
    """The folder of a language: no two languages have the same."""
    name = quote(language, safe="").replace(".", "%2E") or NO_LANGUAGE
    if len(name) > LONGEST_NAME or (language and name == NO_LANGUAGE):
        return f"{name[:LONGEST_NAME]}-{hashlib.sha256(language.encode()).hexdigest()[:16]}"
    return name


def parts_of(filtered: Filtered) -> list[list[Part]]:
    """All languages in parts of at most so many characters, or of one task that has more; small parts together, as
    work for tasks.

    Raises:
        UserError: they are too many.
    """
    done: list[tuple[Part, int]] = []
    begun: dict[str, tuple[Part, int]] = {}
    for task in range(filtered.num_tasks):
        for language, facts in filtered.languages(task).items():
            part, size = begun.get(language, (Part(language, 0, task, task), 0))
            if size and size + facts.characters > CHARACTERS_OF_A_FILE:
                done.append((part, size))
                part, size = Part(language, part.number + 1, task, task), 0
            begun[language] = Part(language, part.number, part.first, task + 1), size + facts.characters
        check_number(begun.keys())
    return _together(sorted([*done, *begun.values()], key=lambda sized: (sized[0].language, sized[0].number)))


def _together(sized: Sequence[tuple[Part, int]]) -> list[list[Part]]:
    tasks: list[list[Part]] = []
    held = 0
    for part, size in sized:
        if not tasks or held + size > CHARACTERS_OF_A_TASK:
            tasks.append([])
            held = 0
        tasks[-1].append(part)
        held += size
    return tasks


@dataclass(frozen=True)
class Write:
    """Writes some parts; their files lie below the task's folder as they will below `documents`."""

    filtered: Filtered
    parts: Sequence[Sequence[Part]]
    format: OutputFormat
    buckets: Buckets | None
    """None where no perplexity is measured."""

    def __call__(self, task: int, into: Path) -> None:
        account = Account()
        for part in self.parts[task]:
            self._write(part, into, account)
        account.save(into)

    def _write(self, part: Part, into: Path, account: Account) -> None:
        files: dict[str, OutputFile] = {}
        with ExitStack() as opened:
            for pages in self._kept(part, account):
                with account.timed(WRITE):
                    by_bucket = self.buckets.sort(pages, account.ledger) if self.buckets else {"": pages}
                    for bucket, alike in by_bucket.items():
                        if bucket not in files:  # a part may have nothing but copies
                            path = into / part.file(bucket, self.format)
                            path.parent.mkdir(exist_ok=True)
                            files[bucket] = opened.enter_context(output_file(path, self.format, bucket))
                        files[bucket].write(alike)

    def _kept(self, part: Part, account: Account) -> Iterator[list[Page]]:
        for pages, copies in self.filtered.pages(part.language, part.first, part.last):
            if self.filtered.near:
                for page, is_copy in zip(pages, copies, strict=True):
                    if is_copy:
                        account.ledger.drop(page, COPY)
                account.ledger.passed(NEAR, pages)
            if kept := [page for page in pages if not page.dropped]:
                for page in kept:
                    account.ledger.observe(f"{WRITE}/characters", len(page.text), page)
                yield kept
