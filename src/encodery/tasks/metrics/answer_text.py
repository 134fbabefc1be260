"""Answers as they are compared: lower case, without punctuation and articles, words apart by one space."""

import re
import string
import unicodedata
from collections.abc import Mapping

from encodery.errors import UserError

_ENGLISH = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_CHINESE = re.compile("([\u4e00-\u9fa5])")
ARTICLES: Mapping[str, re.Pattern[str] | None] = {
    "ar": re.compile("ال"),  # wherever it stands: so the official script, whose other alternative can never match
    "de": re.compile(r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"),
    "en": _ENGLISH,
    "es": re.compile(r"\b(un|una|unos|unas|el|la|los|las)\b"),
    "hi": None,
    "vi": re.compile(r"\b(của|là|cái|chiếc|những)\b"),
    "zh": None,
}
"""MLQA's languages (Lewis et al. 2020) and what counts as an article in each."""


def squad_text(text: str) -> str:
    """By the official scripts of SQuAD: punctuation is ASCII's, articles are English."""
    return " ".join(_ENGLISH.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def mlqa_text(text: str, language: str) -> str:
    """By the official script of MLQA: punctuation is Unicode's and ASCII's, articles are the language's, and each
    Chinese character of a Chinese answer is a word.

    Raises:
        UserError: MLQA has no rules for the language.
    """
    if language not in ARTICLES:
        raise UserError(
            f"language = {language!r:.80}: MLQA has rules for {', '.join(ARTICLES)}; "
            "leave the language out to compare by SQuAD's"
        )
    articles = ARTICLES[language]
    text = "".join(character for character in text.lower() if not _is_punctuation(character))
    text = articles.sub(" ", text) if articles else text
    if language == "zh":
        text = _CHINESE.sub(r" \1 ", text)
    return " ".join(text.split())


def _is_punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character).startswith("P")
