"""Which tokenizers give a word the same tokens wherever it stands, and which words: the ground of `word_memory`.

A word is what stands between two spaces (U+0020). Of the parts that are known here, each is proved: WordPiece, whose
normaliser looks at single characters (of the decompositions and compositions of Unicode, none reaches over a space)
and whose words end at white space; byte-level BPE, whose pattern never goes on behind a space; unigram with
`WhitespaceSplit`. Anything else is left to the library.
"""

import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tokenizers

LONGEST_WORD = 48
"""Characters. Longer ones hardly ever occur again."""
_AFFIXED = re.compile("[\uff9e\uff9f\U0001f3fb-\U0001f3ff]")
"""Joined to what stands before them, though they are no marks."""


@dataclass(frozen=True)
class Independence:
    """The conditions under which words are independent of each other."""

    space_belongs_to_word: bool
    """A word is encoded with the space before it, so that the first word of a text is another one."""
    newline_is_space: bool
    """So that words also end where lines end."""
    normalize: Callable[[str], str]
    added: re.Pattern[str]
    """Tokens that are found in a text before it is cut: what stands around them may be theirs, too."""
    added_to_normal: bool
    """Some of them are looked for in the normalised text."""
    clusters: bool
    """The normaliser takes a character together with the marks behind it."""

    def holds(self, word: str) -> bool:
        """Whether the tokens of this word are the same in every text."""
        if not word:
            return not self.space_belongs_to_word
        if len(word) > LONGEST_WORD or self.added.search(word):
            return False
        if self.space_belongs_to_word and (word[0].isspace() or word[-1].isspace()):
            return False
        if self.clusters and not self._ends_with_its_spaces(word):
            return False
        return not (self.added_to_normal and self.added.search(self.normalize(word)))

    def _ends_with_its_spaces(self, word: str) -> bool:
        """Whether no character at the ends of a word is taken together with the spaces there."""
        if word.isascii() and word.isprintable():
            return True
        first, last = (unicodedata.category(word[place])[0] for place in (0, -1))
        if first not in "LNPS" or last not in "LMNPS" or _AFFIXED.match(word):
            return False
        return self.normalize(f" {word} ") == f" {self.normalize(word)} "


def independence_of(backend: tokenizers.Tokenizer) -> Independence | None:
    """The conditions for a tokenizer; None if its words are not known to be independent."""
    normalizer, pre_tokenizer = _stated(backend.normalizer), _stated(backend.pre_tokenizer)
    normalize = backend.normalizer.normalize_str if backend.normalizer else str
    by_words = _ends_words_at_white_space(pre_tokenizer)
    byte_level = pre_tokenizer.get("type") == "ByteLevel" and pre_tokenizer["use_regex"]
    known = normalizer.get("type") in ((None, "BertNormalizer", "Precompiled") if by_words else (None, "NFC"))
    if not (by_words or byte_level) or not known or getattr(backend.model, "dropout", None):
        return None
    if normalize("a b\nc") not in ("a b\nc", "a b c"):
        return None
    tokens = backend.get_added_tokens_decoder().values()
    contents = {token.content for token in tokens}
    contents |= {normalize(token.content) for token in tokens if token.normalized}
    if any(_reaches_over_spaces(content, by_words) for content in contents):
        return None
    return Independence(
        space_belongs_to_word=not by_words,
        newline_is_space=by_words,
        normalize=normalize,
        added=re.compile("|".join(map(re.escape, sorted(contents))) or r"(?!)"),
        added_to_normal=any(token.normalized for token in tokens) and backend.normalizer is not None,
        clusters=normalizer.get("type") == "Precompiled",
    )


def _stated(part: Any) -> dict[str, Any]:
    """What a part of a tokenizer says of itself."""
    stated: dict[str, Any] = json.loads(part.__getstate__()) if part is not None else {}
    return stated


def _ends_words_at_white_space(stated: dict[str, Any]) -> bool:
    if stated.get("type") != "Sequence":
        return stated.get("type") == "BertPreTokenizer"
    first, *others = stated["pretokenizers"]
    return (
        first["type"] == "WhitespaceSplit"
        and [part["type"] for part in others] == ["Metaspace"]
        and others[0]["prepend_scheme"] == "always"
    )


def _reaches_over_spaces(content: str, by_words: bool) -> bool:
    """Whether a token can be found where no single word holds it. A run of spaces is no matter where words that stand
    between two spaces are never independent."""
    if by_words:
        return not content.strip() or " " in content or "\n" in content
    return " " in content and (len(content) < 2 or content.strip(" ") != "")
