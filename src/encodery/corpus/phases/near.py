"""The fourth phase: documents that are nearly the same, a range of signatures at a time, and their clusters."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from encodery.corpus.dedup.clusters import later_copies
from encodery.corpus.dedup.near import edges
from encodery.corpus.launch import task_folder
from encodery.corpus.phases.extract import DROPS
from encodery.corpus.phases.filtering import BANDS, EDGES, FILTER, LANGUAGES, NEAR
from encodery.corpus.phases.paragraphs import gather
from encodery.corpus.phases.runs import Range
from encodery.corpus.phases.verdicts import write_in_order

CLUSTERS = "clusters"


@dataclass(frozen=True)
class Near:
    """Pairs of documents, by (task, number), that share a key in some ranges of bands."""

    folder: Path
    num_filtered: int
    ranges: Sequence[Sequence[Range]]

    def __call__(self, task: int, into: Path) -> None:
        found = [np.empty((0, 2), np.uint64)]
        for part in self.ranges[task]:
            records, tasks = gather(self.folder, FILTER, BANDS, self.num_filtered, part)
            documents = tasks.astype(np.uint64) << np.uint64(32) | records.documents
            found.append(edges(records.keys, documents))
        np.save(into / EDGES, np.concatenate(found))


@dataclass(frozen=True)
class Clusters:
    """One task: joins all pairs; of each cluster the first document of the input stays."""

    folder: Path
    num_filtered: int
    num_ranges: int

    def __call__(self, task: int, into: Path) -> None:
        sizes = [self._num_documents(owner) for owner in range(self.num_filtered)]
        copies = later_copies(self._pairs(), sizes, into / "parents.bin")
        write_in_order(into / DROPS, copies, self.num_filtered)

    def _num_documents(self, owner: int) -> int:
        content = (task_folder(self.folder, FILTER, owner) / LANGUAGES).read_text(encoding="utf-8")
        return sum(facts["documents"] for facts in json.loads(content).values())

    def _pairs(self) -> Iterator[np.ndarray]:
        for owner in range(self.num_filtered):
            own = np.load(task_folder(self.folder, FILTER, owner) / EDGES, allow_pickle=False)
            yield own | (np.uint64(owner) << np.uint64(32))
        for part in range(self.num_ranges):
            yield np.load(task_folder(self.folder, NEAR, part) / EDGES, allow_pickle=False)
