"""The shape of an encoder, in Hugging Face's field names."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from encodery.config import Config

Size = Annotated[int, Field(ge=1, le=1 << 24)]  # far above any model; below, products of sizes cannot overflow
Probability = Field(default=0.1, ge=0.0, lt=1.0)


class EncoderConfig(Config):
    """Sizes and constants of one encoder. Each field is read on one line of the model."""

    vocab_size: Size
    hidden_size: Size = 768
    num_hidden_layers: Size = 12
    num_attention_heads: Size = 12
    intermediate_size: Size = 3072
    hidden_act: Literal["gelu", "gelu_new", "relu"] = "gelu"
    hidden_dropout_prob: float = Probability
    attention_probs_dropout_prob: float = Probability
    embedding_dropout: float | None = Field(default=None, ge=0.0, lt=1.0)
    """Of the embeddings; `hidden_dropout_prob` if not given."""
    attention_out_dropout: float | None = Field(default=None, ge=0.0, lt=1.0)
    """Of what attention adds to its input; `hidden_dropout_prob` if not given."""
    norm: Literal["post", "pre"] = "post"
    """Layers normalise what they give on, or what they take in; then one more norm follows the last layer."""
    norm_bias: bool = True
    embedding_norm: bool = True
    """Normalise the embeddings; with `norm = "pre"` the first attention then has no norm, for it needs none."""
    attention_bias: bool = True
    mlp_bias: bool = True
    gated_mlp: bool = False
    """A second product of the same width gates the activation (Shazeer 2020); dropout stands behind the gate."""
    global_attn_every_n_layers: Size = 1
    """The first layer of so many sees whole sequences, the others a window; 1: all see whole sequences."""
    attention_window: Size = 128
    """Width of the window of the others: a token sees half of it (rounded down) to either side, and itself."""
    position: Literal["learned", "sinusoidal", "rope"] = "learned"
    max_position_embeddings: Size = 512
    """Rows of the position table; with `rope`, which has none, the longest sequence."""
    rope_theta: float = Field(default=10_000.0, ge=1.0)
    """Base of the wave lengths of `rope` where whole sequences are seen."""
    local_rope_theta: float = Field(default=10_000.0, ge=1.0)
    """The same in the layers with a window."""
    position_offset: int = Field(default=0, ge=0, le=1 << 24)
    """The row at which a sequence begins; the one before it is that of a padding token, as fairseq has it."""
    type_vocab_size: int = Field(default=2, ge=0, le=1 << 24)
    """0: token types are ignored; 1: every token is of the one type."""
    num_languages: int = Field(default=0, ge=0, le=1 << 24)
    use_language_embeddings: bool = True
    """Where there are two languages or more, add a vector for the language of each token."""
    layer_norm_eps: float = Field(default=1e-12, gt=0.0)
    initializer_range: float = Field(default=0.02, gt=0.0)
    embed_init_std: float | None = Field(default=None, gt=0.0)
    """Of fresh embeddings; `initializer_range` if not given."""
    classifier_dropout: float | None = Field(default=None, ge=0.0, lt=1.0)
    """Of the heads that classify; `hidden_dropout_prob` if not given."""
    classifier_pooling: Literal["cls", "mean"] = "cls"
    """What a head reads of a sequence: its first token, or the mean of all."""
    classifier_activation: Literal["gelu", "gelu_new", "relu", "tanh"] = "gelu"
    """Behind the dense layer of the heads that have no activation of their own."""
    classifier_bias: bool = True
    """Of the dense layer of the heads."""
    decoder_bias: bool = True
    """Of the logits over the vocabulary."""
    qa_dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    start_n_top: Annotated[int, Field(ge=1, le=1 << 10)] = 5
    """Beginnings of an answer that a beam head goes on from; `end_n_top` ends for each."""
    end_n_top: Annotated[int, Field(ge=1, le=1 << 10)] = 5
    pad_token_id: int = Field(default=0, ge=0)

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads

    def is_global(self, layer: int) -> bool:
        """Whether the layer of this number (from 0) sees whole sequences."""
        return layer % self.global_attn_every_n_layers == 0

    @property
    def num_positions(self) -> int:
        """Tokens of the longest sequence that has a position for each."""
        return self.max_position_embeddings - self.position_offset

    @property
    def has_language_embeddings(self) -> bool:
        return self.num_languages > 1 and self.use_language_embeddings

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> "EncoderConfig":
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size = {self.hidden_size} cannot be shared by num_attention_heads = "
                f"{self.num_attention_heads}; choose a divisor"
            )
        return self

    @model_validator(mode="after")
    def _a_position_is_left(self) -> "EncoderConfig":
        if self.num_positions < 1:
            raise ValueError(
                f"max_position_embeddings = {self.max_position_embeddings} leaves no position behind "
                f"position_offset = {self.position_offset}; raise the one or lower the other"
            )
        return self

    @model_validator(mode="after")
    def _positions_can_be_turned(self) -> "EncoderConfig":
        if self.position == "rope" and self.head_dim % 2:
            raise ValueError(
                f"position = 'rope' turns pairs of numbers, but hidden_size = {self.hidden_size} over "
                f"num_attention_heads = {self.num_attention_heads} gives heads of {self.head_dim}; "
                "choose an even size"
            )
        if self.position == "rope" and self.position_offset:
            raise ValueError(
                f"position_offset = {self.position_offset} means a row of a position table, which position = 'rope' "
                "does not have; set it to 0"
            )
        return self

    @model_validator(mode="after")
    def _padding_is_a_token(self) -> "EncoderConfig":
        if self.pad_token_id >= self.vocab_size:
            raise ValueError(
                f"pad_token_id = {self.pad_token_id} is outside the vocabulary of {self.vocab_size} tokens"
            )
        return self
