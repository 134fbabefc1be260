"""What a recipe says of learning from text without labels: `[pretrain.objective]`."""

from pydantic import Field, model_validator

from encodery.objectives.inputs import InputFormat, choose_format
from encodery.objectives.masked import MaskedConfig
from encodery.objectives.turns import MixingConfig


class ObjectiveConfig(MixingConfig):
    """What the model learns from text without labels."""

    mlm: MaskedConfig = MaskedConfig()
    nsp: bool = True
    """Also predict whether two stretches of text follow each other (BERT does, RoBERTa does not)."""
    short_sequence_probability: float = Field(default=0.1, ge=0, le=1)
    """How often a stretch of text is cut in two short sequences (not in `sentence-pair`, where all are short)."""
    inputs: InputFormat | None = Field(default=None, exclude_if=lambda name: name is None)
    """What a sequence is made of; None: `segment-pair` with `nsp`, else `doc-sentences`."""

    pair_alpha: float = Field(default=1.0, ge=0.0, le=1.0, exclude_if=lambda alpha: alpha == 1.0)
    """As `pretrain.alpha`, for aligned sentences: the share of the pairs that two languages have, raised to this
    power, gives their share of what `tlm` reads. 1 reads pairs as they come."""

    @property
    def input_format(self) -> InputFormat:
        """`inputs`, stated or not."""
        return choose_format(self.inputs, self.nsp)

    @property
    def masked_alone(self) -> "ObjectiveConfig":
        """Masked LM of these settings, and nothing else."""
        return self.model_copy(
            update={"nsp": False, "inputs": None, "weights": None, "schedule": (), "pair_alpha": 1.0}
        )

    @model_validator(mode="after")
    def _inputs_go_with_nsp(self) -> "ObjectiveConfig":
        choose_format(self.inputs, self.nsp)
        return self

    @model_validator(mode="after")
    def _sampled_pairs_are_read(self) -> "ObjectiveConfig":
        if self.pair_alpha != 1.0 and "tlm" not in self.names:
            raise ValueError(f"pair_alpha = {self.pair_alpha} samples aligned sentences, but tlm has no weight")
        return self

    @model_validator(mode="after")
    def _next_sentences_come_with_masked_text(self) -> "ObjectiveConfig":
        if self.nsp and "mlm" not in self.names:
            raise ValueError("nsp = true, which is learned beside mlm, but mlm has no weight; set nsp = false")
        return self
