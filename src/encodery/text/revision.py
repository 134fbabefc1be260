"""A tokenizer with another vocabulary: fewer tokens, or more, and where each of them comes from."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import tokenizers

from encodery.text.kind import Kind


@dataclass(frozen=True)
class NewToken:
    """A token to be added. `pieces` are the tokens of today that it replaces, in the order of the text; `parts` are
    what it is joined from, which may be tokens that were added before it."""

    token: str
    pieces: tuple[str, ...]
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Revision:
    """A kind with another vocabulary. `sources` are, by new id, the old ids that the token stands for: itself, or the
    pieces that a new token replaces."""

    kind: Kind
    sources: tuple[tuple[int, ...], ...]
    added: range = range(0)
    """The ids of the new tokens."""

    @property
    def new_ids(self) -> dict[int, int]:
        """Old id → new id, of the tokens that are left."""
        return {ids[0]: index for index, ids in enumerate(self.sources) if index not in self.added}


@runtime_checkable
class Revisable(Protocol):
    """A kind whose vocabulary can be made smaller and larger."""

    def trim(self, texts: Iterable[str], keep_characters: bool = True) -> Revision:
        """Without the tokens that these texts do not need: each of them is cut into the same tokens as before.

        Special and added tokens stay; `keep_characters`: so do single characters, so that other text is cut into
        smaller pieces and not into unknown ones.
        """

    def find_tokens(self, texts: Iterable[str], num_tokens: int, min_frequency: int) -> list[NewToken]:
        """The tokens that would shorten these texts most.

        Raises:
            UserError: the texts support fewer.
        """

    def make_tokens(self, word: str) -> list[NewToken]:
        """What has to be added for a word, as it stands within a text, to be one token; the last is the word.

        Raises:
            UserError: it is no word, or one token already.
        """

    def extend(self, new: Sequence[NewToken]) -> Revision:
        """With these tokens behind the others, before the special tokens that close the vocabulary."""


def rebuilt(
    backend: tokenizers.Tokenizer, tokens: Sequence[str], model: Mapping[str, Any] | None = None
) -> tokenizers.Tokenizer:
    """The same tokenizer over the vocabulary `tokens`, by id; `model` holds changes to its model.

    Merges that need a token which is not there are left out.
    """
    stored = json.loads(backend.to_str())
    ids = {token: index for index, token in enumerate(tokens)}
    stored["model"] |= model or {}
    _renumber_model(stored["model"], ids)
    added = [{**token, "id": ids[token["content"]]} for token in stored["added_tokens"]]
    stored["added_tokens"] = sorted(added, key=lambda token: token["id"])
    _renumber_step(stored["post_processor"], ids)
    return tokenizers.Tokenizer.from_str(json.dumps(stored))


def _renumber_model(model: dict[str, Any], ids: Mapping[str, int]) -> None:
    vocabulary = model["vocab"]
    if isinstance(vocabulary, list):  # unigram: (piece, score) by id
        unknown = vocabulary[model["unk_id"]][0]
        model["vocab"] = sorted((entry for entry in vocabulary if entry[0] in ids), key=lambda entry: ids[entry[0]])
        model["unk_id"] = ids[unknown]
        return
    model["vocab"] = {token: ids[token] for token in vocabulary if token in ids}
    if "merges" in model:
        model["merges"] = [pair for pair in model["merges"] if {*pair, "".join(pair)} <= ids.keys()]


def _renumber_step(step: dict[str, Any] | None, ids: Mapping[str, int]) -> None:
    """The ids inside a post-processor."""
    if step is None:
        return
    for part in step.get("processors", ()):
        _renumber_step(part, ids)
    for name in ("cls", "sep"):
        if name in step:
            step[name] = [step[name][0], ids[step[name][0]]]
    special: Mapping[str, Any] = step.get("special_tokens", {})
    for entry in special.values():
        entry["ids"] = [ids[token] for token in entry["tokens"]]
