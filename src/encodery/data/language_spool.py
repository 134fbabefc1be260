"""Documents sorted by language on disk, in memory that grows neither with the corpus nor with the languages.

Each language has one file, opened for each chunk that is added or taken, and gone with the last one taken: the disk
holds the corpus once, and of one language twice.
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Integer

FOLDER = "spool"


@dataclass(frozen=True)
class Chunk:
    """Some whole documents of one language as arrays."""

    language: str
    ids: Integer[np.ndarray, " tokens"]
    sentence_lengths: Int64[np.ndarray, " sentences"]
    document_lengths: Int64[np.ndarray, " documents"]
    """In sentences."""


class LanguageSpool:
    """Takes chunks of any language in any order and gives back those of one. A context manager; `OSError` as it
    comes."""

    def __init__(self, folder: Path, id_type: str) -> None:
        """Files go below `folder`; `id_type` is the dtype of the ids on disk."""
        self._folder = folder / FOLDER
        self._id_type = id_type
        self._numbers: dict[str, int] = {}
        self.num_documents: Counter[str] = Counter()
        """Of each language, over all that was added."""

    def __enter__(self) -> "LanguageSpool":
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def languages(self) -> list[str]:
        """The names of those that were added, sorted."""
        return sorted(self._numbers)

    def add(self, chunk: Chunk) -> None:
        """Set a chunk aside."""
        self._folder.mkdir(exist_ok=True)
        self._numbers.setdefault(chunk.language, len(self._numbers))
        self.num_documents[chunk.language] += len(chunk.document_lengths)
        sizes = np.array([len(chunk.ids), len(chunk.sentence_lengths), len(chunk.document_lengths)])
        with self._path(chunk.language).open("ab") as file:
            for records in (sizes, chunk.ids.astype(self._id_type), chunk.sentence_lengths, chunk.document_lengths):
                file.write(records.tobytes())

    def take(self, language: str) -> Iterator[Chunk]:
        """The chunks of a language in the order in which they were added; its file is removed behind the last."""
        path, offset = self._path(language), 0
        end = path.stat().st_size
        while offset < end:
            # opened anew for each chunk: nothing stays open when the reader stops in an error
            with path.open("rb") as file:
                file.seek(offset)
                tokens, sentences, documents = np.fromfile(file, np.int64, 3).tolist()
                ids = np.fromfile(file, self._id_type, tokens)
                chunk = Chunk(language, ids, *(np.fromfile(file, np.int64, size) for size in (sentences, documents)))
                offset = file.tell()
            yield chunk
        path.unlink()

    def _path(self, language: str) -> Path:
        return self._folder / f"{self._numbers[language]:05d}.part"
