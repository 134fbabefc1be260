"""The `model` table of a recipe."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from encodery.config import Config
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.model.config import EncoderConfig


class ModelTable(Config):
    """`[model]`: a family, one of its presets, and changes to single fields of the encoder."""

    family: str = "bert"
    preset: str = "base"
    config: Mapping[str, Any] = Field(default_factory=dict)
    """`EncoderConfig` fields that differ from the preset."""

    @model_validator(mode="after")
    def _family_and_fields_exist(self) -> "ModelTable":
        if self.family not in FAMILIES:
            raise ValueError(f"family = {self.family!r}; one of {', '.join(FAMILIES)} is allowed")
        if "vocab_size" in self.config:
            raise ValueError("config.vocab_size follows from the vocabulary; set tokenizer.vocab_size")
        try:
            self.encoder(vocab_size=EncoderConfig.model_fields["max_position_embeddings"].default)
        except UserError as error:
            raise ValueError(str(error)) from None
        return self

    def encoder(self, vocab_size: int, pad_token_id: int | None = None) -> EncoderConfig:
        """The encoder's configuration for a vocabulary of this size (and padding token, once it is known)."""
        family = FAMILIES[self.family]
        fields = {**family.preset(self.preset, **self.config), "vocab_size": vocab_size}
        if pad_token_id is not None:
            fields["pad_token_id"] = pad_token_id
        else:  # the family's stands in, unless the vocabulary is too small for it
            fields.setdefault("pad_token_id", min(family.defaults.get("pad_token_id", 0), vocab_size - 1))
        return family.encoder(fields, "model.config")
