"""From the name of a model in a recipe to the model."""

from functools import lru_cache
from pathlib import Path

from encodery.corpus.languages.fasttext import FastText, packaged_ftz
from encodery.corpus.languages.identifier import Identifier
from encodery.corpus.languages.naive_bayes import NaiveBayes
from encodery.errors import UserError

PY3LANGID = "py3langid"
FTZ = "lid.176.ftz"
FASTTEXT = "fasttext:"


@lru_cache(maxsize=4)
def identifier_of(name: str, base: Path) -> Identifier:
    """The model of that name, read once.

    Args:
        name: `py3langid`, `lid.176.ftz` or `fasttext:PATH`.
        base: where a relative path starts.

    Raises:
        UserError: an unknown name, a package that is missing, a file that is no model.
    """
    check_name(name)
    if name == PY3LANGID:
        return NaiveBayes()
    return FastText(packaged_ftz() if name == FTZ else base / name.removeprefix(FASTTEXT))


def check_name(name: str) -> None:
    """Whether there could be such a model.

    Raises:
        UserError: no model can have that name.
    """
    if name not in (PY3LANGID, FTZ) and (not name.startswith(FASTTEXT) or name == FASTTEXT):
        raise UserError(f"{name!r:.80} is no language model; {PY3LANGID!r}, {FTZ!r} or '{FASTTEXT}PATH' is allowed")
