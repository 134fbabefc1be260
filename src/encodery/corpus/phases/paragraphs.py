"""The second phase: paragraphs that are there more than once in the whole input, a range of hashes at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from encodery.corpus.dedup.paragraphs import ParagraphsConfig, repeated
from encodery.corpus.launch import task_folder
from encodery.corpus.phases.extract import DROPS, EXTRACT, HASHES
from encodery.corpus.phases.runs import Range, Records, RunFile
from encodery.corpus.phases.verdicts import read_verdicts, write_verdicts

PARAGRAPHS = "paragraphs"


@dataclass(frozen=True)
class Paragraphs:
    """For each task of `extract`, which of its paragraphs go."""

    folder: Path
    num_extracted: int
    ranges: Sequence[Sequence[Range]]
    config: ParagraphsConfig

    def __call__(self, task: int, into: Path) -> None:
        found = [self._of_range(part) for part in self.ranges[task]]
        tasks, places = (np.concatenate(columns) for columns in zip(*found, strict=True))
        write_verdicts(into / DROPS, tasks, places, self.num_extracted)

    def _of_range(self, part: Range) -> tuple[np.ndarray, np.ndarray]:
        """The tasks and places of the paragraphs that go."""
        records, tasks = gather(self.folder, EXTRACT, HASHES, self.num_extracted, part)
        documents = tasks.astype(np.uint64) << np.uint64(32) | records.documents
        goes = repeated(records.keys, documents, self.config.keep)
        return tasks[goes], records.places[goes]


def gather(folder: Path, phase: str, name: str, count: int, part: Range) -> tuple[Records, np.ndarray]:
    """The records of a range from the files of all tasks, sorted by key and within it as the input is; and the task
    of each."""
    parts, owners = [], []
    for task in range(count):
        for records in RunFile(task_folder(folder, phase, task) / name).read(part.group, part.start, part.end):
            parts.append(records)
            owners.append(np.full(len(records), task, np.uint32))
    records = Records.joined(parts)
    order = np.argsort(records.keys, kind="stable")  # merges the runs
    return records.take(order), np.concatenate([np.empty(0, np.uint32), *owners])[order]


def dropped_paragraphs(folder: Path, task: int, num_extracted: int, num_ranges: int) -> np.ndarray:
    """The numbers of a task's paragraphs that go, sorted: those that repeat within it, and over the input."""
    own = read_verdicts(task_folder(folder, EXTRACT, task) / DROPS, 0, 1)
    others = (
        read_verdicts(task_folder(folder, PARAGRAPHS, part) / DROPS, task, num_extracted)
        for part in range(num_ranges)
    )
    return np.unique(np.concatenate([own, *others]))
