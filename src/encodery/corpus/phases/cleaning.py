"""The whole pipeline: its phases one after the other, and what is left in the end."""

import errno
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from encodery.corpus.clean_table import DOCUMENTS, CleanTable
from encodery.corpus.inputs import CorpusInput, InputFile
from encodery.corpus.launch import Phase, Work, task_folder
from encodery.corpus.phases.extract import EXTRACT, HASHES, PAGES, Extract
from encodery.corpus.phases.fields import check_fields
from encodery.corpus.phases.filtering import BANDS, FILTER, NEAR, Filter
from encodery.corpus.phases.grading import GRADE, MODELS, Buckets, Grade, Train, models_by_language
from encodery.corpus.phases.groups import Source, found_sources, groups_of
from encodery.corpus.phases.near import CLUSTERS, Clusters, Near
from encodery.corpus.phases.output import check_format
from encodery.corpus.phases.packages import SamePackages, begun_with
from encodery.corpus.phases.paragraphs import PARAGRAPHS, Paragraphs
from encodery.corpus.phases.reading_back import Filtered
from encodery.corpus.phases.runs import Range, RunFile, ranges_of
from encodery.corpus.phases.stepping import Account
from encodery.corpus.phases.steps import early_steps, late_steps
from encodery.corpus.phases.write import WRITE, Write, parts_of
from encodery.corpus.steps.perplexity import languages_of


@dataclass(frozen=True)
class Cleaning:
    """`[corpus.clean]` at work on some inputs, in a folder that all workers see."""

    table: CleanTable
    inputs: Sequence[CorpusInput]
    base: Path
    """Where relative paths start."""
    folder: Path

    def phases(self) -> Iterator[Phase]:
        """The phases in order. The tasks of each must be complete before the next is asked for: how many tasks it has
        depends on what they left."""
        table = self.table
        groups = self.groups
        extracted = len(groups)
        judged = languages_of(table.perplexity) if table.perplexity else []
        # what is wrong with steps is said at once
        check_format(table.format)
        early = early_steps(table, self.base)
        stated = [entry.language for entry in self.inputs if entry.language]
        late = late_steps(table, self.base, models_by_language(self.folder, judged), stated)
        if table.perplexity:
            yield self._phase(MODELS, len(judged), Train(table.perplexity, judged, self.base))
        reads = [_files(group) for group in groups]
        yield self._phase(EXTRACT, extracted, Extract(groups, early, table.paragraphs), reads)
        check_fields(self.folder, EXTRACT, extracted, [entry.path for entry in self.inputs])
        num_ranges = None
        if table.paragraphs:
            ranges = self._ranges(EXTRACT, HASHES, extracted)
            num_ranges = len(ranges)
            yield self._phase(PARAGRAPHS, num_ranges, Paragraphs(self.folder, extracted, ranges, table.paragraphs))
        yield self._phase(FILTER, extracted, Filter(self.folder, extracted, num_ranges, late, table.near), reads)
        self._free(EXTRACT, extracted, PAGES, HASHES)
        if table.near:
            ranges = self._ranges(FILTER, BANDS, extracted)
            yield self._phase(NEAR, len(ranges), Near(self.folder, extracted, ranges))
            yield self._phase(CLUSTERS, 1, Clusters(self.folder, extracted, len(ranges)))
        filtered = Filtered(self.folder, extracted, table.near is not None)
        buckets = None
        if table.perplexity:
            yield self._phase(GRADE, len(judged), Grade(filtered, judged, table.perplexity))
            buckets = Buckets.read(self.folder, judged, table.perplexity.keep)
        parts = parts_of(filtered)
        yield self._phase(WRITE, len(parts), Write(filtered, parts, table.format, buckets))

    @cached_property
    def groups(self) -> list[list[Source]]:
        """The input files by the task that reads them."""
        return groups_of(self._found[0], self.table.task_bytes)

    @cached_property
    def _found(self) -> tuple[list[Source], list[InputFile]]:
        return found_sources(self.inputs, self.base)

    def collect(self, into: Path) -> Account:
        """Put the documents into `into/documents`, and the ledgers of all tasks together; all phases are complete."""
        account = Account()
        for other in self._found[1]:
            account.ledger.passed_over(other.name)
        for phase in (EXTRACT, FILTER, WRITE):
            for folder in sorted(self.folder.joinpath(phase).glob("[0-9]*"), key=lambda folder: int(folder.name)):
                account.add(folder)
        for file in sorted(self.folder.glob(f"{WRITE}/[0-9]*/*/*")):
            target = into / DOCUMENTS / file.parent.name / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            _put(file, target)
        return account

    def _phase(self, name: str, tasks: int, work: Work, reads: Sequence[str] = ()) -> Phase:
        return Phase(name, tasks, SamePackages(work, begun_with(self.folder)), self.folder, reads)

    def _ranges(self, phase: str, name: str, count: int) -> list[list[Range]]:
        sizes: Counter[int] = Counter()
        for task in range(count):
            sizes.update(RunFile(task_folder(self.folder, phase, task) / name).sizes())
        return ranges_of(sizes)

    def _free(self, phase: str, count: int, *names: str) -> None:
        """Remove what no later phase reads."""
        for task in range(count):
            for name in names:
                with suppress(FileNotFoundError):
                    (task_folder(self.folder, phase, task) / name).unlink()


def _files(group: Sequence[Source]) -> str:
    """The first file of a task, by which it is found again."""
    more = len(group) - 1
    return group[0].name + (f" and {more} more file{'s' if more > 1 else ''} behind it" if more else "")


def _put(file: Path, target: Path) -> None:
    """The same file under a second name; where disks know no such names, as of object stores, a copy."""
    try:
        os.link(file, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        shutil.copyfile(file, target)
