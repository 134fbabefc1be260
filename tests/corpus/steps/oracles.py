"""datatrove's filters as they are, but for words and sentences, which they take from here instead of from spaCy."""

import random
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page, Step

WORDS = [
    "the",
    "be",
    "to",
    "of",
    "and",
    "that",
    "have",
    "with",
    "a",
    "in",
    "house",
    "tree",
    "#tag",
    "...",
    "-",
    "!",
    "12",
    "3.4",
    "river",
    "mountains",
    "unbelievably",
    "x",
]


def datatrove_filter(monkeypatch: pytest.MonkeyPatch, module: str, name: str, **replaced: Any) -> Any:
    """The class of a filter, with functions of its module replaced."""
    pytest.importorskip("datatrove")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        imported = __import__(f"datatrove.pipeline.filters.{module}", fromlist=[name])
    for function, replacement in replaced.items():
        monkeypatch.setattr(imported, function, replacement)
    return getattr(imported, name)


def verdict(judge: Any, text: str) -> tuple[str, str]:
    """Why datatrove drops a document, "" if it does not, and the text that it leaves."""
    from datatrove.data import Document

    document = Document(text=text, id="0")
    result = judge.filter(document)
    return ("" if result is True else result[1]), document.text


def ours(step: Step, texts: list[str], language: str = "en") -> tuple[list[str], list[str]]:
    """Why a step of ours drops documents, and the texts that it leaves."""
    pages = [Page(text, str(i), language=language) for i, text in enumerate(texts)]
    step(pages, Ledger())
    return [page.dropped.partition("/")[2] for page in pages], [page.text for page in pages]


def random_texts(seed: int, number: int, line: Callable[[random.Random], str], lines: int) -> list[str]:
    """Documents of a few lines, some of which are repeated."""
    draw = random.Random(seed)
    texts = []
    for _ in range(number):
        made = [line(draw) for _ in range(draw.randint(1, lines))]
        made += draw.choices(made, k=draw.choice([0, 0, 1, 3]))
        texts.append("\n".join(made))
    return texts


def random_line(draw: random.Random) -> str:
    """Words of English and of none, with runs that are repeated, and an end."""
    words = draw.choices(WORDS, k=draw.randint(1, 23))
    if draw.random() < 0.2:
        words *= draw.randint(2, 4)
    start = draw.choice(["", "", "", "• ", "- "])
    return start + " ".join(words) + draw.choice(["", ".", "!", "?", "...", "…", '"', "。"])
