"""Perplexity over phases: models are trained before all else; what is much of it is known when all is measured."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from encodery.corpus.launch import task_folder
from encodery.corpus.ledger import Ledger
from encodery.corpus.lm.buckets import Bucket, Cutoffs, Perplexities
from encodery.corpus.page import Page
from encodery.corpus.phases.reading_back import Filtered
from encodery.corpus.steps.perplexity import PerplexityConfig, cutoffs, train

MODELS = "models"
GRADE = "grade"
CUTOFFS = "cutoffs.json"
PERPLEXITY = "perplexity"
BUCKETS = "buckets"


@dataclass(frozen=True)
class Train:
    """The model of each language, from text that the recipe calls good."""

    config: PerplexityConfig
    languages: Sequence[str]
    base: Path

    def __call__(self, task: int, into: Path) -> None:
        train(self.config, self.languages[task], self.base, into)


def models_by_language(folder: Path, languages: Sequence[str]) -> Path:
    """A folder in which the models lie under the names of their languages."""
    links = folder / f"{MODELS}-by-language"
    links.mkdir(parents=True, exist_ok=True)
    for task, language in enumerate(languages):
        link = links / language
        if not link.is_symlink():
            link.symlink_to(Path("..") / task_folder(folder, MODELS, task).relative_to(folder))
    return links


@dataclass(frozen=True)
class Grade:
    """Where head and middle of a language end."""

    filtered: Filtered
    languages: Sequence[str]
    config: PerplexityConfig

    def __call__(self, task: int, into: Path) -> None:
        language = self.languages[task]
        found = Perplexities()
        for pages, copies in self.filtered.pages(language, 0, self.filtered.num_tasks):
            kept = (page.scores.get(PERPLEXITY) for page, copy in zip(pages, copies, strict=True) if not copy)
            found.add(np.fromiter((value for value in kept if value is not None), np.float64))
        limits = cutoffs(found, self.config, language)
        (into / CUTOFFS).write_text(json.dumps(asdict(limits)), encoding="utf-8")


@dataclass(frozen=True)
class Buckets:
    """Head, middle and tail of each language, and which of them are kept."""

    cutoffs: Mapping[str, Cutoffs]
    keep: Sequence[Bucket]

    @classmethod
    def read(cls, folder: Path, languages: Sequence[str], keep: Sequence[Bucket]) -> "Buckets":
        """What the phase `grade` left."""
        files = (task_folder(folder, GRADE, task) / CUTOFFS for task in range(len(languages)))
        limits = (Cutoffs(**json.loads(file.read_text(encoding="utf-8"))) for file in files)
        return cls(dict(zip(languages, limits, strict=True)), keep)

    def sort(self, pages: Sequence[Page], ledger: Ledger) -> dict[str, list[Page]]:
        """Pages of one language by their bucket; those of the others are dropped."""
        sorted_pages: dict[str, list[Page]] = {}
        for page in pages:
            perplexity = page.scores.get(PERPLEXITY)
            limits = self.cutoffs.get(page.language, Cutoffs())
            bucket = limits.bucket(perplexity)
            if perplexity is not None and limits.head is not None and limits.middle is not None:
                ledger.observe(f"{PERPLEXITY}/score/{page.language}", perplexity, page, (limits.head, limits.middle))
            if bucket in self.keep:
                sorted_pages.setdefault(bucket, []).append(page)
            else:
                ledger.drop(page, f"{BUCKETS}/{bucket}")
        ledger.passed(BUCKETS, pages)
        return sorted_pages
