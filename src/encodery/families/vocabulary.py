"""A model over another vocabulary: rows of the word embeddings, and of all that is tied to them, are chosen anew."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from encodery.config import Config
from encodery.corpus.inputs import CorpusInput
from encodery.families.family import Family
from encodery.families.folder import ModelFolder
from encodery.model.config import EncoderConfig
from encodery.text.revision import Revision
from encodery.text.tokenizer import Tokenizer


class TrimTable(Config):
    """`[trim]`: a model without the tokens that a text does not need (Abdaoui et al. 2020)."""

    source: str = Field(default="pretrain", alias="from")
    """`pretrain`, or a model folder."""
    inputs: tuple[CorpusInput, ...] = Field(min_length=1)
    """Text that must be cut into the same tokens as before."""
    keep_characters: bool = True
    """Keep all single characters, so that no other text becomes unknown."""


class ExtendTable(Config):
    """`[extend]`: a model with more tokens, found in a text or listed."""

    source: str = Field(default="pretrain", alias="from")
    """`pretrain`, `trim`, or a model folder."""
    inputs: tuple[CorpusInput, ...] = ()
    """Text that the new tokens should shorten."""
    num_tokens: int = Field(default=0, ge=0, le=1_000_000)
    min_frequency: int = Field(default=2, ge=1)
    """What occurs less often in `inputs` becomes no token."""
    tokens: tuple[str, ...] = ()
    """Words to add, instead of those that `inputs` ask for."""

    @model_validator(mode="after")
    def _found_or_listed(self) -> "ExtendTable":
        if bool(self.tokens) == bool(self.num_tokens):
            raise ValueError(
                f"num_tokens = {self.num_tokens} and {len(self.tokens)} tokens: give one of the two, a number of "
                "tokens to find in inputs, or a list"
            )
        if self.num_tokens and not self.inputs:
            raise ValueError(f"num_tokens = {self.num_tokens} are to be found, but there is no text; add inputs")
        return self


_ROWS = ("encoder.embeddings.word.weight", "heads.mlm.decoder.weight", "heads.mlm.decoder.bias")
_POSITIONS = "encoder.embeddings.position.weight"
_SETTINGS_OF_IDS = ("_token_id", "_index")


def with_vocabulary(folder: ModelFolder, revision: Revision) -> ModelFolder:
    """The same model for another vocabulary.

    A token that was there keeps its row, bit for bit; a new one has the mean of the rows that it replaces.
    """
    tokenizer, new_ids = Tokenizer(revision.kind), revision.new_ids
    old = folder.model
    config = _config(folder.family, old.config, tokenizer, new_ids)
    model = folder.family.model(config, list(old.heads), len(folder.labels), old.pooler is not None)
    state = dict(old.state_dict())
    state |= {name: choose_rows(state[name], revision.sources) for name in _ROWS if name in state}
    if _POSITIONS in state:
        state[_POSITIONS] = _shifted(state[_POSITIONS], config.position_offset - old.config.position_offset)
    model.load_state_dict(state)
    settings = {key: _renumbered(key, value, new_ids) for key, value in folder.settings.items()}
    return replace(folder, model=model, tokenizer=tokenizer, settings=settings)


def _config(family: Family, old: EncoderConfig, tokenizer: Tokenizer, new_ids: Mapping[int, int]) -> EncoderConfig:
    fields = {name: value for name, value in old.model_dump().items() if name not in family.follows}
    padding = new_ids.get(old.pad_token_id, tokenizer.pad_token_id)
    fields |= {"vocab_size": tokenizer.vocab_size, "pad_token_id": padding}
    offset = family.encoder(fields, "the new vocabulary").position_offset
    fields["max_position_embeddings"] += offset - old.position_offset
    return family.encoder(fields, "the new vocabulary")


def choose_rows(
    table: Float[Tensor, "old *width"], sources: Sequence[tuple[int, ...]]
) -> Float[Tensor, "new *width"]:
    """A row for each new id: the old row, or the mean of several."""
    rows = table[torch.tensor([ids[0] for ids in sources], dtype=torch.long)]
    for index, ids in enumerate(sources):
        if len(ids) > 1:
            rows[index] = table[list(ids)].mean(0)
    return rows


def _shifted(table: Float[Tensor, "old width"], by: int) -> Float[Tensor, "new width"]:
    """The position table where sequences begin `by` rows later: the rows before the offset are never read."""
    return table[-by:] if by < 0 else torch.cat([table[:1].expand(by, -1), table])


def _renumbered(key: str, value: Any, new_ids: Mapping[int, int]) -> Any:
    """A setting of `config.json` that is the id of a token."""
    return new_ids.get(value, value) if key.endswith(_SETTINGS_OF_IDS) and type(value) is int else value
