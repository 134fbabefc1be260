"""The fourth phase: documents that are nearly the same, a range of signatures at a time, and their clusters."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from encodery.corpus.dedup.near import edges, later_copies
from encodery.corpus.launch import task_folder
from encodery.corpus.phases.filtering import BANDS, EDGES, FILTER, NEAR
from encodery.corpus.phases.extract import DROPS
from encodery.corpus.phases.paragraphs import gather
from encodery.corpus.phases.runs import Range
from encodery.corpus.phases.verdicts import write_verdicts

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
    """One task: joins all pairs; of each cluster the first document of the input stays. Holds all pairs in memory."""

    folder: Path
    num_filtered: int
    num_ranges: int

    def __call__(self, task: int, into: Path) -> None:
        parts = [np.empty((0, 2), np.uint64)]
        for owner in range(self.num_filtered):
            own = np.load(task_folder(self.folder, FILTER, owner) / EDGES, allow_pickle=False)
            parts.append(own | np.uint64(owner) << np.uint64(32))
        parts += [np.load(task_folder(self.folder, NEAR, part) / EDGES, allow_pickle=False) for part in range(self.num_ranges)]
        gone = later_copies(np.unique(np.concatenate(parts), axis=0))
        write_verdicts(into / DROPS, (gone >> np.uint64(32)).astype(np.uint32), gone.astype(np.uint32), self.num_filtered)
