"""A tiny model that translates, and its task."""

import torch

from encodery.data.translations import TranslationExample
from encodery.model.config import EncoderConfig
from encodery.model.heads import BERT_HEADS
from encodery.model.search import GenerationConfig
from encodery.model.translator import Translator
from encodery.tasks.directions import Directions
from encodery.tasks.languages import Languages
from encodery.tasks.translation import Translation
from encodery.tasks.windows import Overflow, Reading
from tests.tasks.conftest import CONFIG, make_tokenizer

BOTH = Directions((("en", "de"), ("de", "en")))
ONE = Directions((("en", "de"),))
IDS = Languages({"de": 0, "fr": 1, "en": 2})
SPOKEN = CONFIG.model_copy(update={"num_languages": 3})


def make_task(
    directions: Directions = BOTH,
    languages: Languages | None = IDS,
    max_seqlen: int = 11,
    on_overflow: Overflow = "window",
    num_beams: int = 1,
    num_return_sequences: int = 1,
    length_penalty: float = 1.0,
    label_smoothing: float = 0.0,
) -> Translation:
    return Translation(
        make_tokenizer(),
        directions,
        Reading(max_seqlen=max_seqlen, on_overflow=on_overflow),
        languages,
        GenerationConfig(
            num_beams=num_beams, num_return_sequences=num_return_sequences, length_penalty=length_penalty
        ),
        label_smoothing,
    )


def make_translator(config: EncoderConfig = SPOKEN, seed: int = 3) -> Translator:
    """Weights so large that different texts get different translations."""
    model = Translator(config, config, BERT_HEADS["mlm"])
    with torch.no_grad():
        generator = torch.Generator().manual_seed(seed)
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.5, generator=generator)
    return model.eval()


def example(text: str, translation: str | None = None, source: str = "en", target: str = "de") -> TranslationExample:
    return TranslationExample(text, translation, "a:1").between(source, target)
