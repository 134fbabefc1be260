"""What is left of one language behind the phase `near`, in the order of the input."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from encodery.corpus.launch import task_folder
from encodery.corpus.page import Page
from encodery.corpus.phases.extract import DROPS, PAGES
from encodery.corpus.phases.filtering import FILTER, LANGUAGES, OfLanguage
from encodery.corpus.phases.near import CLUSTERS
from encodery.corpus.phases.page_files import PageReader
from encodery.corpus.phases.verdicts import read_verdicts


@dataclass(frozen=True)
class Filtered:
    """What the phase `filter` left, and which documents of it `near` took out."""

    folder: Path
    num_tasks: int
    near: bool
    """Whether there was a phase `near`."""

    def languages(self, task: int) -> dict[str, OfLanguage]:
        """What a task has of each language."""
        content = json.loads((task_folder(self.folder, FILTER, task) / LANGUAGES).read_text(encoding="utf-8"))
        return {language: OfLanguage(**facts) for language, facts in content.items()}

    def pages(self, language: str, first: int, last: int) -> Iterator[tuple[list[Page], list[bool]]]:
        """The pages of a language from a range of tasks, and which of them are copies."""
        for task in range(first, last):
            found = self.languages(task).get(language)
            if found is None:
                continue
            copies = self._copies(task)
            with PageReader(task_folder(self.folder, FILTER, task) / PAGES) as reader:
                for pages, numbers in reader.batches(found.batches):
                    yield pages, np.isin(numbers, copies).tolist()

    def _copies(self, task: int) -> np.ndarray:
        if not self.near:
            return np.empty(0, np.uint32)
        return read_verdicts(task_folder(self.folder, CLUSTERS, 0) / DROPS, task, self.num_tasks)
