"""Language tags as files have them (BCP 47, OPUS): `pt-BR`, `pt_br` and `pt` are one language where nothing tells
them apart."""

from collections.abc import Sequence
from functools import lru_cache


def folded(tag: str) -> str:
    """One spelling of a tag: `pt_BR` as `pt-br`."""
    return tag.strip().replace("_", "-").lower()


@lru_cache(maxsize=1 << 10)  # a file has few sets of tags, and many units
def best_pair(languages: tuple[str, str], tags: tuple[str, ...]) -> tuple[str, str]:
    """The tags that are the two languages: the same but for their spelling, else the first of their kind, whatever
    the region or script; "" where there is none. No tag is both."""
    source = _best(languages[0], [tag for tag in tags if folded(tag) != folded(languages[1])])
    return source, _best(languages[1], [tag for tag in tags if tag != source])


def _best(language: str, tags: Sequence[str]) -> str:
    wanted = folded(language)
    kind = wanted.partition("-")[0]
    of_kind = [tag for tag in tags if folded(tag).partition("-")[0] == kind]
    return next((tag for tag in of_kind if folded(tag) == wanted), of_kind[0] if of_kind else "")
