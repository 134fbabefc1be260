"""A tokenizer in which every word is one token, and a random classifier over it."""

import pytest
import torch

from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.tasks.classification import TextClassification
from encodery.tasks.problems import OneLabel
from encodery.tasks.windows import Reading
from encodery.text.tokenizer import Tokenizer
from encodery.text.wordpiece import BERT_SPECIAL_TOKENS, WordPiece, build_backend

WORDS = tuple("the a river city farmer baker sees finds bright happy dull broken and or not very".split())  # noqa: SIM905
LABELS = ("bad", "good", "neither")
CONFIG = EncoderConfig(
    vocab_size=23,
    hidden_size=33,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=37,
    max_position_embeddings=29,
)


def make_tokenizer() -> Tokenizer:
    special_tokens = list(BERT_SPECIAL_TOKENS.values())
    backend = build_backend([*special_tokens, *WORDS], special_tokens, True, None, True)
    return Tokenizer(WordPiece(backend, BERT_SPECIAL_TOKENS))


def make_model(num_labels: int) -> Model:
    """Weights so large that different texts get different scores."""
    model = Model(CONFIG, TextClassification.heads, num_labels)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(3)
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.5, generator=generator)
    return model.eval()


@pytest.fixture
def tokenizer() -> Tokenizer:
    return make_tokenizer()


@pytest.fixture
def task(tokenizer: Tokenizer) -> TextClassification:
    return TextClassification(tokenizer, OneLabel(LABELS), Reading(max_seqlen=11))


@pytest.fixture
def model() -> Model:
    return make_model(len(LABELS))
